//! Pillow's separable resampling, to the bit.
//!
//! A pass along each axis (in the order of Pillow 13), each a weighted sum over a window of the source. The
//! window grows with the down-scale factor (anti-aliasing). Weights are computed in `f64`, normalised to a
//! sum of one, and rounded to fixed point with 22 fractional bits; the image between
//! the passes is rounded to 8 bits. All of that affects the result and is reproduced:
//! the output equals `Image.resize` of Pillow for 8-bit gray, RGB, and both with alpha.

use std::borrow::Cow;

use super::raster::{Mode, Raster};

/// Fractional bits of a weight: 32 minus 8 for the pixel minus 2 of head room, since the negative
/// lobes of the bicubic kernel let partial sums leave the range 0..=255.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// The interpolation kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Triangle of half-width 1.
    Bilinear,
    /// Keys' cubic of half-width 2 with a = −0.5 (PyTorch's plain bicubic has −0.75).
    Bicubic,
}

impl Filter {
    /// Half-width in source pixels, before widening.
    fn support(self) -> f64 {
        match self {
            Filter::Bilinear => 1.0,
            Filter::Bicubic => 2.0,
        }
    }

    /// Kernel value at distance `x`, in Pillow's order of operations.
    fn weight(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        let x = x.abs();
        match self {
            Filter::Bilinear if x < 1.0 => 1.0 - x,
            Filter::Bicubic if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
            Filter::Bicubic if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
            _ => 0.0,
        }
    }
}

/// The mapping of one axis.
struct Axis {
    /// Length in the source.
    from: usize,
    /// Length in the result.
    to: usize,
}

impl Axis {
    fn is_unchanged(&self) -> bool {
        self.from == self.to
    }
}

/// Window and weights of every output position along one axis.
struct Weights {
    /// First source position and number of taps per output position.
    windows: Vec<(usize, usize)>,
    /// Fixed-point weights, `stride` per output position.
    values: Vec<i32>,
    stride: usize,
}

impl Weights {
    fn new(axis: &Axis, filter: Filter) -> Self {
        let Axis { from, to, .. } = *axis;
        let scale = from as f64 / to as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let stride = support.ceil() as usize * 2 + 1;
        let inverse = 1.0 / filter_scale;

        let mut windows = Vec::with_capacity(to);
        let mut values = vec![0; to * stride];
        let mut taps = Vec::with_capacity(stride);
        for (out, fixed) in (0..to).zip(values.chunks_exact_mut(stride)) {
            let center = (out as f64 + 0.5) * scale;
            // `as` truncates towards zero and saturates at zero, as Pillow's code does explicitly.
            let first = (center - support + 0.5) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            taps.clear();
            taps.extend((first..end).map(|source| filter.weight((source as f64 - center + 0.5) * inverse)));
            let sum: f64 = taps.iter().sum();
            for (fixed, &tap) in fixed.iter_mut().zip(&taps) {
                let weight = if sum != 0.0 { tap / sum } else { tap };
                let scaled = weight * f64::from(1 << PRECISION_BITS);
                // Rounds half away from zero.
                *fixed = (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32;
            }
            windows.push((first, end - first));
        }
        Self { windows, values, stride }
    }

    /// `(first source position, weights)` per output position.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let rows = self.values.chunks_exact(self.stride);
        let pairs = self.windows.iter().zip(rows);
        pairs.map(|(&(first, count), row)| (first, &row[..count]))
    }
}

/// Half a unit, so that the final shift rounds instead of truncating.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// The pass along x over rows of `C`-channel pixels.
fn resize_rows<const C: usize>(source: &[u8], axis: &Axis, filter: Filter) -> Vec<u8> {
    let weights = Weights::new(axis, filter);
    let (source, _) = source.as_chunks::<C>();
    let rows = source.chunks_exact(axis.from);
    let mut out = Vec::with_capacity(rows.len() * axis.to * C);
    for row in rows {
        for (first, taps) in weights.iter() {
            let mut sums = [HALF; C];
            for (pixel, &tap) in row[first..].iter().zip(taps) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * tap;
                }
            }
            out.extend(sums.map(to_byte));
        }
    }
    out
}

/// The pass along y; `row_bytes` is the length of a row, for any channels.
fn resize_columns(source: &[u8], row_bytes: usize, axis: &Axis, filter: Filter) -> Vec<u8> {
    let weights = Weights::new(axis, filter);
    let mut out = Vec::with_capacity(row_bytes * axis.to);
    let mut sums = vec![HALF; row_bytes];
    for (first, taps) in weights.iter() {
        sums.fill(HALF);
        // Whole rows at a time: memory is read in order and the inner loop vectorises.
        let rows = source[first * row_bytes..].chunks_exact(row_bytes);
        for (row, &tap) in rows.zip(taps) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * tap;
            }
        }
        out.extend(sums.iter().map(|&sum| to_byte(sum)));
    }
    out
}

/// `a * b / 255` rounded, in integers.
fn multiply_255(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
}

/// Multiplies the colours by alpha, so that invisible pixels do not bleed into visible ones.
fn premultiply(data: &mut [u8], channels: usize) {
    for pixel in data.chunks_exact_mut(channels) {
        if let Some((&mut alpha, colours)) = pixel.split_last_mut() {
            for colour in colours {
                *colour = multiply_255(*colour, alpha);
            }
        }
    }
}

/// Undoes [`premultiply`] as far as 8 bits allow.
fn unmultiply(data: &mut [u8], channels: usize) {
    for pixel in data.chunks_exact_mut(channels) {
        match pixel.split_last_mut() {
            Some((&mut alpha, colours)) if alpha != 0 && alpha != 255 => {
                for colour in colours {
                    *colour = (255 * u32::from(*colour) / u32::from(alpha)).min(255) as u8;
                }
            }
            _ => {}
        }
    }
}

/// Resizes to `width` x `height` pixels, equal to `image.resize((width, height), filter)` of Pillow 13. With alpha, colours
/// are premultiplied on the way. An axis of unchanged length is not filtered; an image of unchanged size is returned as is.
///
/// ```
/// use dapo_wgpu::data::{Filter, Mode, Raster, resize};
///
/// let row = Raster::new(4, 1, Mode::L, vec![0, 0, 255, 255]).expect("four gray pixels");
/// let half = resize(&row, 2, 1, Filter::Bilinear);
/// // Weighted means of three pixels each, with weights 3/7, 3/7, 1/7 and the mirror image.
/// assert_eq!(half.as_bytes(), [36, 219]);
/// ```
///
/// # Panics
/// If `width` or `height` is zero.
pub fn resize(source: &Raster, width: u32, height: u32, filter: Filter) -> Raster {
    assert!(width > 0 && height > 0, "an image has at least one pixel");
    let x = Axis { from: source.width() as usize, to: width as usize };
    let y = Axis { from: source.height() as usize, to: height as usize };
    if x.is_unchanged() && y.is_unchanged() {
        return source.clone();
    }
    let mode = source.mode();
    let mut pixels = Cow::Borrowed(source.as_bytes());
    if mode.has_alpha() {
        premultiply(pixels.to_mut(), mode.channels());
    }
    if is_vertical_first(&x, &y) {
        pixels = across_y(pixels, x.from, &y, mode, filter);
        pixels = across_x(pixels, &x, mode, filter);
    } else {
        pixels = across_x(pixels, &x, mode, filter);
        pixels = across_y(pixels, x.to, &y, mode, filter);
    }
    let mut out = pixels.into_owned();
    if mode.has_alpha() {
        unmultiply(&mut out, mode.channels());
    }
    Raster::new(width, height, mode, out).expect("both passes fill the whole image")
}

/// Pillow 13 filters y first where the height shrinks by more than twice as many pixels as the width. Rounding to 8 bits
/// between the passes makes the order visible.
fn is_vertical_first(x: &Axis, y: &Axis) -> bool {
    let shrink = |axis: &Axis| axis.from as i64 - axis.to as i64;
    shrink(y) > 0 && shrink(y) > 2 * shrink(x)
}

/// [`resize_rows`] by channels; nothing where the length stays.
fn across_x<'a>(pixels: Cow<'a, [u8]>, x: &Axis, mode: Mode, filter: Filter) -> Cow<'a, [u8]> {
    if x.is_unchanged() {
        return pixels;
    }
    Cow::Owned(match mode {
        Mode::L => resize_rows::<1>(&pixels, x, filter),
        Mode::La => resize_rows::<2>(&pixels, x, filter),
        Mode::Rgb => resize_rows::<3>(&pixels, x, filter),
        Mode::Rgba => resize_rows::<4>(&pixels, x, filter),
    })
}

/// [`resize_columns`] of rows of `width` pixels; nothing where the length stays.
fn across_y<'a>(pixels: Cow<'a, [u8]>, width: usize, y: &Axis, mode: Mode, filter: Filter) -> Cow<'a, [u8]> {
    if y.is_unchanged() {
        return pixels;
    }
    Cow::Owned(resize_columns(&pixels, width * mode.channels(), y, filter))
}

#[cfg(test)]
pub(super) mod tests;
