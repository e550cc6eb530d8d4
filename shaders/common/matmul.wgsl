// What all variants of C = act(scale · A·B + bias) + residual share: parameters, bindings, and the
// epilogue that finishes an output element. Layouts count elements; VEC4 variants load four at a time.

struct Params {
    m: u32, n: u32, k: u32,
    a_offset: u32, a_row: u32, a_outer: u32, a_inner: u32,
    b_offset: u32, b_row: u32, b_outer: u32, b_inner: u32,
    c_offset: u32, c_row: u32, c_outer: u32, c_inner: u32,
    inner_count: u32,
    scale: f32,
#if POWERS
    a_power: f32, b_power: f32, unscale: f32,
#end
}
#params

#if SUMS
@group(0) @binding(0) var<storage, read> parts: array<vec4<f32>>;       // [k, m, n / 4]: a sum of each of k slices
#else
#if VEC4
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;           // [m, k / 4]
#if PANELS
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;     // [n / 8, k / 4, 8]: panels of eight rows
#else
#if B_F16
@group(0) @binding(1) var<storage, read> b: array<vec2<u32>>;           // [n, k / 4] or [k, n / 4], four halves each
#else
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;           // [n, k / 4] or [k, n / 4]
#end
#end
#else
@group(0) @binding(0) var<storage, read> a: array<f32>;                 // [m, k]
#if B_F16
@group(0) @binding(1) var<storage, read> b: array<u32>;                 // [n, k] or [k, n], halves in pairs
#else
@group(0) @binding(1) var<storage, read> b: array<f32>;                 // [n, k] or [k, n]
#end
#end
#end
#if C4
#if BIAS
@group(0) @binding($BIAS_AT) var<storage, read> bias: array<vec4<f32>>;        // [n / 4]
#end
#if RESIDUAL
@group(0) @binding($RESIDUAL_AT) var<storage, read> residual: array<vec4<f32>>;    // [m, n / 4], laid out as c
#end
@group(0) @binding($C_AT) var<storage, read_write> c: array<vec4<f32>>;        // [m, n / 4]
#else
#if BIAS
@group(0) @binding($BIAS_AT) var<storage, read> bias: array<f32>;              // [n]
#end
#if RESIDUAL
@group(0) @binding($RESIDUAL_AT) var<storage, read> residual: array<f32>;          // [m, n], laid out as c
#end
@group(0) @binding($C_AT) var<storage, read_write> c: array<f32>;              // [m, n]
#end

#if !SUMS
#if !PANELS
#include "common/weights.wgsl"
#end
#end
#include "common/activation.wgsl"

// First elements of the matrices of batch entry z = outer · inner_count + inner.
struct Bases { a: u32, b: u32, c: u32 }

fn bases(z: u32) -> Bases {
    let outer = z / params.inner_count;
    let inner = z % params.inner_count;
    return Bases(
        params.a_offset + outer * params.a_outer + inner * params.a_inner,
        params.b_offset + outer * params.b_outer + inner * params.b_inner,
        params.c_offset + outer * params.c_outer + inner * params.c_inner,
    );
}

#if C4
// The bias of four columns from this one.
fn bias4(col: u32) -> vec4<f32> {
#if BIAS
    return bias[col / 4u];
#else
    return vec4<f32>(0.0);
#end
}

// Vec4 `at` of the residual.
fn residual4(at: u32) -> vec4<f32> {
#if RESIDUAL
    return residual[at];
#else
    return vec4<f32>(0.0);
#end
}

// Writes vec4 `at` of c from its dot products.
fn finish4(products: vec4<f32>, column_biases: vec4<f32>, residuals: vec4<f32>, at: u32) {
    var values = products * params.scale + column_biases;
#if ACTIVATE
    values = vec4<f32>($ACTIVATION(values.x), $ACTIVATION(values.y), $ACTIVATION(values.z), $ACTIVATION(values.w));
#end
#if RESIDUAL
    values += residuals;
#end
    c[at] = values;
}
#else
fn bias_of(col: u32) -> f32 {
#if BIAS
    return bias[col];
#else
    return 0.0;
#end
}

// Writes element `at` of c from its dot product.
fn finish(product: f32, column_bias: f32, at: u32) {
    var value = product * params.scale + column_bias;
#if ACTIVATE
    value = $ACTIVATION(value);
#end
#if RESIDUAL
    value += residual[at];
#end
    c[at] = value;
}
#end
