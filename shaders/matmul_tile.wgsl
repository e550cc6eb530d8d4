// C = act(scale · A·B + bias) + residual for GPUs: a workgroup of 16 × 16 invocations stages
// TILE × TILE_K panels of A and B in workgroup memory and each invocation keeps a 4 × 4 block of
// the 64 × 64 outputs in registers. Adds over `naive`: global memory is read once per tile instead
// of once per output. 2 · 16 · 68 floats = 8.5 KiB of workgroup memory; rows are padded by four
// floats so that the transposing stores do not all hit one bank.

#include "common/matmul.wgsl"

const STRIDE: u32 = TILE + 4u;
var<workgroup> a_tile: array<f32, ${TILE_K * (TILE + 4)}>;   // [TILE_K][TILE + 4], transposed
var<workgroup> b_tile: array<f32, ${TILE_K * (TILE + 4)}>;   // [TILE_K][TILE + 4]

@compute @workgroup_size(16, 16)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let row0 = group.y * TILE;
    let col0 = group.x * TILE;
    let base = bases(group.z);

    // Each invocation stages one vec4 of A and one of B: TILE · TILE_K / 4 = 256 of each.
    let along_k = index % (TILE_K / 4u);
    let along_tile = index / (TILE_K / 4u);
#for i in 0..4
    var c_$i = vec4<f32>(0.0);
#end
    for (var k0 = 0u; k0 < params.k; k0 += TILE_K) {
        var a4 = vec4<f32>(0.0);
        let ka = k0 + along_k * 4u;
        if row0 + along_tile < params.m && ka < params.k {
            a4 = a[(base.a + (row0 + along_tile) * params.a_row + ka) / 4u];
        }
#for e in 0..4
        a_tile[(along_k * 4u + ${e}u) * STRIDE + along_tile] = a4[$e];
#end
        var b4 = vec4<f32>(0.0);
#if B_KN
        let kb = k0 + index / (TILE / 4u);
        let nb = col0 + (index % (TILE / 4u)) * 4u;
        if kb < params.k && nb < params.n {
            b4 = load_b4((base.b + kb * params.b_row + nb) / 4u);
        }
#for e in 0..4
        b_tile[(index / (TILE / 4u)) * STRIDE + (index % (TILE / 4u)) * 4u + ${e}u] = b4[$e];
#end
#else
        if col0 + along_tile < params.n && ka < params.k {
            b4 = load_b4((base.b + (col0 + along_tile) * params.b_row + ka) / 4u);
        }
#for e in 0..4
        b_tile[(along_k * 4u + ${e}u) * STRIDE + along_tile] = b4[$e];
#end
#end
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let a_at = k * STRIDE + local.y * 4u;
            let b_at = k * STRIDE + local.x * 4u;
            let bv = vec4<f32>(b_tile[b_at], b_tile[b_at + 1u], b_tile[b_at + 2u], b_tile[b_at + 3u]);
#for i in 0..4
            c_$i += a_tile[a_at + ${i}u] * bv;
#end
        }
        workgroupBarrier();
    }
#for i in 0..4
    let row_$i = row0 + local.y * 4u + ${i}u;
    if row_$i < params.m {
#for j in 0..4
        let col_${i}_$j = col0 + local.x * 4u + ${j}u;
        if col_${i}_$j < params.n {
            finish(c_$i[$j], bias_of(col_${i}_$j), base.c + row_$i * params.c_row + col_${i}_$j);
        }
#end
    }
#end
}
