// dx = dy · act'(x), element by element; four at a time where the length allows.

struct Params { count: u32 }   // in elements of T
#params

@group(0) @binding(0) var<storage, read> x: array<T>;          // [count]
@group(0) @binding(1) var<storage, read> dy: array<T>;         // [count]
@group(0) @binding(2) var<storage, read_write> dx: array<T>;   // [count]

#include "common/activation.wgsl"
#include "common/activation_slope.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    let v = x[i];
#if VEC4
    dx[i] = dy[i] * vec4<f32>($SLOPE(v.x), $SLOPE(v.y), $SLOPE(v.z), $SLOPE(v.w));
#else
    dx[i] = dy[i] * $SLOPE(v);
#end
}
