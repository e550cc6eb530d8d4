// C = act(scale · Σ parts + bias) + residual: the end of a product whose sums over k were cut into slices (split-k), so
// that a small grid of blocks keeps all compute units busy. `tile` has left the products of each slice in a matrix of their
// own, as a batch.
// Adds over `tile`: nothing but the parts and what comes after the sum. An invocation owns a vec4 of the output and adds
// its parts in the order of the slices: without atomics, so the same inputs give the same bits.

#include "common/matmul.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let columns = params.n / 4u;              // vec4s of a row
    let count = params.m * columns;           // of a matrix
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= count {
        return;
    }
    var sum = parts[i];
    for (var slice = 1u; slice < params.k; slice++) {
        sum += parts[slice * count + i];
    }
    // The parts lie densely, the output may not.
    let col = i % columns * 4u;
    let to = (params.c_offset + i / columns * params.c_row + col) / 4u;
    finish4(sum, bias4(col), residual4(to), to);
}
