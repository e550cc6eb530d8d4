// dx = (g - mean(g) - x̂ · mean(g · x̂)) / σ with g = dy · γ and x̂ = (x - mean(x)) / σ, over each row.
// Mean and σ are made again from x, in two passes as the forward pass makes them.

struct Params { rows: u32, width: u32, epsilon: f32 }
#params

@group(0) @binding(0) var<storage, read> x: array<T>;          // [rows, width], in elements of T
@group(0) @binding(1) var<storage, read> scale: array<T>;      // [width]  γ
@group(0) @binding(2) var<storage, read> dy: array<T>;         // [rows, width]
@group(0) @binding(3) var<storage, read_write> dx: array<T>;   // [rows, width]

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
    var upstream = 0.0;
    var along = 0.0;
    for (var i = row_first(lane); i < n; i += row_step) {
        let d = x[base + i] - mean;
        let g = dy[base + i] * scale[i];
        squares += total(d * d);
        upstream += total(g);
        along += total(g * d);
    }
    let variance = row_sum(squares, lane) / f32(params.width);
    let mean_g = row_sum(upstream, lane) / f32(params.width);
    let mean_gd = row_sum(along, lane) / f32(params.width);
    let inverse = inverseSqrt(variance + params.epsilon);
    let slope = inverse * inverse * mean_gd; // x̂ · mean(g · x̂) = d · slope
    for (var i = row_first(lane); i < n; i += row_step) {
        let d = x[base + i] - mean;
        dx[base + i] = (dy[base + i] * scale[i] - mean_g - d * slope) * inverse;
    }
}
