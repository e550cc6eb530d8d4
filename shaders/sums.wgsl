// y[g, c] = scale · Σ_r x[offset + g·group_stride + r·row_stride + c], with PRODUCT each term times z there.
// Two shapes chosen by COLUMN:
// * one invocation a sum (CPUs, and GPUs when there are sums enough to fill one);
// * one workgroup for TILE sums side by side, which its invocations read together, WG / TILE rows at a
//   time, and then add up as a tree.

struct Params {
    groups: u32, rows: u32, columns: u32,
    offset: u32, row_stride: u32, group_stride: u32,
    scale: f32,
}
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [offset + …], up to the last place used
#if PRODUCT
@group(0) @binding(1) var<storage, read> z: array<f32>;         // as x
@group(0) @binding(2) var<storage, read_write> y: array<f32>;   // [groups, columns]
fn term(at: u32) -> f32 { return x[at] * z[at]; }
#else
@group(0) @binding(1) var<storage, read_write> y: array<f32>;   // [groups, columns]
fn term(at: u32) -> f32 { return x[at]; }
#end

// The sum of rows first, first + step, … of a column.
fn sum(g: u32, c: u32, first: u32, step: u32) -> f32 {
    let base = params.offset + g * params.group_stride + c;
    var total = 0.0;
    for (var r = first; r < params.rows; r += step) {
        total += term(base + r * params.row_stride);
    }
    return total;
}

#if COLUMN
@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * WG + lane;
    if i >= params.groups * params.columns {
        return;
    }
    y[i] = params.scale * sum(i / params.columns, i % params.columns, 0u, 1u);
}
#else
var<workgroup> partial: array<f32, WG>;

@compute @workgroup_size($WG)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let tiles = (params.columns + TILE - 1u) / TILE;
    let tile = group.y * grid.x + group.x;
    let g = tile / tiles;
    if g >= params.groups {
        return; // uniform: the barriers below are of one workgroup
    }
    let c = (tile % tiles) * TILE + lane % TILE;
    var own = 0.0;
    if c < params.columns {
        own = sum(g, c, lane / TILE, WG / TILE);
    }
    partial[lane] = own;
    workgroupBarrier();
    for (var half = WG / 2u; half >= TILE; half /= 2u) {
        if lane < half {
            partial[lane] += partial[lane + half];
        }
        workgroupBarrier();
    }
    if lane < TILE && c < params.columns {
        y[g * params.columns + c] = params.scale * partial[lane];
    }
}
#end
