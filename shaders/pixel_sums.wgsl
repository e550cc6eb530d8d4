// Of each row of pixels: Σ focal, Σ q0, Σ q0 · b and Σ b, where q0 is the up-sampled probability of
// normality, b the mask, and the focal loss that of the image's class where b, else of normality.

struct Params { rows: u32, grid: u32, size: u32, classes: u32, gain: f32, floor: f32 }
#params

@group(0) @binding(0) var<storage, read> s: array<f32>;               // [images, grid · grid, classes]
@group(0) @binding(1) var<storage, read> class_id: array<u32>;        // [images]
@group(0) @binding(2) var<storage, read> mask: array<f32>;            // [images, size, size]
@group(0) @binding(3) var<storage, read_write> sums: array<vec4<f32>>;   // [images, size]

#include "common/rows.wgsl"
#include "common/pixels.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group.y * grid.x + group.x, lane);
    if row >= params.rows {
        return; // uniform where there are barriers: one row a workgroup
    }
    let image = row / params.size;
    let k = min(class_id[image], params.classes - 1u);
    let v = taps(row % params.size);
    var sum = vec4<f32>();
    for (var i = row_first(lane); i < params.size; i += row_step) {
        let h = taps(i);
        let defect = mask[row * params.size + i] > 0.5;
        let q0 = map(image, v, h, 0u);
        var q = q0;
        if defect {
            q = map(image, v, h, k);
        }
        sum += vec4<f32>(focal(smoothed(q)), q0, select(0.0, q0, defect), select(0.0, 1.0, defect));
    }
    let total = vec4<f32>(row_sum(sum.x, lane), row_sum(sum.y, lane), row_sum(sum.z, lane), row_sum(sum.w, lane));
    if row_first(lane) == 0u {
        sums[row] = total;
    }
}
