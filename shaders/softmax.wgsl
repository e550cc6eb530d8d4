// y = softmax(scale · x) over each row, less the row's maximum so that nothing overflows.
// With CAUSAL a row is query `row % period` of an attention: later columns get probability 0.

struct Params { rows: u32, width: u32, scale: f32, period: u32 }
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
#if CAUSAL
    let visible = min(row % params.period + 1u, params.width);
#else
    let visible = params.width;
#end
    // The first column is always visible, so every invocation may start from it.
    var largest = x[base] * params.scale;
    for (var i = row_first(lane); i < visible; i += row_step) {
        largest = max(largest, x[base + i] * params.scale);
    }
    largest = row_max(largest, lane);
    var sum = 0.0;
    for (var i = row_first(lane); i < visible; i += row_step) {
        let e = exp(x[base + i] * params.scale - largest);
        y[base + i] = e;
        sum += e;
    }
    let total = row_sum(sum, lane);
    for (var i = row_first(lane); i < visible; i += row_step) {
        y[base + i] /= total;
    }
#if CAUSAL
    for (var i = visible + row_first(lane); i < params.width; i += row_step) {
        y[base + i] = 0.0;
    }
#end
}
