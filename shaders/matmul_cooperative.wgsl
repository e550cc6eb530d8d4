// C = act(scale · A·B + bias) + residual by cooperative matrices: tiles that a whole subgroup holds and multiplies. A
// workgroup of four subgroups of LANES, two by two, owns ROWS × COLUMNS outputs; each subgroup owns a quarter of them
// as DOWN × RIGHT tiles of TILE × TILE (8 or 16).
// Adds over `tile`: the products of a tile are one instruction of the subgroup, and most hardware has units for it.
//
// Factors are of type Factor, sums are float32:
// * float32 factors, where the device has such units;
// * HALF: factors rounded to float16, 11 bits;
// * SPLIT: float32 arithmetic on float16 units (Markidis et al. 2018, arXiv 1803.04014; Ootomo and Yokota 2022,
//   arXiv 2203.03341). A factor x is h + l/2¹¹ with h and l of 11 bits each; a·b is hₐ·h_b + (lₐ·h_b + hₐ·l_b)/2¹¹, and
//   the product of the two l, below 2⁻²² of the whole, is left out. Units that add with few more bits than float32 has
//   cut each sum off; so the sum of 64 terms is added to a float32 total, which is rounded. The corrections are small
//   and need no such care. Weights that are stored as f16 have no l.
// Before they are rounded, factors are multiplied by powers of two that fit the largest of them to float16's range:
// `params.a_power` and `params.b_power`.
//
// Blocks of A and B are staged in workgroup memory, all of an invocation's loads under way before the first is stored,
// the next stage while one is multiplied. They are zero past k; rows past the edges are clamped, and give outputs that
// nobody writes. Staged rows are padded by 16 bytes against bank conflicts. Nothing can look into a tile, so the
// results go through workgroup memory too, one row of tiles at a time.
//
// Subgroups are told apart by the index in the workgroup: shaders that mix cooperative matrices with subgroup built-ins
// crash the compiler of some drivers.

#enable wgpu_cooperative_matrix
#if F16_FACTORS
#enable f16
#end
#include "common/matmul.wgsl"
#include "common/stage.wgsl"
#include "common/swizzle.wgsl"

const SIZE: u32 = 4u * LANES;                 // invocations
const DEPTH: u32 = 16u;                       // of a stage
const QUADS: u32 = DEPTH / 4u;                // vec4s of a staged row
const PART_ROWS: u32 = TILE * DOWN;           // of a subgroup
const PART_COLUMNS: u32 = TILE * RIGHT;
const STRIDE: u32 = DEPTH + PAD;              // of a staged row
#if B_KN
const B_STRIDE: u32 = COLUMNS + PAD;          // of a staged row of B, which stays along n
const B_QUADS: u32 = COLUMNS / 4u;
#end
const OUT_STRIDE: u32 = PART_COLUMNS + 4u;    // of a row of results
const OUT_SIZE: u32 = TILE * OUT_STRIDE;      // of a subgroup's row of tiles
var<workgroup> a_high: array<Factor, ${ROWS * (16 + PAD)}>;          // [ROWS][STRIDE]
var<workgroup> b_high: array<Factor, $B_STAGED>;                     // [COLUMNS][STRIDE] or [DEPTH][B_STRIDE]
#if SPLIT
var<workgroup> a_low: array<Factor, ${ROWS * (16 + PAD)}>;
#if !B_F16
var<workgroup> b_low: array<Factor, $B_STAGED>;
#end
#end
var<workgroup> results: array<f32, ${4 * TILE * (TILE * RIGHT + 4)}>;   // [4][TILE][OUT_STRIDE]

#if SPLIT
// The upper 11 bits of a number, rounded. Subtracting what a conversion to f16 and back gives would do the same, but
// compilers fold that to zero.
fn high_part(x: vec4<f32>) -> vec4<f32> {
    return bitcast<vec4<f32>>((bitcast<vec4<u32>>(x) + 0x1000u) & vec4<u32>(0xffffe000u));
}
#end

@compute @workgroup_size(${4 * LANES})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let block = swizzled(group, groups);
    let row0 = block.y * ROWS;
    let col0 = block.x * COLUMNS;
    let base = bases(group.z);
    let last_quad = params.k / 4u - 1u;
    let subgroup = index / LANES;
    let a_at = subgroup / 2u * PART_ROWS * STRIDE;
#if B_KN
    let b_at = subgroup % 2u * PART_COLUMNS;
#else
    let b_at = subgroup % 2u * PART_COLUMNS * STRIDE;
#end

    // This invocation's share of a stage: its vec4s, and where they are put.
#for s in 0..A_LOADS
    let a_i_$s = index + ${s}u * SIZE;
    let a_quad_$s = a_i_$s % QUADS;
    let a_from_$s = (base.a + min(row0 + a_i_$s / QUADS, params.m - 1u) * params.a_row) / 4u;
    let a_to_$s = a_i_$s / QUADS * STRIDE + a_quad_$s * 4u;
    var a4_$s = load_a(a_from_$s, a_quad_$s, last_quad);
#end
#for s in 0..B_LOADS
    let b_i_$s = index + ${s}u * SIZE;
#if B_KN
    let b_place_$s = b_i_$s / B_QUADS;
    let b_from_$s = (base.b + min(col0 + b_i_$s % B_QUADS * 4u, params.n - 4u)) / 4u;
    let b_to_$s = b_place_$s * B_STRIDE + b_i_$s % B_QUADS * 4u;
#else
    let b_place_$s = b_i_$s % QUADS;
    let b_from_$s = (base.b + min(col0 + b_i_$s / QUADS, params.n - 1u) * params.b_row) / 4u;
    let b_to_$s = b_i_$s / QUADS * STRIDE + b_place_$s * 4u;
#end
    var b4_$s = load_b_stage(b_from_$s, b_place_$s, last_quad);
#end

#for i in 0..DOWN
#for j in 0..RIGHT
    var c_${i}_$j = TileC();
#if SPLIT
    var partial_${i}_$j = TileC();
    var low_${i}_$j = TileC();
#end
#end
#end
    for (var k0 = 0u; k0 < params.k; k0 += DEPTH) {
#for s in 0..A_LOADS
#if F16_FACTORS
        let a_scaled_$s = a4_$s * params.a_power;
#if SPLIT
        let a_h_$s = high_part(a_scaled_$s);
        let a_l_$s = vec4<f16>((a_scaled_$s - a_h_$s) * 2048.0);
        let a_f_$s = vec4<f16>(a_h_$s);
#else
        let a_f_$s = vec4<f16>(a_scaled_$s);
#end
#else
        let a_f_$s = a4_$s;
#end
#for e in 0..4
        a_high[a_to_$s + ${e}u] = a_f_$s[$e];
#if SPLIT
        a_low[a_to_$s + ${e}u] = a_l_$s[$e];
#end
#end
#end
#for s in 0..B_LOADS
#if F16_FACTORS
        let b_scaled_$s = b4_$s * params.b_power;
#if SPLIT
        let b_h_$s = high_part(b_scaled_$s);
        let b_l_$s = vec4<f16>((b_scaled_$s - b_h_$s) * 2048.0);
        let b_f_$s = vec4<f16>(b_h_$s);
#else
        let b_f_$s = vec4<f16>(b_scaled_$s);
#end
#else
        let b_f_$s = b4_$s;
#end
#for e in 0..4
        b_high[b_to_$s + ${e}u] = b_f_$s[$e];
#if SPLIT
#if !B_F16
        b_low[b_to_$s + ${e}u] = b_l_$s[$e];
#end
#end
#end
#end
        workgroupBarrier();
        if k0 + DEPTH < params.k {
#for s in 0..A_LOADS
            a4_$s = load_a(a_from_$s, (k0 + DEPTH) / 4u + a_quad_$s, last_quad);
#end
#for s in 0..B_LOADS
#if B_KN
            b4_$s = load_b_stage(b_from_$s, k0 + DEPTH + b_place_$s, last_quad);
#else
            b4_$s = load_b_stage(b_from_$s, (k0 + DEPTH) / 4u + b_place_$s, last_quad);
#end
#end
        }
        // coopLoadT reads rows one after another, coopLoad columns: B as the columns of Bᵀ's rows.
#for s in 0..16 / TILE
#for j in 0..RIGHT
#if B_KN
        let b_h_${s}_$j = coopLoadT<TileB>(&b_high[b_at + ${s * TILE}u * B_STRIDE + ${j * TILE}u], B_STRIDE);
#else
        let b_h_${s}_$j = coopLoad<TileB>(&b_high[b_at + ${j * TILE}u * STRIDE + ${s * TILE}u], STRIDE);
#end
#if SPLIT
#if !B_F16
#if B_KN
        let b_l_${s}_$j = coopLoadT<TileB>(&b_low[b_at + ${s * TILE}u * B_STRIDE + ${j * TILE}u], B_STRIDE);
#else
        let b_l_${s}_$j = coopLoad<TileB>(&b_low[b_at + ${j * TILE}u * STRIDE + ${s * TILE}u], STRIDE);
#end
#end
#end
#end
#for i in 0..DOWN
        let a_h_${s}_$i = coopLoadT<TileA>(&a_high[a_at + ${i * TILE}u * STRIDE + ${s * TILE}u], STRIDE);
#if SPLIT
        let a_l_${s}_$i = coopLoadT<TileA>(&a_low[a_at + ${i * TILE}u * STRIDE + ${s * TILE}u], STRIDE);
#end
#for j in 0..RIGHT
#if SPLIT
        partial_${i}_$j = coopMultiplyAdd(a_h_${s}_$i, b_h_${s}_$j, partial_${i}_$j);
        low_${i}_$j = coopMultiplyAdd(a_l_${s}_$i, b_h_${s}_$j, low_${i}_$j);
#if !B_F16
        low_${i}_$j = coopMultiplyAdd(a_h_${s}_$i, b_l_${s}_$j, low_${i}_$j);
#end
#else
        c_${i}_$j = coopMultiplyAdd(a_h_${s}_$i, b_h_${s}_$j, c_${i}_$j);
#end
#end
#end
#end
#if SPLIT
        if k0 % 64u == 48u {
#for i in 0..DOWN
#for j in 0..RIGHT
            c_${i}_$j = c_${i}_$j + partial_${i}_$j;
            partial_${i}_$j = TileC();
#end
#end
        }
#end
        workgroupBarrier();
    }

#for i in 0..DOWN
#for j in 0..RIGHT
#if SPLIT
    let sum_${i}_$j = c_${i}_$j + partial_${i}_$j + low_${i}_$j * 0.00048828125;
    coopStoreT(sum_${i}_$j, &results[subgroup * OUT_SIZE + ${j * TILE}u], OUT_STRIDE);
#else
    coopStoreT(c_${i}_$j, &results[subgroup * OUT_SIZE + ${j * TILE}u], OUT_STRIDE);
#end
#end
    workgroupBarrier();
#if C4
    for (var e = index; e < TILE * PART_COLUMNS; e += SIZE) {
        let owner = e / (TILE * PART_COLUMNS / 4u);
        let down = e / (PART_COLUMNS / 4u) % TILE;
        let across = e % (PART_COLUMNS / 4u) * 4u;
        let row4 = row0 + owner / 2u * PART_ROWS + ${i}u * TILE + down;
        let col4 = col0 + owner % 2u * PART_COLUMNS + across;
        if row4 < params.m && col4 < params.n {
            let at = owner * OUT_SIZE + down * OUT_STRIDE + across;
            let to = (base.c + row4 * params.c_row + col4) / 4u;
            let product = vec4<f32>(results[at], results[at + 1u], results[at + 2u], results[at + 3u]);
            finish4(product * params.unscale, bias4(col4), residual4(to), to);
        }
    }
#else
    for (var e = index; e < 4u * TILE * PART_COLUMNS; e += SIZE) {
        let owner = e / (TILE * PART_COLUMNS);
        let down = e / PART_COLUMNS % TILE;
        let across = e % PART_COLUMNS;
        let row = row0 + owner / 2u * PART_ROWS + ${i}u * TILE + down;
        let col = col0 + owner % 2u * PART_COLUMNS + across;
        if row < params.m && col < params.n {
            let product = results[owner * OUT_SIZE + down * OUT_STRIDE + across] * params.unscale;
            finish(product, bias_of(col), base.c + row * params.c_row + col);
        }
    }
#end
    workgroupBarrier();
#end
}
