// y = x / √(1 + x²), element by element; with BACKWARD its gradient dx = dy · (1 + x²)^(-3/2).

struct Params { count: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;
#if BACKWARD
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
#else
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    let r = inverseSqrt(1.0 + x[i] * x[i]);
#if BACKWARD
    dx[i] = dy[i] * r * r * r;
#else
    y[i] = x[i] * r;
#end
}
