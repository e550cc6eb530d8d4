// C = act(scale · A·B + bias) + residual by cooperative matrices: tiles that a whole subgroup holds and
// multiplies. A workgroup of four subgroups of LANES owns 64 × 64 outputs, each subgroup 32 × 32 of
// them as tiles of TILE × TILE (8 or 16).
//
// Blocks of A and B are staged in workgroup memory, zero past the edges, so that any m, n and k divide
// into tiles; weights stored as f16 become f32 on the way. Nothing can look into a tile, so the results
// go through workgroup memory too, one row of tiles at a time, to where `finish` writes them. 10 KiB;
// rows are padded by four floats against bank conflicts, and stay aligned to the 16 bytes that loads want.
//
// Factors and sums are f32. Factors in f16, which most hardware prefers, would round A to 11 bits: off
// by 2⁻¹¹·Σ|a||b| where the product promises γₖ₊₁·Σ|a||b|, and infinite above 65504.

#enable wgpu_cooperative_matrix
#include "common/matmul.wgsl"

const EDGE: u32 = 64u;                        // of the workgroup's block
const PART: u32 = 32u;                        // edge of a subgroup's block
const DEPTH: u32 = 16u;                       // of a stage
const SIZE: u32 = 4u * LANES;                 // invocations
const STRIDE: u32 = DEPTH + 4u;               // of a staged row
const B_AT: u32 = EDGE * STRIDE;
const OUT_STRIDE: u32 = PART + 4u;            // of a row of results
const OUT_SIZE: u32 = TILE * OUT_STRIDE;      // of a subgroup's row of tiles
// Staged: A [EDGE][STRIDE] and Bᵀ [EDGE][STRIDE]. At the end: results [4][TILE][OUT_STRIDE].
var<workgroup> stage: array<f32, 2560>;

@compute @workgroup_size(${4 * LANES})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
    @builtin(subgroup_id) id: u32,
) {
    let row0 = group.y * EDGE;
    let col0 = group.x * EDGE;
    let base = bases(group.z);
    // A driver that split the workgroup otherwise would compute nonsense, but in bounds.
    let subgroup = min(id, 3u);
    let a_at = subgroup / 2u * PART * STRIDE;
    let b_at = B_AT + subgroup % 2u * PART * STRIDE;

    for (var i = index; i < OUT_SIZE; i += SIZE) {
        stage[i] = 0.0;
    }
    workgroupBarrier();
#for i in 0..32 / TILE
#for j in 0..32 / TILE
    var c_${i}_$j = coopLoadT<TileC>(&stage[0], OUT_STRIDE);
#end
#end
    workgroupBarrier();

    for (var k0 = 0u; k0 < params.k; k0 += DEPTH) {
        // A block of A and one of B are EDGE · DEPTH / 4 vec4s each.
        for (var i = index; i < EDGE * DEPTH / 4u; i += SIZE) {
            let row = i / (DEPTH / 4u);
            let along = i % (DEPTH / 4u) * 4u;
            var a4 = vec4<f32>(0.0);
            if row0 + row < params.m && k0 + along < params.k {
                a4 = a[(base.a + (row0 + row) * params.a_row + k0 + along) / 4u];
            }
            var b4 = vec4<f32>(0.0);
#if B_KN
            let kb = i / (EDGE / 4u);
            let nb = i % (EDGE / 4u) * 4u;
            if k0 + kb < params.k && col0 + nb < params.n {
                b4 = load_b4((base.b + (k0 + kb) * params.b_row + col0 + nb) / 4u);
            }
#else
            if col0 + row < params.n && k0 + along < params.k {
                b4 = load_b4((base.b + (col0 + row) * params.b_row + k0 + along) / 4u);
            }
#end
#for e in 0..4
            stage[row * STRIDE + along + ${e}u] = a4[$e];
#if B_KN
            stage[B_AT + (nb + ${e}u) * STRIDE + kb] = b4[$e];
#else
            stage[B_AT + row * STRIDE + along + ${e}u] = b4[$e];
#end
#end
        }
        workgroupBarrier();
        // coopLoadT reads rows one after another, coopLoad columns: B as the columns of Bᵀ's rows.
#for s in 0..16 / TILE
#for j in 0..32 / TILE
        let b_${s}_$j = coopLoad<TileB>(&stage[b_at + ${j * TILE}u * STRIDE + ${s * TILE}u], STRIDE);
#end
#for i in 0..32 / TILE
        let a_${s}_$i = coopLoadT<TileA>(&stage[a_at + ${i * TILE}u * STRIDE + ${s * TILE}u], STRIDE);
#for j in 0..32 / TILE
        c_${i}_$j = coopMultiplyAdd(a_${s}_$i, b_${s}_$j, c_${i}_$j);
#end
#end
#end
        workgroupBarrier();
    }

#for i in 0..32 / TILE
#for j in 0..32 / TILE
    coopStoreT(c_${i}_$j, &stage[subgroup * OUT_SIZE + ${j * TILE}u], OUT_STRIDE);
#end
    workgroupBarrier();
    for (var e = index; e < 4u * TILE * PART; e += SIZE) {
        let owner = e / (TILE * PART);
        let down = e / PART % TILE;
        let across = e % PART;
        let row = row0 + owner / 2u * PART + ${i * TILE}u + down;
        let col = col0 + owner % 2u * PART + across;
        if row < params.m && col < params.n {
            finish(stage[owner * OUT_SIZE + down * OUT_STRIDE + across], bias_of(col), base.c + row * params.c_row + col);
        }
    }
    workgroupBarrier();
#end
}
