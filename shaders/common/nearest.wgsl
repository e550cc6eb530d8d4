// What the variants of `nearest` that load four elements at once share. Products are compared by `>` alone, and an
// invocation meets rows in order, so the first of equal products stays first; NaN and −∞ are greater than nothing and are
// never listed. A place that nobody takes holds NONE and the number of rows.

struct Params { queries: u32, rows: u32, width: u32, part: u32, parts: u32 }
#params

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;            // [queries, width / 4]
#if B_F16
@group(0) @binding(1) var<storage, read> b: array<vec2<u32>>;            // [rows, width / 4], four halves each
#else
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;            // [rows, width / 4]
#end
@group(0) @binding(2) var<storage, read_write> products: array<f32>;     // [queries, parts, K]
@group(0) @binding(3) var<storage, read_write> places: array<f32>;       // [queries, parts, K], whole numbers

#include "common/weights.wgsl"

const NONE: f32 = -0x1.fffffep+127f;

// The best products of one query and the rows that they belong to, the largest first.
struct Best {
#for t in 0..K
    value_$t: f32,
    place_$t: u32,
#end
}

fn nothing() -> Best {
    var best: Best;
#for t in 0..K
    best.value_$t = NONE;
    best.place_$t = params.rows;
#end
    return best;
}

// The list with a new product sunk to its place. What it displaces moves on to the next place, even before an equal one:
// it came first. Without a branch, so `|` and not `||`: a workgroup's lists need hundreds of these steps, and there are
// compilers whose time and memory grow exponentially with branches in a row.
fn sink(list: Best, product: f32, row: u32) -> Best {
    var best = list;
    var value = product;
    var place = row;
    var sunk = false;
#for t in 0..K
    sunk = sunk | (value > list.value_$t);
    best.value_$t = select(list.value_$t, value, sunk);
    best.place_$t = select(list.place_$t, place, sunk);
    value = select(value, list.value_$t, sunk);
    place = select(place, list.place_$t, sunk);
#end
    return best;
}

// The list without its first entry if it is `taken`, else as it is.
fn without_first(list: Best, taken: bool) -> Best {
    var best = list;
#for t in 1..K
    best.value_${t - 1} = select(list.value_${t - 1}, list.value_$t, taken);
    best.place_${t - 1} = select(list.place_${t - 1}, list.place_$t, taken);
#end
    best.value_${K - 1} = select(list.value_${K - 1}, NONE, taken);
    best.place_${K - 1} = select(list.place_${K - 1}, params.rows, taken);
    return best;
}
