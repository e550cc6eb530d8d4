// y = a·x, with SUM y = a·x + b·z, element by element; four at a time where the length allows.

struct Params { count: u32, a: f32, b: f32 }   // count in elements of T
#params

@group(0) @binding(0) var<storage, read> x: array<T>;         // [count]
#if SUM
@group(0) @binding(1) var<storage, read> z: array<T>;         // [count]
@group(0) @binding(2) var<storage, read_write> y: array<T>;   // [count]
#else
@group(0) @binding(1) var<storage, read_write> y: array<T>;   // [count]
#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
#if SUM
    y[i] = params.a * x[i] + params.b * z[i];
#else
    y[i] = params.a * x[i];
#end
}
