// dx = (dy - x̂ (x̂ · dy)) / ‖x‖₂ with x̂ = x / ‖x‖₂, a workgroup a row; a row of zeros gives zeros.
// Adds over `workgroup`: x and dy are read once and stay in registers, all loads are under way at once, and both
// reductions share one barrier or need none.

struct Params { rows: u32, width: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;          // [rows, width], in elements of T
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
    let x_$e = x[base + i_$e];
    let dy_$e = dy[base + i_$e];
#end
    var products = vec2<f32>();   // x · x and x · dy
#for e in 0..HELD
    products += select(vec2<f32>(), vec2<f32>(total(x_$e * x_$e), total(x_$e * dy_$e)), held_$e);
#end
    let sums = row_sum(products, 0u, place);
    let divisor = select(sums.x, 1.0, sums.x == 0.0);
    let inverse = select(1.0 / sqrt(divisor), 0.0, sums.x == 0.0);
    let along = sums.y / divisor; // x̂ (x̂ · dy) = x · along
#for e in 0..HELD
    if held_$e {
        dx[base + i_$e] = (dy_$e - x_$e * along) * inverse;
    }
#end
}
