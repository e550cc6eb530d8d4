// loss = scale · Σ (focal · F / pixels + normal · dice(q0, 1 - b) + defect · dice(1 - q0, b)) over
// images, with dice(a, t) = 1 - (2 Σ a · t + 1) / (Σ a + Σ t + 1), from the sums of each image.

struct Params { images: u32, pixels: f32, focal: f32, normal: f32, defect: f32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> totals: array<vec4<f32>>;   // [images]: F, Σ q0, Σ q0 · b, Σ b
@group(0) @binding(1) var<storage, read_write> loss: array<f32>;     // [1]

#include "common/rows.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    if row_index(group.y * grid.x + group.x, lane) >= 1u {
        return; // uniform where there are barriers: one workgroup
    }
    var sum = 0.0;
    for (var i = row_first(lane); i < params.images; i += row_step) {
        let t = totals[i];
        let normal = 1.0 - (2.0 * (t.y - t.z) + 1.0) / (t.y + (params.pixels - t.w) + 1.0);
        let defect = 1.0 - (2.0 * (t.w - t.z) + 1.0) / ((params.pixels - t.y) + t.w + 1.0);
        sum += params.focal * t.x + params.normal * normal + params.defect * defect;
    }
    let total = row_sum(sum, lane);
    if row_first(lane) == 0u {
        loss[0] = params.scale * total;
    }
}
