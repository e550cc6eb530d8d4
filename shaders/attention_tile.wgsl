// Fused attention for GPUs: softmax(Q·Kᵀ·scale)·V without the score matrix (online softmax:
// Milakov & Gimelshein 2018, arXiv 1805.02867; tiling: Dao et al. 2022, arXiv 2205.14135).
// A workgroup owns QUERIES queries of one head, one an invocation, with the query and its output in
// registers; KEYS keys and values at a time are staged in workgroup memory.

struct Params { tokens: u32, heads: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;         // [images, tokens, 3, heads, D4] (D4 vec4s = head_dim)
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;   // [images, tokens, heads, D4]
#if LSE
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;         // [images, heads, tokens]
#end

var<workgroup> keys: array<vec4<f32>, ${KEYS * D4}>;     // [KEYS, D4]
var<workgroup> values: array<vec4<f32>, ${KEYS * D4}>;   // [KEYS, D4]

@compute @workgroup_size($QUERIES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let head = group.y;
    let image = group.z;
    let query = group.x * QUERIES + lane;
    let row = 3u * params.heads * D4;   // vec4s of a token
    let base = image * params.tokens * row + head * D4;
    // An invocation past the end works on the last query and writes nothing: barriers stay uniform.
    let q_at = base + min(query, params.tokens - 1u) * row;
#for d in 0..D4
    let q_$d = qkv[q_at + ${d}u] * params.scale;
    var o_$d = vec4<f32>(0.0);
#end
    var largest = -1e30;
    var sum = 0.0;
    for (var k0 = 0u; k0 < params.tokens; k0 += KEYS) {
        for (var i = lane; i < KEYS * D4; i += QUERIES) {
            let at = base + min(k0 + i / D4, params.tokens - 1u) * row + i % D4;
            keys[i] = qkv[at + params.heads * D4];
            values[i] = qkv[at + 2u * params.heads * D4];
        }
        workgroupBarrier();
        // Four keys a step: enough to amortise the rescaling, few enough to stay in registers.
        for (var j = 0u; j < KEYS; j += 4u) {
            var top = largest;
#for e in 0..4
            let key_$e = k0 + j + ${e}u;
            var s_$e = 0.0;
#for d in 0..D4
            s_$e += dot(q_$d, keys[(j + ${e}u) * D4 + ${d}u]);
#end
#if CAUSAL
            let seen_$e = key_$e <= query && key_$e < params.tokens;
#else
            let seen_$e = key_$e < params.tokens;
#end
            top = max(top, select(-1e30, s_$e, seen_$e));
#end
            let shrink = exp(largest - top);
            largest = top;
#for e in 0..4
            let p_$e = select(0.0, exp(s_$e - top), seen_$e);
#end
            sum = sum * shrink + ((p_0 + p_1) + (p_2 + p_3));
#for d in 0..D4
            o_$d = o_$d * shrink
#for e in 0..4
#if CAUSAL
                // A product with 0 would let a NaN of a later key through.
                + select(vec4<f32>(0.0), p_$e * values[(j + ${e}u) * D4 + ${d}u], seen_$e)
#else
                + p_$e * values[(j + ${e}u) * D4 + ${d}u]
#end
#end
            ;
#end
        }
        workgroupBarrier();
    }
    if query < params.tokens {
        let at = ((image * params.tokens + query) * params.heads + head) * D4;
#for d in 0..D4
        out[at + ${d}u] = o_$d / sum;
#end
#if LSE
        lse[(image * params.heads + head) * params.tokens + query] = largest + log(sum);
#end
    }
}
