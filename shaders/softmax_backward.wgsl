// dx = scale · y · (dy - Σ y · dy) over each row, with y = softmax(scale · x).

struct Params { rows: u32, width: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> y: array<T>;          // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read> dy: array<T>;         // [rows, width]
@group(0) @binding(2) var<storage, read_write> dx: array<T>;   // [rows, width]

#include "common/rows.wgsl"
#include "common/total.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group.y * grid.x + group.x, lane);
    if row >= params.rows {
        return; // uniform where there are barriers: one row a workgroup
    }
    let n = params.width / PACK;
    let base = row * n;
    var sum = 0.0;
    for (var i = row_first(lane); i < n; i += row_step) {
        sum += total(y[base + i] * dy[base + i]);
    }
    let average = row_sum(sum, lane);
    for (var i = row_first(lane); i < n; i += row_step) {
        dx[base + i] = params.scale * y[base + i] * (dy[base + i] - average);
    }
}
