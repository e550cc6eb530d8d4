// y = act(x), element by element; four at a time where the length allows.

struct Params { count: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;

#include "common/activation.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    let v = x[i];
#if VEC4
    y[i] = vec4<f32>($ACTIVATION(v.x), $ACTIVATION(v.y), $ACTIVATION(v.z), $ACTIVATION(v.w));
#else
    y[i] = $ACTIVATION(v);
#end
}
