// Sums of PER vec4s: how fast memory can be read when next to nothing is written.

struct Params { sums: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;    // [sums / 64, PER, 64]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;    // [sums]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let block = group.y * grid.x + group.x;
    if block * 64u + lane >= params.sums {
        return;
    }
    var sum = vec4<f32>(0.0);
#for i in 0..PER
    sum += x[block * ${64 * PER}u + ${64 * i}u + lane];
#end
    y[block * 64u + lane] = (sum.x + sum.y) + (sum.z + sum.w);
}
