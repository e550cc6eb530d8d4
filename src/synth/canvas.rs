//! Square float images in design units, and the few operations that the generator needs on them.
//!
//! All drawing happens in *design units*: an image is always [`UNITS`] units wide, whatever its pixel size, so features
//! scale with the size by construction.

/// Design units across an image; at the default size one unit is one pixel.
pub(super) const UNITS: f32 = 128.0;

/// Smallest and largest image side, in pixels.
pub const SIZE_RANGE: std::ops::RangeInclusive<usize> = 64..=1024;

/// A colour, each channel nominally in `[0, 1]`.
pub(super) type Rgb = [f32; 3];

/// Luma weights of ITU-R BT.601, as used for grayscale cameras and JPEG.
pub(super) fn luma(c: Rgb) -> f32 {
    0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]
}

/// `a` at `t = 0`, `b` at `t = 1`.
pub(super) fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Per-channel [`lerp`].
pub(super) fn lerp3(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [lerp(a[0], b[0], t), lerp(a[1], b[1], t), lerp(a[2], b[2], t)]
}

/// `c` scaled by `k`.
pub(super) fn scale3(c: Rgb, k: f32) -> Rgb {
    c.map(|v| v * k)
}

/// Hermite step from 0 at `low` to 1 at `high`.
pub(super) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// One float per pixel of a square image, row by row.
#[derive(Clone)]
pub(super) struct Plane {
    /// Pixels per side.
    pub size: usize,
    /// `size × size` values.
    pub px: Vec<f32>,
}

impl Plane {
    /// A constant plane.
    pub fn filled(size: usize, value: f32) -> Self {
        Plane { size, px: vec![value; size * size] }
    }

    /// `f(x, y)` at every pixel centre, in design units.
    pub fn from_fn(size: usize, mut f: impl FnMut(f32, f32) -> f32) -> Self {
        let step = UNITS / size as f32;
        let mut px = Vec::with_capacity(size * size);
        for row in 0..size {
            let y = (row as f32 + 0.5) * step;
            px.extend((0..size).map(|col| f((col as f32 + 0.5) * step, y)));
        }
        Plane { size, px }
    }

    /// Pixels per design unit.
    pub fn scale(&self) -> f32 {
        self.size as f32 / UNITS
    }

    /// Adds `k · other`.
    pub fn add(mut self, other: &Plane, k: f32) -> Self {
        for (a, b) in self.px.iter_mut().zip(&other.px) {
            *a += k * b;
        }
        self
    }

    /// Every value through `f`.
    pub fn map(mut self, f: impl Fn(f32) -> f32) -> Self {
        for v in &mut self.px {
            *v = f(*v);
        }
        self
    }

    /// Shifts and scales to mean 0, deviation 1 (a constant plane becomes 0).
    pub fn standardised(self) -> Self {
        let n = self.px.len() as f32;
        let mean = self.px.iter().sum::<f32>() / n;
        let var = self.px.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
        let k = if var > 1e-12 { 1.0 / var.sqrt() } else { 0.0 };
        self.map(|v| (v - mean) * k)
    }

    /// Calls `f(index, x, y)` for the pixels within `reach` units of the box of `(x0, y0)`–`(x1, y1)`, and no others.
    pub fn visit_box(size: usize, lo: (f32, f32), hi: (f32, f32), mut f: impl FnMut(usize, f32, f32)) {
        let scale = size as f32 / UNITS;
        let span = |a: f32, b: f32| {
            let first = (a * scale - 0.5).floor().max(0.0) as usize;
            let last = (b * scale + 0.5).ceil().clamp(0.0, size as f32) as usize;
            first.min(size)..last
        };
        for row in span(lo.1, hi.1) {
            let y = (row as f32 + 0.5) / scale;
            for col in span(lo.0, hi.0) {
                f(row * size + col, (col as f32 + 0.5) / scale, y);
            }
        }
    }

    /// The value at the pixel that holds `(x, y)` (design units), clamped to the image.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let pixel = |v: f32| ((v * self.scale()) as isize).clamp(0, self.size as isize - 1) as usize;
        self.px[pixel(y) * self.size + pixel(x)]
    }

    /// Blurs with a Gaussian of `sigma` design units (two box passes once it is wide; edges are clamped).
    pub fn blurred(self, sigma: f32) -> Self {
        let s = sigma * self.scale();
        let size = self.size;
        let mut out = self;
        if s < 0.2 {
            return out;
        }
        if s < 2.0 {
            let kernel = gauss_kernel(s);
            convolve(&mut out.px, size, &kernel);
        } else {
            // Two box filters of width w have variance 2 · (w² - 1) / 12.
            let radius = (((6.0 * s * s + 1.0).sqrt() - 1.0) / 2.0).round() as usize;
            for _ in 0..2 {
                box_rows(&mut out.px, size, radius);
                transpose(&mut out.px, size);
                box_rows(&mut out.px, size, radius);
                transpose(&mut out.px, size);
            }
        }
        out
    }
}

fn gauss_kernel(s: f32) -> Vec<f32> {
    let reach = (2.5 * s).ceil() as i32;
    let mut k: Vec<f32> = (-reach..=reach).map(|i| (-0.5 * (i as f32 / s).powi(2)).exp()).collect();
    let sum: f32 = k.iter().sum();
    k.iter_mut().for_each(|v| *v /= sum);
    k
}

/// Separable convolution with an odd symmetric kernel, clamped at the edges.
fn convolve(px: &mut [f32], size: usize, kernel: &[f32]) {
    let reach = kernel.len() / 2;
    let mut line = vec![0.0; size + 2 * reach];
    for row in px.chunks_exact_mut(size) {
        line[reach..reach + size].copy_from_slice(row);
        line[..reach].fill(row[0]);
        line[reach + size..].fill(row[size - 1]);
        for (i, v) in row.iter_mut().enumerate() {
            *v = kernel.iter().zip(&line[i..]).map(|(k, p)| k * p).sum();
        }
    }
    let source = px.to_vec();
    for (r, row) in px.chunks_exact_mut(size).enumerate() {
        row.fill(0.0);
        for (j, k) in kernel.iter().enumerate() {
            let from = (r + j).saturating_sub(reach).min(size - 1) * size;
            for (v, s) in row.iter_mut().zip(&source[from..from + size]) {
                *v += k * s;
            }
        }
    }
}

fn box_rows(px: &mut [f32], size: usize, radius: usize) {
    let mut line = vec![0.0; size];
    let inv = 1.0 / (2 * radius + 1) as f32;
    for row in px.chunks_exact_mut(size) {
        line.copy_from_slice(row);
        let get = |i: isize| line[i.clamp(0, size as isize - 1) as usize];
        let r = radius as isize;
        let mut sum: f32 = (-r..=r).map(get).sum();
        for (i, v) in row.iter_mut().enumerate() {
            *v = sum * inv;
            sum += get(i as isize + r + 1) - get(i as isize - r);
        }
    }
}

fn transpose(px: &mut [f32], size: usize) {
    for r in 0..size {
        for c in r + 1..size {
            px.swap(r * size + c, c * size + r);
        }
    }
}

/// A colour per pixel of a square image.
#[derive(Clone)]
pub(super) struct Canvas {
    /// Pixels per side.
    pub size: usize,
    /// `size × size` colours.
    pub px: Vec<Rgb>,
}

impl Canvas {
    /// A single colour.
    pub fn filled(size: usize, colour: Rgb) -> Self {
        Canvas { size, px: vec![colour; size * size] }
    }

    /// `base · (1 + contrast · texture)` per pixel.
    pub fn shaded(base: Rgb, texture: &Plane, contrast: f32) -> Self {
        let px = texture.px.iter().map(|t| scale3(base, (1.0 + contrast * t).max(0.0))).collect();
        Canvas { size: texture.size, px }
    }

    /// Multiplies every pixel by `f` of the plane's value.
    pub fn modulate(&mut self, plane: &Plane, f: impl Fn(f32) -> f32) {
        for (c, p) in self.px.iter_mut().zip(&plane.px) {
            *c = scale3(*c, f(*p));
        }
    }

    /// Moves every pixel towards `colour` by the plane's value times `k`.
    pub fn tint(&mut self, coverage: &Plane, colour: Rgb, k: f32) {
        for (c, p) in self.px.iter_mut().zip(&coverage.px) {
            if *p > 0.0 {
                *c = lerp3(*c, colour, p * k);
            }
        }
    }

    /// Bilinear value at `(x, y)` design units; outside, the image is mirrored.
    pub fn sample(&self, x: f32, y: f32) -> Rgb {
        let n = self.size as f32;
        let fold = |v: f32| {
            let p = (v * n / UNITS - 0.5).rem_euclid(2.0 * n);
            (if p >= n { 2.0 * n - 1.0 - p } else { p }).clamp(0.0, n - 1.0)
        };
        let (px, py) = (fold(x), fold(y));
        let (c, r) = (px as usize, py as usize);
        let (fx, fy) = (px - c as f32, py - r as f32);
        let (c1, r1) = ((c + 1).min(self.size - 1), (r + 1).min(self.size - 1));
        let top = lerp3(self.px[r * self.size + c], self.px[r * self.size + c1], fx);
        let low = lerp3(self.px[r1 * self.size + c], self.px[r1 * self.size + c1], fx);
        lerp3(top, low, fy)
    }

    /// Splits into channels, blurs each by `sigma` design units and joins them.
    pub fn blurred(&self, sigma: f32) -> Canvas {
        let [r, g, b] = [0, 1, 2]
            .map(|k| Plane { size: self.size, px: self.px.iter().map(|c| c[k]).collect() }.blurred(sigma));
        let px = r.px.iter().zip(&g.px).zip(&b.px).map(|((r, g), b)| [*r, *g, *b]).collect();
        Canvas { size: self.size, px }
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::noise;
    use super::super::rng::SeededRng;
    use super::*;

    #[test]
    fn blur_keeps_the_mean_and_lowers_the_variance() {
        let plane = noise(96, 0.5, 0.5, &mut SeededRng::new(6, "blur"));
        for sigma in [1.0, 6.0] {
            let out = plane.clone().blurred(sigma);
            let mean = |p: &Plane| p.px.iter().sum::<f32>() / p.px.len() as f32;
            // Clamped edges weigh border pixels differently, so the mean holds only roughly.
            assert!((mean(&out) - mean(&plane)).abs() < 0.05);
            assert!(out.px.iter().map(|v| v * v).sum::<f32>() < 0.3 * plane.px.len() as f32);
        }
    }

    #[test]
    fn features_scale_with_the_size() {
        let disc = |size| Plane::from_fn(size, |x, y| f32::from((x - 64.0).hypot(y - 64.0) < 30.0));
        let share = |p: Plane| p.px.iter().sum::<f32>() / p.px.len() as f32;
        assert!((share(disc(64)) - share(disc(256))).abs() < 0.005);
    }
}
