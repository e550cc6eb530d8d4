// Rows put into sequences, behind the first row of each.
// * INSERT: out = x[0], p, x[1..]: a sequence grows by `tokens` rows.
// * else out = x, with rows 1 ..= tokens made keep·x + add·p, or keep·x without ADD.
// T is f32, or vec4<f32> where rows allow. WIDTH, in elements of T, and LENGTH, the rows of a sequence of
// out, are constants: dividing by a parameter is a slow loop over the lanes of a vector.

struct Params { batch: u32, tokens: u32, keep: f32, add: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;           // [batch, LENGTH (- tokens), WIDTH]
#if ADD
@group(0) @binding(1) var<storage, read> p: array<T>;           // [tokens, WIDTH]
@group(0) @binding(2) var<storage, read_write> out: array<T>;   // [batch, LENGTH, WIDTH]
#else
@group(0) @binding(1) var<storage, read_write> out: array<T>;   // [batch, LENGTH, WIDTH]
#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.batch * (LENGTH * WIDTH) {
        return;
    }
    let in_sequence = i % (LENGTH * WIDTH);
    let size = params.tokens * WIDTH; // of the rows that are put in
    let inside = in_sequence >= WIDTH && in_sequence < WIDTH + size;
#if INSERT
    if inside {
        out[i] = p[in_sequence - WIDTH];
    } else {
        // What was put in before: by the sequences in front, and by this one once past its first row.
        let sequence = i / (LENGTH * WIDTH);
        out[i] = x[i - (sequence + select(0u, 1u, in_sequence >= WIDTH)) * size];
    }
#else
    var value = x[i];
    if inside {
#if ADD
        value = params.keep * value + params.add * p[in_sequence - WIDTH];
#else
        value = params.keep * value;
#end
    }
    out[i] = value;
#end
}
