// y = act(x), four vec4s an invocation: four independent chains, and a quarter of the workgroups.

struct Params { count: u32 }   // in vec4s
#params

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

#include "common/activation.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let first = (group.y * grid.x + group.x) * 256u + lane;
#for i in 0..4
    let at_$i = first + ${i * 64}u;
    if at_$i < params.count {
        let v = x[at_$i];
        y[at_$i] = vec4<f32>($ACTIVATION(v.x), $ACTIVATION(v.y), $ACTIVATION(v.z), $ACTIVATION(v.w));
    }
#end
}
