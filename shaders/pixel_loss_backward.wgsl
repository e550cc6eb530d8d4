// The gradient of the pixel loss by the probabilities of patches: that by each pixel, then the transpose
// of the up-sampling. A cell gathers from the pixels that it has a weight in; nobody else writes it.

struct Params {
    cells: u32, grid: u32, size: u32, classes: u32,
    gain: f32, floor: f32,
    focal: f32,    // weight of the focal loss · gain / pixels
    normal: f32, defect: f32, scale: f32,
}
#params

@group(0) @binding(0) var<storage, read> s: array<f32>;              // [images, grid · grid, classes]
@group(0) @binding(1) var<storage, read> class_id: array<u32>;       // [images]
@group(0) @binding(2) var<storage, read> mask: array<f32>;           // [images, size, size]
@group(0) @binding(3) var<storage, read> totals: array<vec4<f32>>;   // [images]: F, Σ q0, Σ q0 · b, Σ b
@group(0) @binding(4) var<storage, read> dy: array<f32>;             // [1]
@group(0) @binding(5) var<storage, read_write> ds: array<f32>;       // [images, grid · grid, classes]

#include "common/rows.wgsl"
#include "common/pixels.wgsl"

// Pixels x .. y of an axis with a weight in a cell: i · (grid - 1) / span lies within 1 of it.
fn reach(cell: u32) -> vec2<u32> {
    let span = pixel_span();
    let steps = max(params.grid, 2u) - 1u;
    let first = select((max(cell, 1u) - 1u) * span / steps + 1u, 0u, cell == 0u);
    let last = min(((cell + 1u) * span + steps - 1u) / steps, params.size);
    return select(vec2<u32>(first, last), vec2<u32>(0u, params.size), params.grid == 1u);
}

fn weight(t: Taps, cell: u32) -> f32 {
    return select(0.0, t.low_weight, t.low == cell) + select(0.0, t.high_weight, t.high == cell);
}

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let cell = row_index(group.y * grid.x + group.x, lane);
    if cell >= params.cells {
        return; // uniform where there are barriers: one cell a workgroup
    }
    let column = cell % params.grid;
    let row = cell / params.grid % params.grid;
    let image = cell / params.grid / params.grid;
    let k = min(class_id[image], params.classes - 1u);

    // What the two dice losses add at a good and at a defective pixel.
    let t = totals[image];
    let pixels = f32(params.size * params.size);
    let normal = t.y + (pixels - t.w) + 1.0;
    let defect = (pixels - t.y) + t.w + 1.0;
    let both = params.normal * (2.0 * (t.y - t.z) + 1.0) / (normal * normal)
        - params.defect * (2.0 * (t.w - t.z) + 1.0) / (defect * defect);
    let dice_good = both - 2.0 * params.normal / normal;
    let dice_bad = both + 2.0 * params.defect / defect;

    let rows = reach(row);
    let columns = reach(column);
    let width = columns.y - columns.x;
    let count = (rows.y - rows.x) * width;
    var by_normal = 0.0;
    var by_class = 0.0;
    for (var i = row_first(lane); i < count; i += row_step) {
        let y = rows.x + i / width;
        let x = columns.x + i % width;
        let v = taps(y);
        let h = taps(x);
        let bad = mask[(image * params.size + y) * params.size + x] > 0.5;
        let channel = select(0u, k, bad);
        let by_target = params.focal * focal_slope(smoothed(map(image, v, h, channel)));
        let dice = select(dice_good, dice_bad, bad);
        let w = weight(v, row) * weight(h, column);
        if channel == 0u {
            by_normal += w * (by_target + dice);
        } else {
            by_normal += w * dice;
            by_class += w * by_target;
        }
    }
    let upstream = params.scale * dy[0];
    let to_normal = upstream * row_sum(by_normal, lane);
    let to_class = upstream * row_sum(by_class, lane);
    for (var c = row_first(lane); c < params.classes; c += row_step) {
        let defective = select(0.0, to_class, c == k);
        ds[cell * params.classes + c] = select(defective, to_normal, c == 0u);
    }
}
