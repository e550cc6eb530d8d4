// y = (x - mean) / √(variance + ε) · γ + β over each row of `width` elements.
// The variance is a second pass over the centred row: one pass with Σx² cancels when |mean| is large.

struct Params { rows: u32, width: u32, epsilon: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;         // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read> scale: array<T>;     // [width]  γ
@group(0) @binding(2) var<storage, read> shift: array<T>;     // [width]  β
@group(0) @binding(3) var<storage, read_write> y: array<T>;   // [rows, width]

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
        sum += total(x[base + i]);
    }
    let mean = row_sum(sum, lane) / f32(params.width);
    var squares = 0.0;
    for (var i = row_first(lane); i < n; i += row_step) {
        let d = x[base + i] - mean;
        squares += total(d * d);
    }
    let variance = row_sum(squares, lane) / f32(params.width);
    let inverse = inverseSqrt(variance + params.epsilon);
    for (var i = row_first(lane); i < n; i += row_step) {
        y[base + i] = (x[base + i] - mean) * inverse * scale[i] + shift[i];
    }
}
