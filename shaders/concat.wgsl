// The rows of a, then those of b: two copies of whole tables, so that only lengths matter.

struct Params { first: u32, count: u32 }   // elements of T in a, and in both
#params

@group(0) @binding(0) var<storage, read> a: array<T>;           // [first, width]
@group(0) @binding(1) var<storage, read> b: array<T>;           // [second, width]
@group(0) @binding(2) var<storage, read_write> out: array<T>;   // [first + second, width]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    if i < params.first {
        out[i] = a[i];
    } else {
        out[i] = b[i - params.first];
    }
}
