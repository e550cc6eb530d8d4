// The taps of resampling along one axis, and where an output element lies: bilinear or bicubic, with
// corners aligned or not, or antialiased as Pillow and torch do it.

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
