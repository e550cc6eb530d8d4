// Cuts images of SIZE² pixels into patches of EDGE², one row each, in the order of a convolution's
// weights (channel, y, x), so that the patch embedding becomes a matmul. Rows are padded with zeros to
// ROW elements. T is f32, or vec4<f32> where four divides both edges; then all four are neighbours.

struct Params { images: u32 }
#params

@group(0) @binding(0) var<storage, read> pixels: array<T>;      // [images, 3, SIZE, SIZE]
@group(0) @binding(1) var<storage, read_write> out: array<T>;   // [images, (SIZE / EDGE)², ROW]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * groups.x + group.x) * 64u + lane;
    let grid = SIZE / EDGE;
    let area = EDGE * EDGE;
    let row = ROW / PACK;
    if i >= params.images * grid * grid * row {
        return;
    }
    let k = (i % row) * PACK;
    let cell = (i / row) % (grid * grid);
    let image = i / row / (grid * grid);
    if k >= 3u * area {
        out[i] = T();
        return;
    }
    let y = (cell / grid) * EDGE + (k % area) / EDGE;
    let x = (cell % grid) * EDGE + k % EDGE;
    out[i] = pixels[(((image * 3u + k / area) * SIZE + y) * SIZE + x) / PACK];
}
