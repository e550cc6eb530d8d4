// C = act(scale · A·B + bias) + residual for GPUs: a workgroup stages TILE × TILE_K blocks of A and B
// in workgroup memory, and each invocation keeps PART × PART of the TILE × TILE outputs in registers.
// Adds over `naive`: global memory is read once per block instead of once per output, and workgroup
// memory once per PART products. 8 · TILE_K · (TILE + 4) bytes; rows are padded by four floats so
// that the transposing stores do not all hit one bank.

#include "common/matmul.wgsl"

const STRIDE: u32 = TILE + 4u;
const ACROSS: u32 = TILE / PART;              // invocations along an edge
const SIZE: u32 = ACROSS * ACROSS;            // invocations
var<workgroup> a_tile: array<f32, ${TILE_K * (TILE + 4)}>;   // [TILE_K][TILE + 4], transposed
var<workgroup> b_tile: array<f32, ${TILE_K * (TILE + 4)}>;   // [TILE_K][TILE + 4]

@compute @workgroup_size(${TILE / PART}, ${TILE / PART})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let row0 = group.y * TILE;
    let col0 = group.x * TILE;
    let base = bases(group.z);
    // An invocation's outputs lie in quarters of four rows and four columns, ACROSS · 4 apart:
    // neighbours write neighbouring columns.
#for i in 0..PART
#for q in 0..PART / 4
    var c_${i}_$q = vec4<f32>(0.0);
#end
#end
    for (var k0 = 0u; k0 < params.k; k0 += TILE_K) {
        // A block is TILE · TILE_K / 4 vec4s, shared out evenly.
#for s in 0..TILE * TILE_K / 4 / ((TILE / PART) * (TILE / PART))
        let i_$s = index + ${s}u * SIZE;
        let along_k_$s = i_$s % (TILE_K / 4u);
        let along_tile_$s = i_$s / (TILE_K / 4u);
        let ka_$s = k0 + along_k_$s * 4u;
        var a4_$s = vec4<f32>(0.0);
        if row0 + along_tile_$s < params.m && ka_$s < params.k {
            a4_$s = a[(base.a + (row0 + along_tile_$s) * params.a_row + ka_$s) / 4u];
        }
#for e in 0..4
        a_tile[(along_k_$s * 4u + ${e}u) * STRIDE + along_tile_$s] = a4_$s[$e];
#end
        var b4_$s = vec4<f32>(0.0);
#if B_KN
        let kb_$s = k0 + i_$s / (TILE / 4u);
        let nb_$s = col0 + (i_$s % (TILE / 4u)) * 4u;
        if kb_$s < params.k && nb_$s < params.n {
            b4_$s = load_b4((base.b + kb_$s * params.b_row + nb_$s) / 4u);
        }
#for e in 0..4
        b_tile[(i_$s / (TILE / 4u)) * STRIDE + (i_$s % (TILE / 4u)) * 4u + ${e}u] = b4_$s[$e];
#end
#else
        if col0 + along_tile_$s < params.n && ka_$s < params.k {
            b4_$s = load_b4((base.b + (col0 + along_tile_$s) * params.b_row + ka_$s) / 4u);
        }
#for e in 0..4
        b_tile[(along_k_$s * 4u + ${e}u) * STRIDE + along_tile_$s] = b4_$s[$e];
#end
#end
#end
        workgroupBarrier();
        for (var k = 0u; k < TILE_K; k++) {
            let a_at = k * STRIDE + local.y * 4u;
            let b_at = k * STRIDE + local.x * 4u;
#for q in 0..PART / 4
            let b_$q = vec4<f32>(b_tile[b_at + ${q}u * ACROSS * 4u], b_tile[b_at + ${q}u * ACROSS * 4u + 1u],
                b_tile[b_at + ${q}u * ACROSS * 4u + 2u], b_tile[b_at + ${q}u * ACROSS * 4u + 3u]);
#end
#for i in 0..PART
            let a_$i = a_tile[a_at + ${i / 4}u * ACROSS * 4u + ${i % 4}u];
#for q in 0..PART / 4
            c_${i}_$q += a_$i * b_$q;
#end
#end
        }
        workgroupBarrier();
    }
#for i in 0..PART
    let row_$i = row0 + ${i / 4}u * ACROSS * 4u + local.y * 4u + ${i % 4}u;
    if row_$i < params.m {
#for j in 0..PART
        let col_${i}_$j = col0 + ${j / 4}u * ACROSS * 4u + local.x * 4u + ${j % 4}u;
        if col_${i}_$j < params.n {
            finish(c_${i}_${j / 4}[${j % 4}], bias_of(col_${i}_$j), base.c + row_$i * params.c_row + col_${i}_$j);
        }
#end
    }
#end
}
