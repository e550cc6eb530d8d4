// out[i] = table[index[i]]: rows of an embedding table, or of activations (class tokens, patch tokens).

struct Params { count: u32, width: u32, rows: u32 }
#params

@group(0) @binding(0) var<storage, read> table: array<f32>;       // [rows, width]
@group(0) @binding(1) var<storage, read> index: array<u32>;       // [count], each below rows
@group(0) @binding(2) var<storage, read_write> out: array<f32>;   // [count, width]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count * params.width {
        return;
    }
    let row = min(index[i / params.width], params.rows - 1u);
    out[i] = table[row * params.width + i % params.width];
}
