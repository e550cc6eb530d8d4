// Fused attention for GPUs with quad operations: softmax(Q·Kᵀ·scale)·V without the score matrix (online softmax:
// Milakov & Gimelshein 2018, arXiv 1805.02867; tiling: Dao et al. 2022, arXiv 2205.14135).
// Adds over `tile`: the four invocations of a quad share four queries, a quarter of the dimensions each, so that a
// vec4 of a key or a value that is read from workgroup memory serves four queries instead of one. A quad adds the
// quarters of a score by swaps, which leave each invocation the scores of one query; the softmax is done there,
// once, and its weights go back to the quad by broadcasts.
// A workgroup owns 64 queries of one head; KEYS keys and values at a time are staged in workgroup memory, all of an
// invocation's loads under way before the first is stored.

struct Params { tokens: u32, heads: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;         // [images, tokens, 3, heads, D4] (D4 vec4s = head_dim)
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;   // [images, tokens, heads, D4]
#if LSE
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;         // [images, heads, tokens]
#end

const SIZE: u32 = 64u;
var<workgroup> keys: array<vec4<f32>, ${KEYS * D4}>;     // [KEYS, D4]
var<workgroup> values: array<vec4<f32>, ${KEYS * D4}>;   // [KEYS, D4]

#include "common/quad.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let head = group.y;
    let image = group.z;
    let lane = index % 4u;
    let odd = (lane & 1u) == 1u;
    let upper = lane >= 2u;
    let query = group.x * SIZE + index;      // whose softmax this invocation does
    let first = query - lane;                // of the quad
    let row = 3u * params.heads * D4;        // vec4s of a token
    let base = image * params.tokens * row + head * D4;
    // A query past the end is the last one again, and is not written: barriers and swaps stay uniform.
#for e in 0..4
    let q_at_$e = base + min(first + ${e}u, params.tokens - 1u) * row + lane;
#for d in 0..D4 / 4
    let q_${e}_$d = qkv[q_at_$e + ${4 * d}u] * params.scale;
    var o_${e}_$d = vec4<f32>(0.0);
#end
#end
    var largest = -1e30;
    var sum = 0.0;
    for (var k0 = 0u; k0 < params.tokens; k0 += KEYS) {
#for s in 0..KEYS * D4 / 64
        let i_$s = index + ${s}u * SIZE;
        let at_$s = base + min(k0 + i_$s / D4, params.tokens - 1u) * row + i_$s % D4;
        let new_key_$s = qkv[at_$s + params.heads * D4];
        let new_value_$s = qkv[at_$s + 2u * params.heads * D4];
#end
        // Before it: everyone has read the keys and values that are replaced now.
        workgroupBarrier();
#for s in 0..KEYS * D4 / 64
        keys[i_$s] = new_key_$s;
        values[i_$s] = new_value_$s;
#end
        workgroupBarrier();
        // Four keys a step: enough to amortise the rescaling, few enough to stay in registers.
        for (var j = 0u; j < KEYS; j += 4u) {
#for k in 0..4
            var parts_$k = vec4<f32>(0.0);
#for d in 0..D4 / 4
            let key_${k}_$d = keys[(j + ${k}u) * D4 + ${4 * d}u + lane];
            parts_$k = vec4<f32>(add_dot(q_0_$d, key_${k}_$d, parts_${k}.x), add_dot(q_1_$d, key_${k}_$d, parts_${k}.y),
                add_dot(q_2_$d, key_${k}_$d, parts_${k}.z), add_dot(q_3_$d, key_${k}_$d, parts_${k}.w));
#end
            let s_$k = sum_of_own(parts_$k, odd, upper);
            let place_$k = k0 + j + ${k}u;
#if CAUSAL
            let seen_$k = place_$k <= query && place_$k < params.tokens;
#else
            let seen_$k = place_$k < params.tokens;
#end
#end
            var top = largest;
#for k in 0..4
            top = max(top, select(-1e30, s_$k, seen_$k));
#end
            let shrink = exp(largest - top);
            largest = top;
#for k in 0..4
            let p_$k = select(0.0, exp(s_$k - top), seen_$k);
#for d in 0..D4 / 4
            let value_${k}_$d = values[(j + ${k}u) * D4 + ${4 * d}u + lane];
#end
#end
            sum = sum * shrink + ((p_0 + p_1) + (p_2 + p_3));
#for e in 0..4
            let shrink_$e = quadBroadcast(shrink, ${e}u);
#for k in 0..4
            let p_${k}_$e = quadBroadcast(p_$k, ${e}u);
#end
#for d in 0..D4 / 4
            o_${e}_$d *= shrink_$e;
#for k in 0..4
#if CAUSAL
            // A product with 0 would let a NaN of a later key through.
            o_${e}_$d += select(vec4<f32>(0.0), p_${k}_$e * value_${k}_$d, place_$k <= first + ${e}u);
#else
            o_${e}_$d = fma(vec4<f32>(p_${k}_$e), value_${k}_$d, o_${e}_$d);
#end
#end
#end
#end
        }
    }
#for e in 0..4
    let sum_$e = quadBroadcast(sum, ${e}u);
#end
#for e in 0..4
    if first + ${e}u < params.tokens {
        let to_$e = ((image * params.tokens + first + ${e}u) * params.heads + head) * D4 + lane;
#for d in 0..D4 / 4
        out[to_$e + ${4 * d}u] = o_${e}_$d / sum_$e;
#end
    }
#end
#if LSE
    if query < params.tokens {
        lse[(image * params.heads + head) * params.tokens + query] = largest + log(sum);
    }
#end
}
