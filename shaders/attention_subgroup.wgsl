// Fused attention for devices that run a subgroup as one SIMD vector (see attention_tile.wgsl for
// the mathematics). A workgroup is exactly one subgroup; each lane owns PER_LANE queries. Adds over
// `tile`: no barrier and no workgroup memory. The lanes load KEYS rows of keys (values) together, each a
// part of one, and the others get it by broadcasts, each of which serves PER_LANE queries.

struct Params { tokens: u32, heads: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;         // [images, tokens, 3, heads, D4] (D4 vec4s = head_dim)
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;   // [images, tokens, heads, D4]
#if LSE
@group(0) @binding(2) var<storage, read_write> lse: array<f32>;         // [images, heads, tokens]
#end

@compute @workgroup_size($LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    let head = group.y;
    let image = group.z;
    let row = 3u * params.heads * D4;   // vec4s of a token
    let base = image * params.tokens * row + head * D4;
#for i in 0..PER_LANE
    let query_$i = group.x * (LANES * PER_LANE) + ${i * LANES}u + lane;
    // A lane past the end works on the last query and writes nothing.
    let q_at_$i = base + min(query_$i, params.tokens - 1u) * row;
    var largest_$i = -1e30;
    var sum_$i = 0.0;
#for d in 0..D4
    let q_${i}_$d = qkv[q_at_$i + ${d}u] * params.scale;
    var o_${i}_$d = vec4<f32>(0.0);
#end
#end
    // A visit takes KEYS keys; the LANES / KEYS lanes of a key load a part of its row each.
    let part = (lane / KEYS) * ${D4 * KEYS / LANES}u;
    for (var k0 = 0u; k0 < params.tokens; k0 += KEYS) {
        let k_at = base + min(k0 + lane % KEYS, params.tokens - 1u) * row + params.heads * D4 + part;
        let v_at = k_at + params.heads * D4;
#for i in 0..PER_LANE
#for j in 0..KEYS
        var s_${i}_$j = 0.0;
#end
#end
#for e in 0..D4 * KEYS / LANES
        let k_$e = qkv[k_at + ${e}u];
#for p in 0..LANES / KEYS
#for j in 0..KEYS
        let k_${p * D4 * KEYS / LANES + e}_$j = subgroupBroadcast(k_$e, ${p * KEYS + j}u);
#for i in 0..PER_LANE
        s_${i}_$j = s_${i}_$j + q_${i}_${p * D4 * KEYS / LANES + e}.x * k_${p * D4 * KEYS / LANES + e}_$j.x
            + q_${i}_${p * D4 * KEYS / LANES + e}.y * k_${p * D4 * KEYS / LANES + e}_$j.y
            + q_${i}_${p * D4 * KEYS / LANES + e}.z * k_${p * D4 * KEYS / LANES + e}_$j.z
            + q_${i}_${p * D4 * KEYS / LANES + e}.w * k_${p * D4 * KEYS / LANES + e}_$j.w;
#end
#end
#end
#end
#for i in 0..PER_LANE
        var top_$i = largest_$i;
#for j in 0..KEYS
#if CAUSAL
        let seen_${i}_$j = k0 + ${j}u <= query_$i && k0 + ${j}u < params.tokens;
#else
        let seen_${i}_$j = k0 + ${j}u < params.tokens;
#end
        top_$i = max(top_$i, select(-1e30, s_${i}_$j, seen_${i}_$j));
#end
        let shrink_$i = exp(largest_$i - top_$i);
        largest_$i = top_$i;
        var total_$i = sum_$i * shrink_$i;
#for j in 0..KEYS
        let p_${i}_$j = select(0.0, exp(s_${i}_$j - top_$i), seen_${i}_$j);
        total_$i += p_${i}_$j;
#end
        sum_$i = total_$i;
#end
#for e in 0..D4 * KEYS / LANES
        let v_$e = qkv[v_at + ${e}u];
#for p in 0..LANES / KEYS
#for j in 0..KEYS
        let v_${p * D4 * KEYS / LANES + e}_$j = subgroupBroadcast(v_$e, ${p * KEYS + j}u);
#end
#for i in 0..PER_LANE
        o_${i}_${p * D4 * KEYS / LANES + e} = o_${i}_${p * D4 * KEYS / LANES + e} * shrink_$i
#for j in 0..KEYS
#if CAUSAL
            // A product with 0 would let a NaN of a later key through.
            + select(vec4<f32>(0.0), p_${i}_$j * v_${p * D4 * KEYS / LANES + e}_$j, seen_${i}_$j)
#else
            + p_${i}_$j * v_${p * D4 * KEYS / LANES + e}_$j
#end
#end
        ;
#end
#end
#end
    }
#for i in 0..PER_LANE
    if query_$i < params.tokens {
        let at = ((image * params.tokens + query_$i) * params.heads + head) * D4;
        let inverse = 1.0 / sum_$i;
#for d in 0..D4
        out[at + ${d}u] = o_${i}_$d * inverse;
#end
#if LSE
        lse[(image * params.heads + head) * params.tokens + query_$i] = largest_$i + log(sum_$i);
#end
    }
#end
}
