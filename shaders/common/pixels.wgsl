// What the losses of pixels share: maps of a channel of s, up-sampled bilinearly with aligned corners,
// and the focal loss. Expects s [images, grid · grid, classes] and the sizes in `params`.

// The cells that pixel `i` lies between along an axis, and their weights. Whole numbers keep them exact.
struct Taps { low: u32, high: u32, low_weight: f32, high_weight: f32 }

fn pixel_span() -> u32 { return max(params.size, 2u) - 1u; }

fn taps(i: u32) -> Taps {
    let span = pixel_span();
    let position = i * (params.grid - 1u);
    let low = position / span;
    let rest = position % span;
    return Taps(low, min(low + 1u, params.grid - 1u), f32(span - rest) / f32(span), f32(rest) / f32(span));
}

fn probability(image: u32, row: u32, column: u32, channel: u32) -> f32 {
    return s[((image * params.grid + row) * params.grid + column) * params.classes + channel];
}

// The up-sampled map of a channel at a pixel.
fn map(image: u32, v: Taps, h: Taps, channel: u32) -> f32 {
    let left = v.low_weight * probability(image, v.low, h.low, channel)
        + v.high_weight * probability(image, v.high, h.low, channel);
    let right = v.low_weight * probability(image, v.low, h.high, channel)
        + v.high_weight * probability(image, v.high, h.high, channel);
    return h.low_weight * left + h.high_weight * right;
}

// Probability of the target, smoothed.
fn smoothed(q: f32) -> f32 { return params.gain * q + params.floor; }

fn focal(p: f32) -> f32 { return -(1.0 - p) * (1.0 - p) * log(p); }

// The derivative of focal.
fn focal_slope(p: f32) -> f32 { return (1.0 - p) * (2.0 * log(p) - (1.0 - p) / p); }
