// C = act(scale · A·B + bias) + residual, one output per invocation.
// The oracle among the variants: any shape, any order, any device; no reuse, so bound by memory.

#include "common/matmul.wgsl"

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let col = id.x;
    let row = id.y;
    if row >= params.m || col >= params.n {
        return;
    }
    let base = bases(id.z);
    let a_at = base.a + row * params.a_row;
    var sum = 0.0;
    for (var k = 0u; k < params.k; k++) {
#if B_KN
        sum += a[a_at + k] * load_b(base.b + k * params.b_row + col);
#else
        sum += a[a_at + k] * load_b(base.b + col * params.b_row + k);
#end
    }
    finish(sum, bias_of(col), base.c + row * params.c_row + col);
}
