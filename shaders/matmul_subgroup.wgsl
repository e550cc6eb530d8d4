// C = act(scale · A·Bᵀ + bias) + residual for devices that run a subgroup as one SIMD vector.
// A workgroup is exactly one subgroup of LANES invocations and owns (ROWS·LANES) × (COLS·LANES)
// outputs. Adds over `register`: a load there is a scalar loop over the lanes, so each value is
// loaded by one lane only and reaches the others by a broadcast, one permute instruction.
// The four k-steps are chained in one expression, because an accumulator that lives across a loop
// is spilled and reloaded once a visit: more work a visit hides it.

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

@compute @workgroup_size($LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let row0 = group.y * (ROWS * LANES);
    let col0 = group.x * (COLS * LANES);
    let outer = group.z / params.inner_count;
    let inner = group.z % params.inner_count;
    let a_base = params.a_offset + outer * params.a_outer + inner * params.a_inner;
    let b_base = params.b_offset + outer * params.b_outer + inner * params.b_inner;
    let c_base = params.c_offset + outer * params.c_outer + inner * params.c_inner;
    // Rows and columns past the edge read the last valid one and are not written.
#for i in 0..ROWS
    let a_at_$i = (a_base + min(row0 + lane + ${i * LANES}u, params.m - 1u) * params.a_row) / 4u;
#end
#for j in 0..COLS
    let b_at_$j = (b_base + min(col0 + lane + ${j * LANES}u, params.n - 1u) * params.b_row) / 4u;
#end
#for r in 0..ROWS * LANES
#for j in 0..COLS
    var c_${r}_$j = 0.0;
#end
#end
    for (var k = 0u; k < params.k / 4u; k++) {
#for j in 0..COLS
        let b_$j = load_b4(b_at_$j + k);
#end
#for i in 0..ROWS
        let a_$i = a[a_at_$i + k];
#for l in 0..LANES
        let s_${i * LANES + l} = subgroupBroadcast(a_$i, ${l}u);
#for j in 0..COLS
        c_${i * LANES + l}_$j = c_${i * LANES + l}_$j
            + s_${i * LANES + l}.x * b_$j.x + s_${i * LANES + l}.y * b_$j.y
            + s_${i * LANES + l}.z * b_$j.z + s_${i * LANES + l}.w * b_$j.w;
#end
#end
#end
    }
#for j in 0..COLS
    let col_$j = col0 + lane + ${j * LANES}u;
    if col_$j < params.n {
#if BIAS
        let bias_$j = bias[col_$j];
#end
#for r in 0..ROWS * LANES
        if row0 + ${r}u < params.m {
            var value = c_${r}_$j * params.scale;
#if BIAS
            value += bias_$j;
#end
#if ACTIVATE
            value = $ACTIVATION(value);
#end
            let at = c_base + (row0 + ${r}u) * params.c_row + col_$j;
#if RESIDUAL
            value += residual[at];
#end
            c[at] = value;
        }
#end
    }
#end
}
