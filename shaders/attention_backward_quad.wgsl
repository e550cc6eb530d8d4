// Gradient of fused attention for GPUs with quad operations (Dao 2023, arXiv 2307.08691, algorithm 2), without the score
// matrix: p = exp(scale·q·k - lse), ds = p·(dout·v - delta), dq = scale·Σ ds·k, dk = scale·Σ ds·q, dv = Σ p·dout.
// A workgroup owns 32 tokens of one head, as queries or as keys, and visits the others, VISITS at a time from workgroup
// memory. `x` are the factors of the scores (q or k), `g` those of dout·v.
// Adds over `tile`: one pass over the queries gives dk and dv, which share p; and the four invocations of a quad share two
// tokens, a quarter of the dimensions each, so that their rows and sums fit the registers and a vec4 that is read from
// workgroup memory serves two tokens. Two tokens and two visited rows make four pairs: swaps leave each invocation of a
// quad the products of one, its exponential is made there, once, and its weights go back by broadcasts.

struct Params { tokens: u32, heads: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;          // [images, tokens, 3, heads, D4] (D4 vec4s = head_dim)
@group(0) @binding(1) var<storage, read> dout: array<vec4<f32>>;         // [images, tokens, heads, D4]
@group(0) @binding(2) var<storage, read> lse: array<f32>;                // [images, heads, tokens]
@group(0) @binding(3) var<storage, read> delta: array<f32>;              // [images, tokens, heads]
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4<f32>>;   // [images, tokens, 3, heads, D4]

const SIZE: u32 = 64u;
const OWN: u32 = 32u;
var<workgroup> xs: array<vec4<f32>, ${VISITS * D4}>;   // [VISITS, D4]
var<workgroup> gs: array<vec4<f32>, ${VISITS * D4}>;   // [VISITS, D4]
var<workgroup> lses: array<f32, $VISITS>;              // of the visited queries, where queries are visited
var<workgroup> deltas: array<f32, $VISITS>;

#include "common/quad.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
    let head = group.y;
    let image = group.z / 2u;
    let lane = index % 4u;
    let odd = (lane & 1u) == 1u;
    let upper = lane >= 2u;
    let first = group.x * OWN;
    let token = first + index / 4u * 2u;     // of the quad's two
    let paired = token + (lane & 1u);        // of this invocation's pair; the visited row of it is j or, of upper ones, j + 1
    let last = params.tokens - 1u;
    let width = params.heads * D4;           // vec4s of a token's q, k, v or dout
    let base = image * params.tokens * 3u * width + head * D4;
    let dout_base = image * params.tokens * width + head * D4;
    let lse_base = (image * params.heads + head) * params.tokens;
    let delta_base = image * params.tokens * params.heads + head;

    // One code for workgroups of queries and one for those of keys, made of the same lines.
#for keys in 0..2
    if group.z % 2u == ${keys}u {
        // A token past the end is the last one again, and is not written: barriers and swaps stay uniform.
#for t in 0..2
        let own_$t = min(token + ${t}u, last);
        let x_at_$t = base + (own_$t * 3u + ${keys}u) * width + lane;
#if keys
        let g_at_$t = base + (own_$t * 3u + 2u) * width + lane;
#else
        let g_at_$t = dout_base + own_$t * width + lane;
#end
#for d in 0..D4 / 4
        let x_${t}_$d = qkv[x_at_$t + ${4 * d}u] * params.scale;
#if keys
        let g_${t}_$d = qkv[g_at_$t + ${4 * d}u];
        var dg_${t}_$d = vec4<f32>(0.0);
#else
        let g_${t}_$d = dout[g_at_$t + ${4 * d}u];
#end
        var dx_${t}_$d = vec4<f32>(0.0);
#end
#end
#if !keys
        let lse_of_pair = lse[lse_base + min(paired, last)];
        let delta_of_pair = delta[delta_base + min(paired, last) * params.heads];
#end
        // With CAUSAL keys after the last query, or queries before the first key, are seen by nobody here.
#if CAUSAL
        let begin = ${keys}u * first;
#if keys
        let end = params.tokens;
#else
        let end = min(params.tokens, first + OWN);
#end
#else
        let begin = 0u;
        let end = params.tokens;
#end
        for (var v0 = begin; v0 < end; v0 += VISITS) {
            // All loads are under way before the first is stored; rows past the end are the last one again.
#for s in 0..VISITS * D4 / 64
            let i_$s = index + ${s}u * SIZE;
            let at_$s = min(v0 + i_$s / D4, last);
            let new_x_$s = qkv[base + (at_$s * 3u + ${1 - keys}u) * width + i_$s % D4];
#if keys
            let new_g_$s = dout[dout_base + at_$s * width + i_$s % D4];
#else
            let new_g_$s = qkv[base + (at_$s * 3u + 2u) * width + i_$s % D4];
#end
#end
#if keys
            let visited = min(v0 + index % VISITS, last);
            let new_lse = lse[lse_base + visited];
            let new_delta = delta[delta_base + visited * params.heads];
#end
            // Before it: everyone has read the rows that are replaced now.
            workgroupBarrier();
#for s in 0..VISITS * D4 / 64
            xs[i_$s] = new_x_$s;
            gs[i_$s] = new_g_$s;
#end
#if keys
            if index < VISITS {
                lses[index] = new_lse;
                deltas[index] = new_delta;
            }
#end
            workgroupBarrier();
            for (var j = 0u; j < VISITS; j += 2u) {
                // Parts of the products of token t and visited row v are in component t + 2·v.
                var s_parts = vec4<f32>(0.0);
                var dp_parts = vec4<f32>(0.0);
#for d in 0..D4 / 4
#for v in 0..2
                let x_${d}_of_$v = xs[(j + ${v}u) * D4 + ${4 * d}u + lane];
                let g_${d}_of_$v = gs[(j + ${v}u) * D4 + ${4 * d}u + lane];
#end
                s_parts = vec4<f32>(add_dot(x_0_$d, x_${d}_of_0, s_parts.x), add_dot(x_1_$d, x_${d}_of_0, s_parts.y),
                    add_dot(x_0_$d, x_${d}_of_1, s_parts.z), add_dot(x_1_$d, x_${d}_of_1, s_parts.w));
                dp_parts = vec4<f32>(add_dot(g_0_$d, g_${d}_of_0, dp_parts.x), add_dot(g_1_$d, g_${d}_of_0, dp_parts.y),
                    add_dot(g_0_$d, g_${d}_of_1, dp_parts.z), add_dot(g_1_$d, g_${d}_of_1, dp_parts.w));
#end
                let s = sum_of_own(s_parts, odd, upper);
                let dp = sum_of_own(dp_parts, odd, upper);
                let row = j + lane / 2u;
#if keys
                let lse_of_pair = lses[row];
                let delta_of_pair = deltas[row];
#end
                let there = v0 + row < params.tokens;
                let p = select(0.0, exp(s - lse_of_pair), there);
                let ds = select(0.0, p * (dp - delta_of_pair), there);
#for e in 0..4
                let ds_$e = quadBroadcast(ds, ${e}u);
#if keys
                let p_$e = quadBroadcast(p, ${e}u);
#end
#end
#for v in 0..2
#for t in 0..2
#if CAUSAL
                // Not a weight of 0: that would let a NaN through.
#if keys
                let seen_${t}_$v = v0 + j + ${v}u >= token + ${t}u;
#else
                let seen_${t}_$v = v0 + j + ${v}u <= token + ${t}u;
#end
#end
#for d in 0..D4 / 4
#if CAUSAL
                dx_${t}_$d += select(vec4<f32>(0.0), ds_${t + 2 * v} * x_${d}_of_$v, seen_${t}_$v);
#if keys
                dg_${t}_$d += select(vec4<f32>(0.0), p_${t + 2 * v} * g_${d}_of_$v, seen_${t}_$v);
#end
#else
                dx_${t}_$d = fma(vec4<f32>(ds_${t + 2 * v}), x_${d}_of_$v, dx_${t}_$d);
#if keys
                dg_${t}_$d = fma(vec4<f32>(p_${t + 2 * v}), g_${d}_of_$v, dg_${t}_$d);
#end
#end
#end
#end
#end
            }
        }
#for t in 0..2
        if token + ${t}u < params.tokens {
#for d in 0..D4 / 4
            dqkv[x_at_$t + ${4 * d}u] = dx_${t}_$d * params.scale;
#if keys
            dqkv[g_at_$t + ${4 * d}u] = dg_${t}_$d;
#end
#end
        }
#end
    }
#end
}
