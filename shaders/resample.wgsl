// Resampling of [n, h, w, c] to [n, h', w', c] (or planar [n, c, h', w']): bilinear or bicubic, with
// corners aligned or not, or antialiased as Pillow and torch do it (filter widened when shrinking,
// weights normalised). One invocation makes one output element.

struct Params {
    count: u32, channels: u32,
    in_h: u32, in_w: u32, out_h: u32, out_w: u32,
    n: u32,
}
#params

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [n, in_h, in_w, channels]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;   // [n, out_h, out_w, channels] or planar

#include "common/resample.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
#if PLANAR
    let column = i % params.out_w;
    let row = (i / params.out_w) % params.out_h;
    let channel = (i / (params.out_w * params.out_h)) % params.channels;
#else
    let channel = i % params.channels;
    let column = (i / params.channels) % params.out_w;
    let row = (i / (params.channels * params.out_w)) % params.out_h;
#end
    let image = i / (params.channels * params.out_w * params.out_h);
    let v = axis(row, params.in_h, params.out_h);
    let h = axis(column, params.in_w, params.out_w);
    var sum = 0.0;
    for (var r = 0; r < v.count; r++) {
        let in_row = u32(clamp(v.first + r, 0, i32(params.in_h) - 1));
        let line = (image * params.in_h + in_row) * params.in_w;
        var partial = 0.0;
        for (var c = 0; c < h.count; c++) {
            let in_column = u32(clamp(h.first + c, 0, i32(params.in_w) - 1));
            partial += filter_weight((f32(h.first + c) - h.centre) / h.stretch)
                * x[(line + in_column) * params.channels + channel];
        }
        sum += filter_weight((f32(v.first + r) - v.centre) / v.stretch) * partial;
    }
    y[i] = sum / (v.total * h.total);
}
