// C = act(scale · A·B + bias) + residual for GPUs: a workgroup stages ROWS × DEPTH of A and COLUMNS × DEPTH of B in
// workgroup memory, and each invocation keeps PART × PART of the ROWS × COLUMNS outputs in registers.
// Adds over `naive`: global memory is read once per block instead of once per output, and workgroup memory once per
// PART products.
//
// Every load of a stage is issued before the first is used: a load in a branch, or behind a store, would be waited for
// alone. Hence addresses past the edges are clamped, not skipped: rows past the end give outputs that nobody writes. The
// next stage is loaded while this one is multiplied.
//
// Staged rows keep their order along k, one vec4 longer than they are: eight neighbours that read a vec4 each from
// eight rows meet all 32 banks once. An invocation owns four neighbouring columns at a time, so that it can write a
// vec4, but reads them ACROSS apart (see `slot`).

#include "common/matmul.wgsl"
#include "common/stage.wgsl"
#include "common/swizzle.wgsl"

const DOWN: u32 = ROWS / PART;                // invocations along a column of the block
const ACROSS: u32 = COLUMNS / PART;           // and along a row
const SIZE: u32 = DOWN * ACROSS;
const QUADS: u32 = DEPTH / 4u;                // vec4s of a staged row
const STRIDE: u32 = QUADS + 1u;
var<workgroup> a_tile: array<vec4<f32>, ${ROWS * (DEPTH / 4 + 1)}>;      // [ROWS][STRIDE]
#if B_KN
const B_STRIDE: u32 = COLUMNS / 4u;
var<workgroup> b_tile: array<vec4<f32>, ${DEPTH * COLUMNS / 4}>;         // [DEPTH][COLUMNS / 4]
#else
var<workgroup> b_tile: array<vec4<f32>, ${COLUMNS * (DEPTH / 4 + 1)}>;   // [COLUMNS][STRIDE], columns by `slot`
#end

// Where column 4·(x + ACROSS·q) + e of the block is staged: what invocations x = 0, 1, … read at the same time are
// neighbours.
fn slot(column: u32) -> u32 {
    let x = column / 4u % ACROSS;
    let q = column / (4u * ACROSS);
    return x + ACROSS * (4u * q + column % 4u);
}

@compute @workgroup_size(${COLUMNS / PART}, ${ROWS / PART})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let block = swizzled(group, groups);
    let row0 = block.y * ROWS;
    let col0 = block.x * COLUMNS;
    let base = bases(group.z);
    let last_quad = params.k / 4u - 1u;

    // This invocation's share of a stage: its vec4s, and where they are put.
#for s in 0..A_LOADS
    let a_i_$s = index + ${s}u * SIZE;
    let a_quad_$s = a_i_$s % QUADS;
    let a_from_$s = (base.a + min(row0 + a_i_$s / QUADS, params.m - 1u) * params.a_row) / 4u;
    let a_to_$s = a_i_$s / QUADS * STRIDE + a_quad_$s;
    var a4_$s = load_a(a_from_$s, a_quad_$s, last_quad);
#end
#for s in 0..B_LOADS
    let b_i_$s = index + ${s}u * SIZE;
#if B_KN
    let b_k_$s = b_i_$s / B_STRIDE;
    let b_from_$s = (base.b + min(col0 + b_i_$s % B_STRIDE * 4u, params.n - 4u)) / 4u;
    let b_to_$s = b_i_$s;
    var b4_$s = load_b_stage(b_from_$s, b_k_$s, last_quad);
#else
    let b_quad_$s = b_i_$s % QUADS;
    let b_from_$s = (base.b + min(col0 + b_i_$s / QUADS, params.n - 1u) * params.b_row) / 4u;
    let b_to_$s = slot(b_i_$s / QUADS) * STRIDE + b_quad_$s;
    var b4_$s = load_b_stage(b_from_$s, b_quad_$s, last_quad);
#end
#end

#for i in 0..PART
#for q in 0..PART / 4
    var c_${i}_$q = vec4<f32>(0.0);
#end
#end
    for (var k0 = 0u; k0 < params.k; k0 += DEPTH) {
#for s in 0..A_LOADS
        a_tile[a_to_$s] = a4_$s;
#end
#for s in 0..B_LOADS
        b_tile[b_to_$s] = b4_$s;
#end
        workgroupBarrier();
        if k0 + DEPTH < params.k {
            let next = (k0 + DEPTH) / 4u;
#for s in 0..A_LOADS
            a4_$s = load_a(a_from_$s, next + a_quad_$s, last_quad);
#end
#for s in 0..B_LOADS
#if B_KN
            b4_$s = load_b_stage(b_from_$s, k0 + DEPTH + b_k_$s, last_quad);
#else
            b4_$s = load_b_stage(b_from_$s, next + b_quad_$s, last_quad);
#end
#end
        }
        for (var quad = 0u; quad < QUADS; quad++) {
#if B_KN
#for k in 0..4
#for q in 0..PART / 4
            let b_${k}_$q = b_tile[(4u * quad + ${k}u) * B_STRIDE + local.x + ${q}u * ACROSS];
#end
#end
#else
#for q in 0..PART / 4
#for e in 0..4
            let column_${q}_$e = b_tile[(local.x + ACROSS * ${4 * q + e}u) * STRIDE + quad];
#end
#for k in 0..4
            let b_${k}_$q = vec4<f32>(column_${q}_0[$k], column_${q}_1[$k], column_${q}_2[$k], column_${q}_3[$k]);
#end
#end
#end
#for i in 0..PART
            let a_$i = a_tile[(local.y + ${i}u * DOWN) * STRIDE + quad];
#for k in 0..4
#for q in 0..PART / 4
            c_${i}_$q = fma(vec4<f32>(a_$i[$k]), b_${k}_$q, c_${i}_$q);
#end
#end
#end
        }
        workgroupBarrier();
    }

    // What the epilogue reads is loaded before anything is written: the compiler cannot know that c is another buffer.
#for q in 0..PART / 4
    let col_$q = col0 + 4u * (local.x + ${q}u * ACROSS);
#if C4
    let bias_$q = bias4(min(col_$q, params.n - 4u));
#else
    let bias_$q = vec4<f32>(bias_of(min(col_$q, params.n - 1u)), bias_of(min(col_$q + 1u, params.n - 1u)),
        bias_of(min(col_$q + 2u, params.n - 1u)), bias_of(min(col_$q + 3u, params.n - 1u)));
#end
#end
#for h in 0..PART / 4
#for i in 0..4
    let row_${h}_$i = row0 + local.y + ${4 * h + i}u * DOWN;
#if C4
#for q in 0..PART / 4
    let at_${h}_${i}_$q = (base.c + min(row_${h}_$i, params.m - 1u) * params.c_row + min(col_$q, params.n - 4u)) / 4u;
    let residual_${h}_${i}_$q = residual4(at_${h}_${i}_$q);
#end
#end
#end
#for i in 0..4
    if row_${h}_$i < params.m {
#for q in 0..PART / 4
#if C4
        if col_$q < params.n {
            finish4(c_${4 * h + i}_$q, bias_$q, residual_${h}_${i}_$q, at_${h}_${i}_$q);
        }
#else
#for e in 0..4
        if col_$q + ${e}u < params.n {
            finish(c_${4 * h + i}_$q[$e], bias_$q[$e], base.c + row_${h}_$i * params.c_row + col_$q + ${e}u);
        }
#end
#end
#end
    }
#end
#end
}
