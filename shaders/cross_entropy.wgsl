// y = scale · (ln Σ exp(x) - x[label]) over each row, less the row's maximum so that nothing overflows.
// With BACKWARD its gradient, dx = scale · dy · (softmax(x) - onehot(label)).

struct Params { rows: u32, classes: u32, scale: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [rows, classes]
@group(0) @binding(1) var<storage, read> label: array<u32>;     // [rows]
#if BACKWARD
@group(0) @binding(2) var<storage, read> dy: array<f32>;        // [rows]
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;  // [rows, classes]
#else
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // [rows]
#end

#include "common/rows.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group.y * grid.x + group.x, lane);
    if row >= params.rows {
        return; // uniform where there are barriers: one row a workgroup
    }
    let base = row * params.classes;
    let target_class = min(label[row], params.classes - 1u);
    var largest = x[base];
    for (var i = row_first(lane); i < params.classes; i += row_step) {
        largest = max(largest, x[base + i]);
    }
    largest = row_max(largest, lane);
    var sum = 0.0;
    for (var i = row_first(lane); i < params.classes; i += row_step) {
        sum += exp(x[base + i] - largest);
    }
    let total = row_sum(sum, lane);
#if BACKWARD
    let upstream = params.scale * dy[row];
    for (var i = row_first(lane); i < params.classes; i += row_step) {
        let onehot = select(0.0, 1.0, i == target_class);
        dx[base + i] = upstream * (exp(x[base + i] - largest) / total - onehot);
    }
#else
    if row_first(lane) == 0u {
        y[row] = params.scale * (log(total) - (x[base + target_class] - largest));
    }
#end
}
