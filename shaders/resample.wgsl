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

#if CUBIC
// Keys' cubic (1981) with a = -1/2 for the antialiased filter (Pillow) and -3/4 otherwise (torch).
const A: f32 = $CUBIC_A;
fn filter_weight(distance: f32) -> f32 {
    let d = abs(distance);
    if d < 1.0 {
        return ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0;
    }
    if d < 2.0 {
        return ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A;
    }
    return 0.0;
}
const RADIUS: f32 = 2.0;
#else
fn filter_weight(distance: f32) -> f32 {
    return max(1.0 - abs(distance), 0.0);
}
const RADIUS: f32 = 1.0;
#end

// Taps `first .. first + count` of one axis around `centre`, in units of input pixels; a tap's
// distance is divided by `stretch`. Weights sum to `total`.
struct Axis { first: i32, count: i32, centre: f32, stretch: f32, total: f32 }

fn axis(i: u32, in_size: u32, out_size: u32) -> Axis {
    let ratio = f32(in_size) / f32(out_size);
#if ANTIALIAS
    let stretch = max(ratio, 1.0);
    let middle = ratio * (f32(i) + 0.5);
    let first = max(i32(middle - RADIUS * stretch + 0.5), 0);
    let last = min(i32(middle + RADIUS * stretch + 0.5), i32(in_size));
    var taps = Axis(first, last - first, middle - 0.5, stretch, 0.0);
    for (var j = 0; j < taps.count; j++) {
        taps.total += filter_weight((f32(taps.first + j) - taps.centre) / stretch);
    }
    return taps;
#else
#if ALIGN_CORNERS
    var centre = 0.0;
    if out_size > 1u {
        centre = f32(i) * (f32(in_size - 1u) / f32(out_size - 1u));
    }
#else
    let centre = ratio * (f32(i) + 0.5) - 0.5;
#end
    return Axis(i32(floor(centre)) + 1 - i32(RADIUS), 2 * i32(RADIUS), centre, 1.0, 1.0);
#end
}

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
