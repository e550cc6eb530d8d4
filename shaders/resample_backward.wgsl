// The transpose of resampling, dx = Aᵀ · dy: each input element gathers from the outputs that it has a
// weight in. One invocation makes one input element; the pixels at a border stand for all beyond it.

struct Params {
    count: u32, channels: u32,
    in_h: u32, in_w: u32, out_h: u32, out_w: u32,
    n: u32,
}
#params

@group(0) @binding(0) var<storage, read> dy: array<f32>;         // [n, out_h, out_w, channels] or planar
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;   // [n, in_h, in_w, channels]

#include "common/resample.wgsl"

// Outputs x .. y of an axis that an input pixel can have a weight in: those whose centres, evenly spaced,
// lie within the filter's reach, and one more on either side for rounding.
fn outputs(pixel: u32, in_size: u32, out_size: u32) -> vec2<u32> {
    let ratio = f32(in_size) / f32(out_size);
#if ALIGN_CORNERS
    let spacing = f32(in_size - 1u) / f32(max(out_size, 2u) - 1u);
    let offset = 0.0;
#else
    let spacing = ratio;
    let offset = 0.5 * ratio - 0.5;
#end
    if spacing == 0.0 || out_size == 1u {
        return vec2<u32>(0u, out_size);
    }
#if ANTIALIAS
    let reach = RADIUS * max(ratio, 1.0);
#else
    let reach = RADIUS;
#end
    let first = i32(floor((f32(pixel) - reach - offset) / spacing)) - 1;
    let last = i32(ceil((f32(pixel) + reach - offset) / spacing)) + 1;
    return vec2<u32>(u32(max(first, 0)), u32(min(last + 1, i32(out_size))));
}

// The weight of an input pixel in output `i`.
fn weight(i: u32, pixel: u32, in_size: u32, out_size: u32) -> f32 {
    let taps = axis(i, in_size, out_size);
    var sum = 0.0;
    for (var j = taps.first; j < taps.first + taps.count; j++) {
        if u32(clamp(j, 0, i32(in_size) - 1)) == pixel {
            sum += filter_weight((f32(j) - taps.centre) / taps.stretch);
        }
    }
    return sum / taps.total;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) grid: vec3<u32>,
        @builtin(local_invocation_index) lane: u32) {
    let i = (group.y * grid.x + group.x) * 64u + lane;
    if i >= params.count {
        return;
    }
    let channel = i % params.channels;
    let column = (i / params.channels) % params.in_w;
    let row = (i / (params.channels * params.in_w)) % params.in_h;
    let image = i / (params.channels * params.in_w * params.in_h);
    let rows = outputs(row, params.in_h, params.out_h);
    let columns = outputs(column, params.in_w, params.out_w);
    var sum = 0.0;
    for (var r = rows.x; r < rows.y; r++) {
        let vertical = weight(r, row, params.in_h, params.out_h);
        if vertical == 0.0 {
            continue;
        }
        var partial = 0.0;
        for (var c = columns.x; c < columns.y; c++) {
            let horizontal = weight(c, column, params.in_w, params.out_w);
            if horizontal != 0.0 {
#if PLANAR
                let at = ((image * params.channels + channel) * params.out_h + r) * params.out_w + c;
#else
                let at = ((image * params.out_h + r) * params.out_w + c) * params.channels + channel;
#end
                partial += horizontal * dy[at];
            }
        }
        sum += vertical * partial;
    }
    dx[i] = sum;
}
