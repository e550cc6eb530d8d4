// The K rows of a bank with the largest dot product with each query, the plain form: one invocation a query and part of
// the bank. A list of the best so far sinks each new product to its place, so no product is stored.
//
// Products are compared by `>` alone and rows come in order, so the first of equal products stays first; NaN and −∞ are
// greater than nothing and are never listed. A place that nobody takes holds NONE and the number of rows.

struct Params { queries: u32, rows: u32, width: u32, part: u32, parts: u32 }
#params

@group(0) @binding(0) var<storage, read> a: array<f32>;                  // [queries, width]
#if B_F16
@group(0) @binding(1) var<storage, read> b: array<u32>;                  // [rows, width], halves in pairs
#else
@group(0) @binding(1) var<storage, read> b: array<f32>;                  // [rows, width]
#end
@group(0) @binding(2) var<storage, read_write> products: array<f32>;     // [queries, parts, K]
@group(0) @binding(3) var<storage, read_write> places: array<f32>;       // [queries, parts, K], whole numbers

#include "common/weights.wgsl"

const NONE: f32 = -0x1.fffffep+127f;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.queries * params.parts {
        return;
    }
    let query = i / params.parts * params.width;
    let start = i % params.parts * params.part;
    let end = min(start + params.part, params.rows);
#for t in 0..K
    var best_$t = NONE;
    var place_$t = params.rows;
#end
    for (var row = start; row < end; row++) {
        var value = 0.0;
        for (var d = 0u; d < params.width; d++) {
            value += a[query + d] * load_b(row * params.width + d);
        }
        var place = row;
        var sunk = false;
        // What is displaced moves on to the next place, even before an equal one: it came first.
#for t in 0..K
        sunk = sunk | (value > best_$t);
        let best_was_$t = best_$t;
        let place_was_$t = place_$t;
        best_$t = select(best_$t, value, sunk);
        place_$t = select(place_$t, place, sunk);
        value = select(value, best_was_$t, sunk);
        place = select(place, place_was_$t, sunk);
#end
    }
#for t in 0..K
    products[i * K + ${t}u] = best_$t;
    places[i * K + ${t}u] = f32(place_$t);
#end
}
