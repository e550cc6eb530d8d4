// y = (x - mean) / √(variance + ε) · γ + β over each row of `width` elements, a workgroup a row.
// Adds over `workgroup`: the row is read once and stays in registers, all loads are under way at once, and a reduction
// takes one barrier or none. The variance is still a second pass over the centred row, now in registers.

struct Params { rows: u32, width: u32, epsilon: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;         // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read> scale: array<T>;     // [width]  γ
@group(0) @binding(2) var<storage, read> shift: array<T>;     // [width]  β
@group(0) @binding(3) var<storage, read_write> y: array<T>;   // [rows, width]

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
#end
#for e in 0..HELD
    let scale_$e = scale[i_$e];
    let shift_$e = shift[i_$e];
#end
    var sum = 0.0;
#for e in 0..HELD
    sum += select(0.0, total(x_$e), held_$e);
#end
    let mean = row_sum(sum, 0u, place) / f32(params.width);
    var squares = 0.0;
#for e in 0..HELD
    let d_$e = x_$e - mean;
    squares += select(0.0, total(d_$e * d_$e), held_$e);
#end
    let variance = row_sum(squares, 1u, place) / f32(params.width);
    let inverse = inverseSqrt(variance + params.epsilon);
#for e in 0..HELD
    if held_$e {
        y[base + i_$e] = d_$e * inverse * scale_$e + shift_$e;
    }
#end
}
