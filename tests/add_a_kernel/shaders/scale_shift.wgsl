// y = x · scale + shift over each row of `width` elements. T is f32, or vec4<f32> where rows allow.

struct Params { count: u32, width: u32 }   // of x and of a row, in elements of T
#params

@group(0) @binding(0) var<storage, read> x: array<T>;         // [rows, width]
@group(0) @binding(1) var<storage, read> scale: array<T>;     // [width]
@group(0) @binding(2) var<storage, read> shift: array<T>;     // [width]
@group(0) @binding(3) var<storage, read_write> y: array<T>;   // [rows, width]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    let channel = i % params.width;
    y[i] = x[i] * scale[channel] + shift[channel];
}
