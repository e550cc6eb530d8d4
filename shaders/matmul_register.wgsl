// C = act(scale · A·Bᵀ + bias) + residual, ROWS × COLS outputs in the registers of one invocation.
// No workgroup memory and no barrier: on a CPU, where caches are real and barriers are coroutine
// switches, this is the best that plain WGSL can do. Adds over `naive`: each loaded value is used
// ROWS (or COLS) times, and loads come four at a time along k.

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
@group(0) @binding(1) var<storage, read> b: array<vec2<u32>>;    // [n, k / 4], four halves each
#else
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;    // [n, k / 4]
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

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let row0 = group.y * ROWS;
    let col0 = (group.x * 8u + lane) * COLS;
    if col0 >= params.n {
        return;
    }
    let outer = group.z / params.inner_count;
    let inner = group.z % params.inner_count;
    let a_base = params.a_offset + outer * params.a_outer + inner * params.a_inner;
    let b_base = params.b_offset + outer * params.b_outer + inner * params.b_inner;
    let c_base = params.c_offset + outer * params.c_outer + inner * params.c_inner;
    // Rows and columns past the edge read the last valid one and are not written.
#for i in 0..ROWS
    let a_at_$i = (a_base + min(row0 + ${i}u, params.m - 1u) * params.a_row) / 4u;
#end
#for j in 0..COLS
    let b_at_$j = (b_base + min(col0 + ${j}u, params.n - 1u) * params.b_row) / 4u;
#end
#for i in 0..ROWS
#for j in 0..COLS
    var c_${i}_$j = 0.0;
#end
#end
    for (var k = 0u; k < params.k / 4u; k++) {
#for i in 0..ROWS
        let a_$i = a[a_at_$i + k];
#end
#for j in 0..COLS
        let b_$j = load_b4(b_at_$j + k);
#for i in 0..ROWS
        c_${i}_$j += dot(a_$i, b_$j);
#end
#end
    }
#for j in 0..COLS
    if col0 + ${j}u < params.n {
#for i in 0..ROWS
        if row0 + ${i}u < params.m {
            var value = c_${i}_$j * params.scale;
#if BIAS
            value += bias[col0 + ${j}u];
#end
#if ACTIVATE
            value = $ACTIVATION(value);
#end
            let at = c_base + (row0 + ${i}u) * params.c_row + col0 + ${j}u;
#if RESIDUAL
            value += residual[at];
#end
            c[at] = value;
        }
#end
    }
#end
}
