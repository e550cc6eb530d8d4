// Fused attention for devices that run a subgroup as one SIMD vector (see attention_tile.wgsl for
// the mathematics). A workgroup is exactly one subgroup; each lane owns PER_LANE queries. Adds over
// `tile`: no barrier and no workgroup memory. Each lane loads one key (value) row, and the others
// get it by broadcasts, each of which serves PER_LANE queries.

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
    for (var k0 = 0u; k0 < params.tokens; k0 += LANES) {
        let k_at = base + min(k0 + lane, params.tokens - 1u) * row + params.heads * D4;
        let v_at = k_at + params.heads * D4;
#for i in 0..PER_LANE
#for j in 0..LANES
        var s_${i}_$j = 0.0;
#end
#end
#for d in 0..D4
        let k_$d = qkv[k_at + ${d}u];
#for j in 0..LANES
        let k_${d}_$j = subgroupBroadcast(k_$d, ${j}u);
#for i in 0..PER_LANE
        s_${i}_$j = s_${i}_$j + q_${i}_$d.x * k_${d}_$j.x + q_${i}_$d.y * k_${d}_$j.y
            + q_${i}_$d.z * k_${d}_$j.z + q_${i}_$d.w * k_${d}_$j.w;
#end
#end
#end
#for i in 0..PER_LANE
        var top_$i = largest_$i;
#for j in 0..LANES
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
#for j in 0..LANES
        let p_${i}_$j = select(0.0, exp(s_${i}_$j - top_$i), seen_${i}_$j);
        total_$i += p_${i}_$j;
#end
        sum_$i = total_$i;
#end
#for d in 0..D4
        let v_$d = qkv[v_at + ${d}u];
#for j in 0..LANES
        let v_${d}_$j = subgroupBroadcast(v_$d, ${j}u);
#end
#for i in 0..PER_LANE
        o_${i}_$d = o_${i}_$d * shrink_$i
#for j in 0..LANES
            + p_${i}_$j * v_${d}_$j
#end
        ;
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
