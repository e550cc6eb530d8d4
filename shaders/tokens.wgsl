// Token sequences with their positions: out[b, t] = x[b, t] + position[t], or with CLASS a class
// token in front: out[b, 0] = class + position[0], out[b, 1 + t] = x[b, t] + position[1 + t].

struct Params { batch: u32, tokens: u32, width: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;           // [batch, tokens, width]
@group(0) @binding(1) var<storage, read> position: array<f32>;    // [tokens (+ 1), width]
#if CLASS
@group(0) @binding(2) var<storage, read> class_token: array<f32>; // [width]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;   // [batch, tokens + 1, width]
#else
@group(0) @binding(2) var<storage, read_write> out: array<f32>;   // [batch, tokens, width]
#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    let length = params.tokens + EXTRA;
    if i >= params.batch * length * params.width {
        return;
    }
    let d = i % params.width;
    let t = (i / params.width) % length;
    let b = i / params.width / length;
    var value = position[t * params.width + d];
#if CLASS
    if t == 0u {
        value += class_token[d];
    } else {
        value += x[(b * params.tokens + t - 1u) * params.width + d];
    }
#else
    value += x[(b * params.tokens + t) * params.width + d];
#end
    out[i] = value;
}
