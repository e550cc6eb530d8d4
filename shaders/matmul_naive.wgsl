// C = act(scale · A·B + bias) + residual, one output per invocation.
// The oracle among the variants: any shape, any order, any device; no reuse, so bound by memory.

struct Params {
    m: u32, n: u32, k: u32,
    a_offset: u32, a_row: u32, a_outer: u32, a_inner: u32,
    b_offset: u32, b_row: u32, b_outer: u32, b_inner: u32,
    c_offset: u32, c_row: u32, c_outer: u32, c_inner: u32,
    inner_count: u32,
    scale: f32,
}
#params

@group(0) @binding(0) var<storage, read> a: array<f32>;          // [m, k]
#if B_F16
@group(0) @binding(1) var<storage, read> b: array<u32>;          // [n, k] or [k, n], halves in pairs
#else
@group(0) @binding(1) var<storage, read> b: array<f32>;          // [n, k] or [k, n]
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

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let col = id.x;
    let row = id.y;
    if row >= params.m || col >= params.n {
        return;
    }
    let outer = id.z / params.inner_count;
    let inner = id.z % params.inner_count;
    let a_at = params.a_offset + outer * params.a_outer + inner * params.a_inner + row * params.a_row;
    let b_base = params.b_offset + outer * params.b_outer + inner * params.b_inner;
    var sum = 0.0;
    for (var k = 0u; k < params.k; k++) {
#if B_KN
        sum += a[a_at + k] * load_b(b_base + k * params.b_row + col);
#else
        sum += a[a_at + k] * load_b(b_base + col * params.b_row + k);
#end
    }
    var value = sum * params.scale;
#if BIAS
    value += bias[col];
#end
#if ACTIVATE
    value = $ACTIVATION(value);
#end
    let at = params.c_offset + outer * params.c_outer + inner * params.c_inner + row * params.c_row + col;
#if RESIDUAL
    value += residual[at];
#end
    c[at] = value;
}
