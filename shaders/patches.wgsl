// Cuts images into patches, one row each, in the order of a convolution's weights (channel, y, x),
// so that the patch embedding becomes a matmul. Rows may be padded with zeros to a multiple of 4.

struct Params { images: u32, size: u32, edge: u32, row: u32 }
#params

@group(0) @binding(0) var<storage, read> pixels: array<f32>;      // [images, 3, size, size]
@group(0) @binding(1) var<storage, read_write> out: array<f32>;   // [images, grid², row]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    let grid = params.size / params.edge;
    if i >= params.images * grid * grid * params.row {
        return;
    }
    let k = i % params.row;
    let cell = (i / params.row) % (grid * grid);
    let image = i / params.row / (grid * grid);
    let area = params.edge * params.edge;
    if k >= 3u * area {
        out[i] = 0.0;
        return;
    }
    let y = (cell / grid) * params.edge + (k % area) / params.edge;
    let x = (cell % grid) * params.edge + k % params.edge;
    out[i] = pixels[((image * 3u + k / area) * params.size + y) * params.size + x];
}
