// Token sequences with their positions: out[b, t] = x[b, t] + position[t], or with CLASS a class
// token in front: out[b, 0] = class + position[0], out[b, 1 + t] = x[b, t] + position[1 + t].
// T is f32, or vec4<f32> where rows allow; WIDTH counts elements of T. A sequence has LENGTH tokens.

struct Params { batch: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;           // [batch, LENGTH (- 1), WIDTH]
@group(0) @binding(1) var<storage, read> position: array<T>;    // [LENGTH, WIDTH]
#if CLASS
@group(0) @binding(2) var<storage, read> class_token: array<T>; // [WIDTH]
@group(0) @binding(3) var<storage, read_write> out: array<T>;   // [batch, LENGTH, WIDTH]
#else
@group(0) @binding(2) var<storage, read_write> out: array<T>;   // [batch, LENGTH, WIDTH]
#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.batch * (LENGTH * WIDTH) {
        return;
    }
    let in_sequence = i % (LENGTH * WIDTH);
#if CLASS
    let sequence = i / (LENGTH * WIDTH);
    if in_sequence < WIDTH {
        out[i] = class_token[in_sequence] + position[in_sequence];
    } else {
        out[i] = x[i - (sequence + 1u) * WIDTH] + position[in_sequence];
    }
#else
    out[i] = x[i] + position[in_sequence];
#end
}
