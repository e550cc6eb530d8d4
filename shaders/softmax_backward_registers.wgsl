// dx = scale · y · (dy - Σ y · dy) over each row, with y = softmax(scale · x); a workgroup a row.
// Adds over `workgroup`: y and dy are read once and stay in registers, all loads are under way at once, and the
// reduction takes one barrier or none.

struct Params { rows: u32, width: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> y: array<T>;          // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read> dy: array<T>;         // [rows, width]
@group(0) @binding(2) var<storage, read_write> dx: array<T>;   // [rows, width]

#include "common/registers.wgsl"
#include "common/total.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32, @builtin(subgroup_id) subgroup: u32,
        @builtin(num_subgroups) subgroups: u32, @builtin(subgroup_invocation_id) subgroup_lane: u32) {
    let row = group.y * grid.x + group.x;
    if row >= params.rows {
        return; // uniform: one row a workgroup
    }
    let place = Place(subgroup, subgroups, subgroup_lane);
    let n = params.width / PACK;
    let base = row * n;
    // An element past the end is the last one again, and does not count.
#for e in 0..HELD
    let held_$e = inside(${e}u, lane + ${e}u * WG, n);
    let i_$e = select(n - 1u, lane + ${e}u * WG, held_$e);
    let y_$e = y[base + i_$e];
    let dy_$e = dy[base + i_$e];
#end
    var sum = 0.0;
#for e in 0..HELD
    sum += select(0.0, total(y_$e * dy_$e), held_$e);
#end
    let average = row_sum(sum, 0u, place);
#for e in 0..HELD
    if held_$e {
        dx[base + i_$e] = params.scale * y_$e * (dy_$e - average);
    }
#end
}
