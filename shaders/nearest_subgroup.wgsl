// The K rows of a bank with the largest dot product with each query, for devices that run a subgroup as one SIMD vector
// (see matmul_subgroup.wgsl for why it is written so). A workgroup is exactly one subgroup of LANES invocations and owns
// ROWS·LANES queries and one part of the bank, through which it goes COLS·LANES rows at a time, COLS a lane.
// Adds over `scalar`: an element of a query is loaded by one lane and broadcast, and serves LANES·COLS products. Each lane
// keeps the best of its own rows; the lanes' lists meet once, at the end.

#include "common/nearest.wgsl"

@compute @workgroup_size($LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(subgroup_invocation_id) lane: u32) {
    let row0 = (group.y * grid.x + group.x) * (ROWS * LANES);
    if row0 >= params.queries {
        return; // uniform
    }
    let start = group.z * params.part;
    let end = min(start + params.part, params.rows);
    let quads = params.width / 4u;
    // Queries past the end are the last one again, and are not written; so are rows of the bank, and not listed.
#for i in 0..ROWS
    let a_at_$i = min(row0 + lane + ${i * LANES}u, params.queries - 1u) * quads;
#end
#for r in 0..ROWS * LANES
    var best_$r = nothing();
#end
    for (var col0 = start; col0 < end; col0 += ${COLS * LANES}u) {
#for j in 0..COLS
        let col_$j = col0 + lane + ${j * LANES}u;
        let b_at_$j = min(col_$j, params.rows - 1u) * quads;
#end
#for r in 0..ROWS * LANES
#for j in 0..COLS
        var c_${r}_$j = 0.0;
#end
#end
        for (var k = 0u; k < quads; k += STEPS) {
#for t in 0..STEPS
#for j in 0..COLS
            let b_${t}_$j = load_b4(b_at_$j + k + ${t}u);
#end
#end
#for i in 0..ROWS
#for t in 0..STEPS
            let a_${t}_$i = a[a_at_$i + k + ${t}u];
#end
#for l in 0..LANES
#for t in 0..STEPS
            let s_${t}_${i * LANES + l} = subgroupBroadcast(a_${t}_$i, ${l}u);
#end
#for j in 0..COLS
            c_${i * LANES + l}_$j = c_${i * LANES + l}_$j
#for t in 0..STEPS
                + s_${t}_${i * LANES + l}.x * b_${t}_$j.x + s_${t}_${i * LANES + l}.y * b_${t}_$j.y
                + s_${t}_${i * LANES + l}.z * b_${t}_$j.z + s_${t}_${i * LANES + l}.w * b_${t}_$j.w
#end
                ;
#end
#end
#end
        }
        // NaN is listed nowhere.
#for j in 0..COLS
        let outside_$j = col_$j >= end;
#for r in 0..ROWS * LANES
        best_$r = sink(best_$r, select(c_${r}_$j, NONE, outside_$j), col_$j);
#end
#end
    }
#for r in 0..ROWS * LANES
#for t in 0..K
    let top_${r}_$t = subgroupMax(best_$r.value_0);
    let mine_${r}_$t = best_$r.value_0 == top_${r}_$t;
    let place_${r}_$t = subgroupMin(select(params.rows, best_$r.place_0, mine_${r}_$t));
    best_$r = without_first(best_$r, mine_${r}_$t & (best_$r.place_0 == place_${r}_$t));
    if lane == 0u && row0 + ${r}u < params.queries {
        let at = ((row0 + ${r}u) * params.parts + group.z) * K + ${t}u;
        products[at] = top_${r}_$t;
        places[at] = f32(place_${r}_$t);
    }
#end
#end
}
