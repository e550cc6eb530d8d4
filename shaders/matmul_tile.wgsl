// C = act(scale · A·B + bias) + residual for GPUs: a workgroup of 16 × 16 invocations stages
// TILE × TILE_K panels of A and B in workgroup memory and each invocation keeps a 4 × 4 block of
// the 64 × 64 outputs in registers. Adds over `naive`: global memory is read once per tile instead
// of once per output. 2 · 16 · 68 floats = 8.5 KiB of workgroup memory; rows are padded by four
// floats so that the transposing stores do not all hit one bank.

struct Params {
    m: u32, n: u32, k: u32,
    a_offset: u32, a_row: u32, a_outer: u32, a_inner: u32,
    b_offset: u32, b_row: u32, b_outer: u32, b_inner: u32,
    c_offset: u32, c_row: u32, c_outer: u32, c_inner: u32,
    inner_count: u32,
    scale: f32,
}
#params

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;    // [m, k / 4]
#if B_F16
@group(0) @binding(1) var<storage, read> b: array<vec2<u32>>;    // [n, k / 4] or [k, n / 4]
#else
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;    // [n, k / 4] or [k, n / 4]
#end
#if BIAS
@group(0) @binding($BIAS_AT) var<storage, read> bias: array<f32>;       // [n]
#end
#if RESIDUAL
@group(0) @binding($RESIDUAL_AT) var<storage, read> residual: array<f32>;   // [m, n], laid out as c
#end
@group(0) @binding($C_AT) var<storage, read_write> c: array<f32>;       // [m, n]

#include "common/weights.wgsl"
#include "common/activation.wgsl"

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
    let outer = group.z / params.inner_count;
    let inner = group.z % params.inner_count;
    let a_base = params.a_offset + outer * params.a_outer + inner * params.a_inner;
    let b_base = params.b_offset + outer * params.b_outer + inner * params.b_inner;
    let c_base = params.c_offset + outer * params.c_outer + inner * params.c_inner;

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
            a4 = a[(a_base + (row0 + along_tile) * params.a_row + ka) / 4u];
        }
#for e in 0..4
        a_tile[(along_k * 4u + ${e}u) * STRIDE + along_tile] = a4[$e];
#end
        var b4 = vec4<f32>(0.0);
#if B_KN
        let kb = k0 + index / (TILE / 4u);
        let nb = col0 + (index % (TILE / 4u)) * 4u;
        if kb < params.k && nb < params.n {
            b4 = load_b4((b_base + kb * params.b_row + nb) / 4u);
        }
#for e in 0..4
        b_tile[(index / (TILE / 4u)) * STRIDE + (index % (TILE / 4u)) * 4u + ${e}u] = b4[$e];
#end
#else
        if col0 + along_tile < params.n && ka < params.k {
            b4 = load_b4((b_base + (col0 + along_tile) * params.b_row + ka) / 4u);
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
            var value = c_$i[$j] * params.scale;
#if BIAS
            value += bias[col_${i}_$j];
#end
#if ACTIVATE
            value = $ACTIVATION(value);
#end
            let at = c_base + row_$i * params.c_row + col_${i}_$j;
#if RESIDUAL
            value += residual[at];
#end
            c[at] = value;
        }
#end
    }
#end
}
