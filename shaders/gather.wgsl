// out[i] = table[index[i]]: rows of an embedding table, or of activations (class tokens, patch tokens).
// T is f32, or vec4<f32> where rows allow. WIDTH, in elements of T, is a constant: dividing by it costs
// a product then, where a division by a parameter is a slow loop over the lanes of a vector.

struct Params { count: u32, rows: u32 }
#params

@group(0) @binding(0) var<storage, read> table: array<T>;         // [rows, WIDTH]
@group(0) @binding(1) var<storage, read> index: array<u32>;       // [count], each below rows
@group(0) @binding(2) var<storage, read_write> out: array<T>;     // [count, WIDTH]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count * WIDTH {
        return;
    }
    let row = min(index[i / WIDTH], params.rows - 1u);
    out[i] = table[row * WIDTH + i % WIDTH];
}
