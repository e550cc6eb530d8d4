// y = x / ‖x‖₂ over each row; a row of zeros stays zero.

struct Params { rows: u32, width: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [rows, width]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;   // [rows, width]

#include "common/rows.wgsl"

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let row = row_index(group.y * grid.x + group.x, lane);
    if row >= params.rows {
        return; // uniform where there are barriers: one row a workgroup
    }
    let base = row * params.width;
    var squares = 0.0;
    for (var i = row_first(lane); i < params.width; i += row_step) {
        squares += x[base + i] * x[base + i];
    }
    let norm = sqrt(row_sum(squares, lane));
    let divisor = select(norm, 1.0, norm == 0.0);
    for (var i = row_first(lane); i < params.width; i += row_step) {
        y[base + i] = x[base + i] / divisor;
    }
}
