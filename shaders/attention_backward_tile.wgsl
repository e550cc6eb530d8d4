// Gradient of fused attention for GPUs (Dao 2023, arXiv 2307.08691, algorithm 2), without the score matrix:
// p = exp(scale·q·k - lse), ds = p·(dout·v - delta), dq = scale·Σ ds·k, dk = scale·Σ ds·q, dv = Σ p·dout.
// A workgroup owns OWN tokens of one head, one an invocation, and one part of their gradient: dq (a sum over keys), dk or
// dv (sums over queries). It keeps its rows in registers; VISITS rows of the other side are staged in workgroup memory.
// `x` are the factors of the scores (q or k), `g` those of dout·v: one code serves all parts.

struct Params { tokens: u32, heads: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;          // [images, tokens, 3, heads, D4] (D4 vec4s = head_dim)
@group(0) @binding(1) var<storage, read> dout: array<vec4<f32>>;         // [images, tokens, heads, D4]
@group(0) @binding(2) var<storage, read> lse: array<f32>;                // [images, heads, tokens]
@group(0) @binding(3) var<storage, read> delta: array<f32>;              // [images, tokens, heads]
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4<f32>>;   // [images, tokens, 3, heads, D4]

const DQ: u32 = 0u;   // parts, in the order of the packing
const DK: u32 = 1u;
const DV: u32 = 2u;

const STAGED: u32 = LOADS * OWN;                             // vec4s of the visited rows, up to a whole load of all
var<workgroup> rows: array<vec4<f32>, ${2 * LOADS * OWN}>;   // [2, STAGED], each [VISITS, D4] and more: x, then g
var<workgroup> lses: array<f32, $VISITS>;                    // of the visited queries, where queries are visited
var<workgroup> deltas: array<f32, $VISITS>;

@compute @workgroup_size($OWN)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let head = group.y;
    let image = group.z / 3u;
    let part = group.z % 3u;
    let first = group.x * OWN;
    let token = first + lane;
    let width = params.heads * D4;   // vec4s of a token's q, k, v or dout
    let base = image * params.tokens * 3u * width + head * D4;
    let dout_base = image * params.tokens * width + head * D4;
    let lse_base = (image * params.heads + head) * params.tokens;
    let delta_base = image * params.tokens * params.heads + head;

    // An invocation past the end works on the last token and writes nothing: barriers stay uniform.
    let own = min(token, params.tokens - 1u);
    let x_at = base + own * 3u * width + select(width, 0u, part == DQ);
#for d in 0..D4
    let x_$d = qkv[x_at + ${d}u] * params.scale;
    var g_$d: vec4<f32>;
    var sum_$d = vec4<f32>(0.0);
#end
    if part == DQ {
#for d in 0..D4
        g_$d = dout[dout_base + own * width + ${d}u];
#end
    } else {
#for d in 0..D4
        g_$d = qkv[base + own * 3u * width + 2u * width + ${d}u];
#end
    }
    let own_lse = lse[lse_base + own];
    let own_delta = delta[delta_base + own * params.heads];
    let x_of = select(0u, width, part == DQ);   // where in a visited token x is
    // dv sums the rows g, the others the rows x.
    let summed = select(0u, STAGED, part == DV);

#if CAUSAL
    // Keys after the last query, or queries before the first key, are seen by nobody here.
    let begin = select(first, 0u, part == DQ);
    let end = select(params.tokens, min(params.tokens, first + OWN), part == DQ);
#else
    let begin = 0u;
    let end = params.tokens;
#end
    for (var v0 = begin; v0 < end; v0 += VISITS) {
        let count = min(VISITS, end - v0);
        // All loads are under way before the first is stored; rows past the end are the last one again.
#for s in 0..LOADS
        let i_$s = lane + ${s}u * OWN;
        let at_$s = min(v0 + i_$s / D4, params.tokens - 1u);
        let qkv_at_$s = base + at_$s * 3u * width + i_$s % D4;
        let new_x_$s = qkv[qkv_at_$s + x_of];
        var new_g_$s: vec4<f32>;
#end
        if part == DQ {
#for s in 0..LOADS
            new_g_$s = qkv[qkv_at_$s + 2u * width];
#end
        } else {
#for s in 0..LOADS
            new_g_$s = dout[dout_base + at_$s * width + i_$s % D4];
#end
        }
        let visited_lane = min(v0 + lane % VISITS, params.tokens - 1u);
        let new_lse = lse[lse_base + visited_lane];
        let new_delta = delta[delta_base + visited_lane * params.heads];
#for s in 0..LOADS
        rows[i_$s] = new_x_$s;
        rows[STAGED + i_$s] = new_g_$s;
#end
        if lane < VISITS {
            lses[lane] = new_lse;
            deltas[lane] = new_delta;
        }
        workgroupBarrier();
        for (var j = 0u; j < count; j++) {
#if CAUSAL
            let visited = v0 + j;
            if select(own > visited, own < visited, part == DQ) {
                continue;   // the query does not see the key
            }
#end
            // A sum for each component: four independent chains.
            var s = vec4<f32>(0.0);
#for d in 0..D4
            s += x_$d * rows[j * D4 + ${d}u];
#end
            let score = (s.x + s.y) + (s.z + s.w);
            var weight = exp(score - select(lses[j], own_lse, part == DQ));
            if part != DV {
                var dp = vec4<f32>(0.0);
#for d in 0..D4
                dp += g_$d * rows[STAGED + j * D4 + ${d}u];
#end
                weight *= (dp.x + dp.y) + (dp.z + dp.w) - select(deltas[j], own_delta, part == DQ);
            }
            let row = summed + j * D4;
#for d in 0..D4
            sum_$d += weight * rows[row + ${d}u];
#end
        }
        workgroupBarrier();
    }
    if token < params.tokens {
        let at = base + token * 3u * width + part * width;
        let factor = select(params.scale, 1.0, part == DV);
#for d in 0..D4
        dqkv[at + ${d}u] = sum_$d * factor;
#end
    }
}
