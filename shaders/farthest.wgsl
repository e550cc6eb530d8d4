// One step of the greedy choice of k centres (Gonzalez 1985): the point that is farthest from all centres becomes one, and
// every point's squared distance from the nearest centre is brought up to date.
//
// Which point that is stands in `values` and `places`: of each group of points the largest distance and the first point
// that has it. All workgroups look for the largest of these, so a step is one launch and no step waits for the host.
// Points lie as columns, so that neighbouring invocations read side by side. Each invocation has four points: WG apart, or
// with VEC4, for the lanes of a CPU, next to each other.

struct Params { points: u32, stride: u32, width: u32, groups: u32 }   // stride: of a dimension, in elements of x
#params

@group(0) @binding(0) var<storage, read> x: array<T>;                          // [width, stride], T is f32 or vec4<f32>
@group(0) @binding(1) var<storage, read> distances: array<f32>;                // [points]
@group(0) @binding(2) var<storage, read> values: array<f32>;                   // [groups]
@group(0) @binding(3) var<storage, read> places: array<f32>;                   // [groups], whole numbers
@group(0) @binding(4) var<storage, read_write> next_distances: array<f32>;     // [points]
@group(0) @binding(5) var<storage, read_write> next_values: array<f32>;        // [groups]
@group(0) @binding(6) var<storage, read_write> next_places: array<f32>;        // [groups], whole numbers

const LOWEST: f32 = -0x1.fffffep+127f;
const TAKEN: f32 = -1.0;

var<workgroup> lane_values: array<f32, WG>;
var<workgroup> lane_places: array<f32, WG>;

// The largest value of all invocations and the first place that has it, in the first element of the arrays. Calls for
// a barrier before the arrays are written again.
fn largest(value: f32, place: f32, lane: u32) {
    lane_values[lane] = value;
    lane_places[lane] = place;
    workgroupBarrier();
    for (var half = WG / 2u; half > 0u; half /= 2u) {
        if lane < half {
            let other = lane_values[lane + half];
            let other_place = lane_places[lane + half];
            let own = lane_values[lane];
            let own_place = lane_places[lane];
            let better = (other > own) | ((other == own) & (other_place < own_place));
            lane_values[lane] = select(own, other, better);
            lane_places[lane] = select(own_place, other_place, better);
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let own = group.y * grid.x + group.x;
    if own >= params.groups {
        return; // uniform: the barriers below are of one workgroup
    }
    var value = LOWEST;
    var place = f32(params.points);
    for (var g = lane; g < params.groups; g += WG) {
        // Groups come in the order of their points, so the first of equal ones stays.
        let better = values[g] > value;
        value = select(value, values[g], better);
        place = select(place, places[g], better);
    }
    largest(value, place, lane);
    let centre = u32(lane_places[0]);
    workgroupBarrier();

#if VEC4
    let at = own * WG + lane;
    var sum = vec4<f32>(0.0);
    if at < params.stride {
        for (var d = 0u; d < params.width; d++) {
            let row = d * params.stride;
            let away = x[row + at] - x[row + centre / 4u][centre % 4u];
            sum += away * away;
        }
    }
#else
    // Columns past the last are read as the last, and not written.
#for e in 0..4
    let at_$e = min(own * (4u * WG) + ${e}u * WG + lane, params.stride - 1u);
    var sum_$e = 0.0;
#end
    for (var d = 0u; d < params.width; d++) {
        let row = d * params.stride;
        let middle = x[row + centre];
#for e in 0..4
        let away_$e = x[row + at_$e] - middle;
        sum_$e += away_$e * away_$e;
#end
    }
#end
    value = LOWEST;
    place = f32(params.points);
#for e in 0..4
#if VEC4
    let point_$e = at * 4u + ${e}u;
    let from_centre_$e = sum[$e];
#else
    let point_$e = own * (4u * WG) + ${e}u * WG + lane;
    let from_centre_$e = sum_$e;
#end
    if point_$e < params.points {
        let next_$e = select(min(distances[point_$e], from_centre_$e), TAKEN, point_$e == centre);
        next_distances[point_$e] = next_$e;
        let better_$e = next_$e > value;
        value = select(value, next_$e, better_$e);
        place = select(place, f32(point_$e), better_$e);
    }
#end
    largest(value, place, lane);
    if lane == 0u {
        next_values[own] = lane_values[0];
        next_places[own] = lane_places[0];
    }
}
