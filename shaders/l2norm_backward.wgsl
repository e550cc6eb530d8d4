// dx = (dy - x̂ (x̂ · dy)) / ‖x‖₂ with x̂ = x / ‖x‖₂ over each row; a row of zeros gives zeros.

struct Params { rows: u32, width: u32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;          // [rows, width], in elements of T
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
    var squares = 0.0;
    var products = 0.0;
    for (var i = row_first(lane); i < n; i += row_step) {
        squares += total(x[base + i] * x[base + i]);
        products += total(x[base + i] * dy[base + i]);
    }
    let square = row_sum(squares, lane);
    let product = row_sum(products, lane);
    let divisor = select(square, 1.0, square == 0.0);
    let inverse = select(1.0 / sqrt(divisor), 0.0, square == 0.0);
    let along = product / divisor; // x̂ (x̂ · dy) = x · along
    for (var i = row_first(lane); i < n; i += row_step) {
        dx[base + i] = (dy[base + i] - x[base + i] * along) * inverse;
    }
}
