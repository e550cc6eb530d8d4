// out[r] = Σ dy[order[p]] over p from starts[r] to before starts[r + 1]: the transpose of a gather, with the
// rows of dy sorted by where they go, so that nobody adds to another's sum and the order is fixed.
// T is f32, or vec4<f32> where rows allow. WIDTH, in elements of T, is a constant: see gather.wgsl.

struct Params { rows: u32, count: u32 }
#params

@group(0) @binding(0) var<storage, read> dy: array<T>;          // [count, WIDTH]
@group(0) @binding(1) var<storage, read> starts: array<u32>;    // [rows + 1], each at most count
@group(0) @binding(2) var<storage, read> order: array<u32>;     // [count], each below count
@group(0) @binding(3) var<storage, read_write> out: array<T>;   // [rows, WIDTH]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.rows * WIDTH {
        return;
    }
    let row = i / WIDTH;
    let column = i % WIDTH;
    let end = min(starts[row + 1u], params.count);
    var sum = T();
    for (var p = starts[row]; p < end; p++) {
        sum += dy[min(order[p], params.count - 1u) * WIDTH + column];
    }
    out[i] = sum;
}
