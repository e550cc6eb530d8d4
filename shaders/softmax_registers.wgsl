// y = softmax(scale · x) over each row, less the row's maximum so that nothing overflows; a workgroup a row.
// With CAUSAL a row is query `row % period` of an attention: later columns get probability 0.
// Adds over `workgroup`: the row is read once and written once, stays in registers between, all loads are under way at
// once, and a reduction takes one barrier or none.

struct Params { rows: u32, width: u32, scale: f32, period: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;         // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read_write> y: array<T>;   // [rows, width]

#include "common/registers.wgsl"
#include "common/total.wgsl"

// Less than any logit, but not infinite: the difference of two infinities is not a number.
const LOWEST: f32 = -3.4028234e38;

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
#if CAUSAL
    let visible = row % params.period + 1u;
#end
    // An element past the end is the last one again, and does not count.
#for e in 0..HELD
    let held_$e = inside(${e}u, lane + ${e}u * WG, n);
    let i_$e = select(n - 1u, lane + ${e}u * WG, held_$e);
#if CAUSAL
    let seen_$e = columns_before(i_$e, visible);
#else
    let seen_$e = true;
#end
    let x_$e = select(T(LOWEST), x[base + i_$e] * params.scale, seen_$e);
#end
    var top = LOWEST;
#for e in 0..HELD
    top = max(top, largest(x_$e));
#end
    top = row_max(top, 0u, place);
    var sum = 0.0;
#for e in 0..HELD
    let e_$e = select(T(), exp(x_$e - top), seen_$e);
    sum += select(0.0, total(e_$e), held_$e);
#end
    let divisor = row_sum(sum, 1u, place);
#for e in 0..HELD
    if held_$e {
        // Not the quotient of a hidden column: a NaN of the row must not get there.
        y[base + i_$e] = select(T(), e_$e / divisor, seen_$e);
    }
#end
}

#if CAUSAL
// Which columns of an element lie before this one.
#if VEC4
fn columns_before(i: u32, end: u32) -> vec4<bool> {
    return vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(end);
}
#else
fn columns_before(i: u32, end: u32) -> bool {
    return i < end;
}
#end
#end
