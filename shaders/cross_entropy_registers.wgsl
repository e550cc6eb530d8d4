// y = scale · (ln Σ exp(x) - x[label]) over each row, less the row's maximum so that nothing overflows; a workgroup a row.
// With BACKWARD its gradient, dx = scale · dy · (softmax(x) - onehot(label)).
// Adds over `workgroup`: the row is read once and stays in registers, all loads are under way at once, and a reduction
// takes one barrier or none.

struct Params { rows: u32, classes: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;           // [rows, classes], in elements of T
@group(0) @binding(1) var<storage, read> label: array<u32>;     // [rows]
#if BACKWARD
@group(0) @binding(2) var<storage, read> dy: array<f32>;        // [rows]
@group(0) @binding(3) var<storage, read_write> dx: array<T>;    // [rows, classes]
#else
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // [rows]
#end

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
    let n = params.classes / PACK;
    let base = row * n;
    // An element past the end is the last one again, which is no larger than the maximum, and is not summed.
#for e in 0..HELD
    let held_$e = inside(${e}u, lane + ${e}u * WG, n);
    let i_$e = select(n - 1u, lane + ${e}u * WG, held_$e);
    let x_$e = x[base + i_$e];
#end
    let target_class = min(label[row], params.classes - 1u);
#if BACKWARD
    let upstream = params.scale * dy[row];
#else
    let target_x = component(x[base + target_class / PACK], target_class % PACK);
#end
    var top = largest(x_0);
#for e in 1..HELD
    top = max(top, largest(x_$e));
#end
    top = row_max(top, 0u, place);
    var sum = 0.0;
#for e in 0..HELD
    let e_$e = exp(x_$e - top);
    sum += select(0.0, total(e_$e), held_$e);
#end
    let divisor = row_sum(sum, 1u, place);
#if BACKWARD
#for e in 0..HELD
    if held_$e {
        dx[base + i_$e] = upstream * (e_$e / divisor - onehot(i_$e, target_class));
    }
#end
#else
    if lane == 0u {
        y[row] = params.scale * (log(divisor) - (target_x - top));
    }
#end
}

#if BACKWARD
// 1 at the class, if it is in element i of the row, else 0.
fn onehot(i: u32, class_id: u32) -> T {
#if VEC4
    return select(T(), T(1.0), vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(class_id));
#else
    return select(0.0, 1.0, i == class_id);
#end
}
#else
fn component(value: T, at: u32) -> f32 {
#if VEC4
    return value[at];
#else
    return value;
#end
}
#end
