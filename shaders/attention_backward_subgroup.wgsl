// Gradient of fused attention for devices that run a subgroup as one SIMD vector (see attention_backward_tile.wgsl for the
// mathematics). A workgroup is exactly one subgroup; each lane owns PER_LANE tokens, as queries (dq) or as keys (dk and dv,
// from the same scores). Adds over `tile`: no barrier and no workgroup memory. The lanes load VISITS rows of the other side
// together, each a part of one, and the others get it by broadcasts, each of which serves PER_LANE tokens.
// `x` are the factors of the scores (q or k), `g` those of dout·v.

struct Params { tokens: u32, heads: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;          // [images, tokens, 3, heads, D4] (D4 vec4s = head_dim)
@group(0) @binding(1) var<storage, read> dout: array<vec4<f32>>;         // [images, tokens, heads, D4]
@group(0) @binding(2) var<storage, read> lse: array<f32>;                // [images, heads, tokens]
@group(0) @binding(3) var<storage, read> delta: array<f32>;              // [images, tokens, heads]
@group(0) @binding(4) var<storage, read_write> dqkv: array<vec4<f32>>;   // [images, tokens, 3, heads, D4]

@compute @workgroup_size($LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let head = group.y;
    let image = group.z / 2u;
    let first = group.x * (LANES * PER_LANE);
    let width = params.heads * D4;   // vec4s of a token's q, k, v or dout
    let base = image * params.tokens * 3u * width + head * D4;
    let dout_base = image * params.tokens * width + head * D4;
    let lse_base = (image * params.heads + head) * params.tokens;
    let delta_base = image * params.tokens * params.heads + head;
    // Of a visited row, LANES / VISITS lanes load a part each.
    let part = (lane / VISITS) * ${D4 * VISITS / LANES}u;
#for keys in 0..2
    if group.z % 2u == ${keys}u {
#for i in 0..PER_LANE
        let token_$i = first + ${i * LANES}u + lane;
        // A lane past the end works on the last token and writes nothing.
        let own_$i = min(token_$i, params.tokens - 1u);
        let own_at_$i = base + own_$i * 3u * width;
#if keys
#for d in 0..D4
        let x_${i}_$d = qkv[own_at_$i + width + ${d}u] * params.scale;
        let g_${i}_$d = qkv[own_at_$i + 2u * width + ${d}u];
        var dx_${i}_$d = vec4<f32>(0.0);
        var dg_${i}_$d = vec4<f32>(0.0);
#end
#else
        let lse_$i = lse[lse_base + own_$i];
        let delta_$i = delta[delta_base + own_$i * params.heads];
#for d in 0..D4
        let x_${i}_$d = qkv[own_at_$i + ${d}u] * params.scale;
        let g_${i}_$d = dout[dout_base + own_$i * width + ${d}u];
        var dx_${i}_$d = vec4<f32>(0.0);
#end
#end
#end
#if CAUSAL
        // Keys after the last query, or queries before the first key, are seen by nobody here.
        let begin = ${keys}u * first;
#if keys
        let end = params.tokens;
#else
        let end = min(params.tokens, first + LANES * PER_LANE);
#end
#else
        let begin = 0u;
        let end = params.tokens;
#end
        for (var v0 = begin; v0 < end; v0 += VISITS) {
            let at = min(v0 + lane % VISITS, params.tokens - 1u);
#if keys
            let x_at = base + at * 3u * width + part;
            let g_at = dout_base + at * width + part;
            let lses = lse[lse_base + at];
            let deltas = delta[delta_base + at * params.heads];
#else
            let x_at = base + at * 3u * width + width + part;
            let g_at = x_at + width;
#end
#for i in 0..PER_LANE
#for j in 0..VISITS
            var s_${i}_$j = 0.0;
            var dp_${i}_$j = 0.0;
#end
#end
#for e in 0..D4 * VISITS / LANES
            let x_$e = qkv[x_at + ${e}u];
#for p in 0..LANES / VISITS
#for j in 0..VISITS
            let x_${p * D4 * VISITS / LANES + e}_of_$j = subgroupBroadcast(x_$e, ${p * VISITS + j}u);
#for i in 0..PER_LANE
            s_${i}_$j = s_${i}_$j + x_${i}_${p * D4 * VISITS / LANES + e}.x * x_${p * D4 * VISITS / LANES + e}_of_$j.x
                + x_${i}_${p * D4 * VISITS / LANES + e}.y * x_${p * D4 * VISITS / LANES + e}_of_$j.y
                + x_${i}_${p * D4 * VISITS / LANES + e}.z * x_${p * D4 * VISITS / LANES + e}_of_$j.z
                + x_${i}_${p * D4 * VISITS / LANES + e}.w * x_${p * D4 * VISITS / LANES + e}_of_$j.w;
#end
#end
#end
#end
#for e in 0..D4 * VISITS / LANES
#if keys
            let g_$e = dout[g_at + ${e}u];
#else
            let g_$e = qkv[g_at + ${e}u];
#end
#for p in 0..LANES / VISITS
#for j in 0..VISITS
            let g_${p * D4 * VISITS / LANES + e}_of_$j = subgroupBroadcast(g_$e, ${p * VISITS + j}u);
#for i in 0..PER_LANE
            dp_${i}_$j = dp_${i}_$j + g_${i}_${p * D4 * VISITS / LANES + e}.x * g_${p * D4 * VISITS / LANES + e}_of_$j.x
                + g_${i}_${p * D4 * VISITS / LANES + e}.y * g_${p * D4 * VISITS / LANES + e}_of_$j.y
                + g_${i}_${p * D4 * VISITS / LANES + e}.z * g_${p * D4 * VISITS / LANES + e}_of_$j.z
                + g_${i}_${p * D4 * VISITS / LANES + e}.w * g_${p * D4 * VISITS / LANES + e}_of_$j.w;
#end
#end
#end
#end
#for j in 0..VISITS
#if keys
            let lse_of_$j = subgroupBroadcast(lses, ${j}u);
            let delta_of_$j = subgroupBroadcast(deltas, ${j}u);
#end
#for i in 0..PER_LANE
#if CAUSAL
#if keys
            let seen_${i}_$j = v0 + ${j}u < params.tokens && v0 + ${j}u >= own_$i;
#else
            let seen_${i}_$j = v0 + ${j}u < params.tokens && v0 + ${j}u <= own_$i;
#end
#else
            let seen_${i}_$j = v0 + ${j}u < params.tokens;
#end
#if keys
            let p_${i}_$j = select(0.0, exp(s_${i}_$j - lse_of_$j), seen_${i}_$j);
            let ds_${i}_$j = select(0.0, p_${i}_$j * (dp_${i}_$j - delta_of_$j), seen_${i}_$j);
#else
            let p_${i}_$j = select(0.0, exp(s_${i}_$j - lse_$i), seen_${i}_$j);
            let ds_${i}_$j = select(0.0, p_${i}_$j * (dp_${i}_$j - delta_$i), seen_${i}_$j);
#end
#end
#end
#for d in 0..D4
#for i in 0..PER_LANE
#if CAUSAL
            // A product with 0 would let a NaN through.
#for j in 0..VISITS
            dx_${i}_$d = select(dx_${i}_$d, dx_${i}_$d + ds_${i}_$j * x_${d}_of_$j, seen_${i}_$j);
#if keys
            dg_${i}_$d = select(dg_${i}_$d, dg_${i}_$d + p_${i}_$j * g_${d}_of_$j, seen_${i}_$j);
#end
#end
#else
            dx_${i}_$d = dx_${i}_$d
#for j in 0..VISITS
                + ds_${i}_$j * x_${d}_of_$j
#end
            ;
#if keys
            dg_${i}_$d = dg_${i}_$d
#for j in 0..VISITS
                + p_${i}_$j * g_${d}_of_$j
#end
            ;
#end
#end
#end
#end
        }
#for i in 0..PER_LANE
        if token_$i < params.tokens {
            let to = base + token_$i * 3u * width;
#for d in 0..D4
            dqkv[to + ${keys}u * width + ${d}u] = dx_${i}_$d * params.scale;
#if keys
            dqkv[to + 2u * width + ${d}u] = dg_${i}_$d;
#end
#end
        }
#end
    }
#end
}
