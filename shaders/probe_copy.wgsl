// y = x, four floats at a time: the bandwidth ceiling that every other kernel is measured against.

struct Params { count: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;         // [count]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;   // [count]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i < params.count {
        y[i] = x[i];
    }
}
