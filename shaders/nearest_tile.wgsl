// The K rows of a bank with the largest dot product with each query, for GPUs. A workgroup owns ROWS queries and one part
// of the bank, through which it goes in blocks of COLUMNS rows, staged in workgroup memory DEPTH elements at a time; each
// invocation keeps PART × PART products and, for each of its PART queries, the best that it has met.
// Adds over `scalar`: global memory is read once a block, workgroup memory once per PART products. Adds over a product
// and a search in it: the products are never stored. The lists of the invocations that share a query meet once, at the end.
//
// As in matmul_tile, every load of a stage is issued before the first is used, at clamped addresses, and the next stage is
// loaded while this one is multiplied.

#include "common/nearest.wgsl"
#include "common/stage.wgsl"

const DOWN: u32 = ROWS / PART;                // invocations along the queries of a block
const ACROSS: u32 = COLUMNS / PART;           // and along its rows of the bank
const SIZE: u32 = DOWN * ACROSS;              // = ROWS: at the end an invocation decides one query
const QUADS: u32 = DEPTH / 4u;
const STRIDE: u32 = QUADS + 1u;               // a vec4 more, so that neighbours meet different banks of memory
const BANK: u32 = ROWS * STRIDE;              // where the rows of the bank are staged, behind the queries
const WINNERS: u32 = ROWS * ACROSS;           // where winners are told, behind the lists
var<workgroup> stage: array<vec4<f32>, ${(ROWS + COLUMNS) * (DEPTH / 4 + 1)}>;

@compute @workgroup_size(${COLUMNS / PART}, ${ROWS / PART})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let row0 = (group.y * grid.x + group.x) * ROWS;
    if row0 >= params.queries {
        return; // uniform
    }
    let start = group.z * params.part;
    let end = min(start + params.part, params.rows);
    let quads = params.width / 4u;
    let last_quad = quads - 1u;
#for s in 0..A_LOADS
    let a_i_$s = index + ${s}u * SIZE;
    let a_quad_$s = a_i_$s % QUADS;
    let a_from_$s = min(row0 + a_i_$s / QUADS, params.queries - 1u) * quads;
    let a_to_$s = a_i_$s / QUADS * STRIDE + a_quad_$s;
#end
#for s in 0..B_LOADS
    let b_i_$s = index + ${s}u * SIZE;
    let b_quad_$s = b_i_$s % QUADS;
    let b_to_$s = BANK + b_i_$s / QUADS * STRIDE + b_quad_$s;
#end
#for i in 0..PART
    var best_$i = nothing();
#end
    for (var col0 = start; col0 < end; col0 += COLUMNS) {
#for s in 0..A_LOADS
        var a4_$s = load_a(a_from_$s, a_quad_$s, last_quad);
#end
#for s in 0..B_LOADS
        let b_from_$s = min(col0 + b_i_$s / QUADS, params.rows - 1u) * quads;
        var b4_$s = load_b_stage(b_from_$s, b_quad_$s, last_quad);
#end
#for i in 0..PART
#for q in 0..PART / 4
        var c_${i}_$q = vec4<f32>(0.0);
#end
#end
        for (var k0 = 0u; k0 < quads; k0 += QUADS) {
#for s in 0..A_LOADS
            stage[a_to_$s] = a4_$s;
#end
#for s in 0..B_LOADS
            stage[b_to_$s] = b4_$s;
#end
            workgroupBarrier();
            if k0 + QUADS < quads {
#for s in 0..A_LOADS
                a4_$s = load_a(a_from_$s, k0 + QUADS + a_quad_$s, last_quad);
#end
#for s in 0..B_LOADS
                b4_$s = load_b_stage(b_from_$s, k0 + QUADS + b_quad_$s, last_quad);
#end
            }
            for (var quad = 0u; quad < QUADS; quad++) {
#for q in 0..PART / 4
#for e in 0..4
                let column_${q}_$e = stage[BANK + (local.x + ACROSS * ${4 * q + e}u) * STRIDE + quad];
#end
#for k in 0..4
                let b_${k}_$q = vec4<f32>(column_${q}_0[$k], column_${q}_1[$k], column_${q}_2[$k], column_${q}_3[$k]);
#end
#end
#for i in 0..PART
                let a_$i = stage[(local.y + ${i}u * DOWN) * STRIDE + quad];
#for k in 0..4
#for q in 0..PART / 4
                c_${i}_$q = fma(vec4<f32>(a_$i[$k]), b_${k}_$q, c_${i}_$q);
#end
#end
#end
            }
            // Nobody reads this stage any more.
            workgroupBarrier();
        }
#for q in 0..PART / 4
#for e in 0..4
        let col_${q}_$e = col0 + local.x + ACROSS * ${4 * q + e}u;
        let inside_${q}_$e = col_${q}_$e < end;
#for i in 0..PART
        best_$i = sink(best_$i, select(NONE, c_${i}_$q[$e], inside_${q}_$e), col_${q}_$e);
#end
#end
#end
    }

    // K times: everybody shows the first of its list, one invocation a query takes the best and tells whose it was, and
    // that one moves on to its next.
#for t in 0..K
#for i in 0..PART
    stage[(local.y + ${i}u * DOWN) * ACROSS + local.x] =
        vec4<f32>(best_$i.value_0, f32(best_$i.place_0), 0.0, 0.0);
#end
    workgroupBarrier();
    var top_$t = stage[index * ACROSS];
    var whose_$t = 0u;
    for (var x = 1u; x < ACROSS; x++) {
        let other = stage[index * ACROSS + x];
        if other.x > top_$t.x || (other.x == top_$t.x && other.y < top_$t.y) {
            top_$t = other;
            whose_$t = x;
        }
    }
    if row0 + index < params.queries {
        let at = ((row0 + index) * params.parts + group.z) * K + ${t}u;
        products[at] = top_$t.x;
        places[at] = top_$t.y;
    }
    stage[WINNERS + index] = vec4<f32>(f32(whose_$t));
    workgroupBarrier();
#for i in 0..PART
    best_$i = without_first(best_$i, stage[WINNERS + local.y + ${i}u * DOWN].x == f32(local.x));
#end
    // The lists are read; the next round may overwrite the winners only when all have seen theirs: it writes them
    // behind its own barrier.
#end
}
