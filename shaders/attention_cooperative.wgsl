// Fused attention by cooperative matrices: softmax(Q·Kᵀ·scale)·V without the score matrix (online softmax: Milakov &
// Gimelshein 2018, arXiv 1805.02867; tiling: Dao et al. 2022, arXiv 2205.14135).
// Adds over `quad`: Q·Kᵀ and P·V are products of tiles of TILE × TILE that a whole subgroup holds and multiplies, and most
// hardware has units for it. Factors are rounded to float16, 11 bits; scores, softmax and all sums are float32.
//
// A workgroup of four subgroups of LANES owns 64 queries of one head. A subgroup owns 16 of them: its tiles hold their
// queries, as factors, and their outputs, as sums. 16 keys and values at a time are staged in workgroup memory, times
// `params.power`, a power of two that fits the largest of them to float16's range.
//
// Nothing can look into a tile. So scores go through workgroup memory, where SHARE invocations a row turn them into weights,
// PART of them each, in EACH rows. The outputs would have to go there, too, each time that the largest score of a row
// grows, because what was summed is relative to it. Weights are therefore relative to a maximum that may lag behind by
// SLACK: they stay below exp(SLACK) = 256, within float16's range at full accuracy. Only where a row's scores grow beyond
// that are the outputs stored, multiplied and loaded again; after the first keys that is rare. Rows decide it each for
// itself, so a row's bits do not depend on its neighbours. (Subgroups are told apart by the index in the workgroup: shaders
// that mix cooperative matrices with subgroup built-ins crash the compiler of some drivers.)

#enable wgpu_cooperative_matrix
#enable f16

struct Params {
    tokens: u32, heads: u32,
    q_power: f32,       // scale · power, of queries
    power: f32,         // of keys and values
    unscale: f32,       // 1 / power², of scores
    out_unscale: f32,   // 1 / (WEIGHT · power), of outputs
}
#params

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;         // [images, tokens, 3, heads, D4] (D4 vec4s = head_dim)
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;   // [images, tokens, heads, D4]
#if LSE
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;         // [images, heads, tokens]
#end

const SIZE: u32 = 4u * LANES;                 // invocations
const QUERIES: u32 = 64u;
const STRIP: u32 = 16u;                       // queries of a subgroup
const KEYS: u32 = 16u;
// Staged rows are padded by 16 bytes against bank conflicts.
const STRIDE: u32 = 4u * D4 + 8u;             // of a key or a value
const W_STRIDE: u32 = KEYS + 8u;              // of a row of weights
const S_STRIDE: u32 = KEYS + 4u;              // of a row of scores
const SLACK: f32 = 5.545177;                  // ln 256
const WEIGHT: f32 = 128.0;                    // multiplies weights: 256 · 128 is half of float16's range
var<workgroup> keys: array<f16, ${16 * (4 * D4 + 8)}>;      // [KEYS][STRIDE]
var<workgroup> values: array<f16, ${16 * (4 * D4 + 8)}>;    // [KEYS][STRIDE]
var<workgroup> weights: array<f16, ${64 * (16 + 8)}>;       // [QUERIES][W_STRIDE]; first the queries, 16 dimensions at a time
var<workgroup> scores: array<f32, ${64 * (16 + 4)}>;        // [QUERIES][S_STRIDE]; also outputs, 16 dimensions at a time
var<workgroup> factors: array<f32, 64>;                     // of the outputs so far; at the end the sum of the weights
var<workgroup> grown: atomic<u32>;                          // whether a factor is not 1
#if CAUSAL
var<workgroup> first_odd: array<atomic<u32>, ${4 * D4}>;    // in each dimension, the first key whose value is not finite
#end

fn seen(key: u32, query: u32) -> bool {
#if CAUSAL
    if key > query { return false; }
#end
    return key < params.tokens;
}

// Row r of the EACH whose weights an invocation makes, SHARE invocations a row.
fn row_of(r: u32, index: u32) -> u32 {
    return index / SHARE + r * (SIZE / SHARE);
}

fn stage_key(to: u32, key: vec4<f32>) {
    let half = vec4<f16>(key * params.power);
#for e in 0..4
    keys[to + ${e}u] = half[$e];
#end
}

// A weight of 0 lets a NaN or an infinity through. No query has a weight for what lies past the end, so it is 0; with
// CAUSAL some queries have none for a value, so one that is not finite is 0, too, and is added at the end to those that
// see it. The bits tell: a compiler may assume that x == x.
fn stage_value(to: u32, value: vec4<f32>, key: u32, quad: u32) {
    var kept = select(vec4<f32>(0.0), value, key < params.tokens);
#if CAUSAL
    let odd = (bitcast<vec4<u32>>(kept) & vec4<u32>(0x7f800000u)) == vec4<u32>(0x7f800000u);
#for e in 0..4
    if odd[$e] { atomicMin(&first_odd[4u * quad + ${e}u], key); }
#end
    kept = select(kept, vec4<f32>(0.0), odd);
#end
    let half = vec4<f16>(kept * params.power);
#for e in 0..4
    values[to + ${e}u] = half[$e];
#end
}

@compute @workgroup_size(${4 * LANES})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let head = group.y;
    let image = group.z;
    let first = group.x * QUERIES;
    let last = params.tokens - 1u;
    let row = 3u * params.heads * D4;         // vec4s of a token
    let base = image * params.tokens * row + head * D4;
    let strip = index / LANES * STRIP;        // first row of the subgroup
    if index == 0u { atomicStore(&grown, 0u); }
#if CAUSAL
    for (var i = index; i < 4u * D4; i += SIZE) {
        atomicStore(&first_odd[i], 0xffffffffu);
    }
#end

    // Queries into tiles, 16 dimensions at a time. One past the end is the last one again, and is not written.
#for c in 0..D4 / 4
    for (var i = index; i < QUERIES * 4u; i += SIZE) {
        let half = vec4<f16>(qkv[base + min(first + i / 4u, last) * row + ${4 * c}u + i % 4u] * params.q_power);
#for e in 0..4
        weights[i / 4u * W_STRIDE + i % 4u * 4u + ${e}u] = half[$e];
#end
    }
    workgroupBarrier();
#for i in 0..DOWN
#for j in 0..DOWN
    let q_${i}_${c * DOWN + j} = coopLoadT<TileA>(&weights[(strip + ${i}u * TILE) * W_STRIDE + ${j}u * TILE], W_STRIDE);
    var o_${i}_${c * DOWN + j} = TileC();
#end
#end
    // Before the next queries are stored.
    workgroupBarrier();
#end

    // This invocation's share of 16 keys or values: its vec4s, and where they are put.
#for s in 0..LOADS
    let i_$s = index + ${s}u * SIZE;
    let down_$s = i_$s / D4;
    let quad_$s = i_$s % D4;
    let from_$s = base + params.heads * D4 + quad_$s;
    let to_$s = down_$s * STRIDE + 4u * quad_$s;
    if i_$s < KEYS * D4 {
        stage_key(to_$s, qkv[from_$s + min(down_$s, last) * row]);
    }
#end
    // The keys of which this invocation makes weights, and what it knows of its rows.
    let part = index % SHARE * PART;
    var largest: array<f32, $EACH>;
    var sums: array<f32, $EACH>;
    for (var r = 0u; r < EACH; r++) {
        largest[r] = -1e30;
        sums[r] = 0.0;
    }
    workgroupBarrier();

#if CAUSAL
    // Later keys are seen by no query of this workgroup.
    let end = min(params.tokens, first + QUERIES);
#else
    let end = params.tokens;
#end
    for (var k0 = 0u; k0 < end; k0 += KEYS) {
        // Under way while the scores are made: these values, and the next keys.
#for s in 0..LOADS
        let value_$s = qkv[from_$s + params.heads * D4 + min(k0 + down_$s, last) * row];
        let next_$s = qkv[from_$s + min(k0 + KEYS + down_$s, last) * row];
#end
        // coopLoadT reads rows one after another, coopLoad columns: those of Kᵀ are keys.
#for i in 0..DOWN
#for j in 0..DOWN
        var s_${i}_$j = TileC();
#end
#end
#for t in 0..STEPS
#for j in 0..DOWN
        let k_${t}_$j = coopLoad<TileB>(&keys[${j}u * TILE * STRIDE + ${t}u * TILE], STRIDE);
#for i in 0..DOWN
        s_${i}_$j = coopMultiplyAdd(q_${i}_$t, k_${t}_$j, s_${i}_$j);
#end
#end
#end
#for i in 0..DOWN
#for j in 0..DOWN
        coopStoreT(s_${i}_$j, &scores[(strip + ${i}u * TILE) * S_STRIDE + ${j}u * TILE], S_STRIDE);
#end
#end
        // Scores are whole; keys have been read, and so have the weights and values of the step before.
        workgroupBarrier();
        for (var r = 0u; r < EACH; r++) {
            let at = row_of(r, index);
            let query = first + at;
            // All invocations of a row find the same maximum, each by itself: no barrier, and no other result for
            // another number of them.
            var top = -1e30;
            for (var j = 0u; j < KEYS; j++) {
                top = max(top, select(-1e30, scores[at * S_STRIDE + j] * params.unscale, seen(k0 + j, query)));
            }
            let grows = top > largest[r] + SLACK;
            let factor = select(1.0, exp(largest[r] - top), grows);
            largest[r] = select(largest[r], top, grows);
            sums[r] *= factor;
            for (var j = part; j < part + PART; j++) {
                let score = scores[at * S_STRIDE + j] * params.unscale;
                let weight = select(0.0, exp(score - largest[r]), seen(k0 + j, query));
                sums[r] += weight;
                weights[at * W_STRIDE + j] = f16(weight * WEIGHT);
            }
            if part == 0u { factors[at] = factor; }
            // With the first keys there is no output yet.
            if grows && k0 > 0u { atomicStore(&grown, 1u); }
        }
#for s in 0..LOADS
        if i_$s < KEYS * D4 {
            stage_value(to_$s, value_$s, k0 + down_$s, quad_$s);
            stage_key(to_$s, next_$s);
        }
#end
        // A barrier before the load, so that weights, factors, values and keys are whole, and one after it.
        if workgroupUniformLoad(&grown) != 0u {
#for c in 0..D4 / 4
#for i in 0..DOWN
#for j in 0..DOWN
            coopStoreT(o_${i}_${c * DOWN + j}, &scores[(strip + ${i}u * TILE) * S_STRIDE + ${j}u * TILE], S_STRIDE);
#end
#end
            workgroupBarrier();
            for (var i = index; i < QUERIES * 16u; i += SIZE) {
                scores[i / 16u * S_STRIDE + i % 16u] *= factors[i / 16u];
            }
            workgroupBarrier();
#for i in 0..DOWN
#for j in 0..DOWN
            o_${i}_${c * DOWN + j} = coopLoadT<TileC>(&scores[(strip + ${i}u * TILE) * S_STRIDE + ${j}u * TILE], S_STRIDE);
#end
#end
            // Before the next ones are stored.
            workgroupBarrier();
#end
            // Nobody sets it before the next barrier.
            if index == 0u { atomicStore(&grown, 0u); }
        }
#for j in 0..DOWN
#for i in 0..DOWN
        let w_tile_${i}_$j = coopLoadT<TileA>(&weights[(strip + ${i}u * TILE) * W_STRIDE + ${j}u * TILE], W_STRIDE);
#end
#for t in 0..STEPS
        let v_${j}_$t = coopLoadT<TileB>(&values[${j}u * TILE * STRIDE + ${t}u * TILE], STRIDE);
#for i in 0..DOWN
        o_${i}_$t = coopMultiplyAdd(w_tile_${i}_$j, v_${j}_$t, o_${i}_$t);
#end
#end
#end
    }

    // A row's sum, of the parts of its invocations in their order.
    for (var r = 0u; r < EACH; r++) {
        scores[row_of(r, index) * S_STRIDE + index % SHARE] = sums[r];
    }
    workgroupBarrier();
    if part == 0u {
        for (var r = 0u; r < EACH; r++) {
            let at = row_of(r, index);
            var total = 0.0;
            for (var e = 0u; e < SHARE; e++) {
                total += scores[at * S_STRIDE + e];
            }
            factors[at] = total;
#if LSE
            if first + at < params.tokens {
                lse[(image * params.heads + head) * params.tokens + first + at] = largest[r] + log(total);
            }
#end
        }
    }
    workgroupBarrier();
#for c in 0..D4 / 4
#for i in 0..DOWN
#for j in 0..DOWN
    coopStoreT(o_${i}_${c * DOWN + j}, &scores[(strip + ${i}u * TILE) * S_STRIDE + ${j}u * TILE], S_STRIDE);
#end
#end
    workgroupBarrier();
    for (var i = index; i < QUERIES * 4u; i += SIZE) {
        let quad = ${4 * c}u + i % 4u;
        let query = first + i / 4u;
        if query < params.tokens {
            let at = i / 4u * S_STRIDE + i % 4u * 4u;
            let summed = vec4<f32>(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]);
            var result = summed * params.out_unscale / factors[i / 4u];
#if CAUSAL
#for e in 0..4
            let odd_$e = atomicLoad(&first_odd[4u * quad + ${e}u]);
            if odd_$e <= query {
                result[$e] += qkv[base + 2u * params.heads * D4 + odd_$e * row + quad][$e];
            }
#end
#end
            out[((image * params.tokens + query) * params.heads + head) * D4 + quad] = result;
        }
    }
    // Before the next ones are stored.
    workgroupBarrier();
#end
}
