//! What sums and gradient share: the up-sampled maps and the focal loss of their pixels.

use crate::kernels::bounds::{DIVISION, TINY, U, gamma, ln_error};
use crate::kernels::{Fill, Operand};

/// The smoothing of targets and of logarithms.
const EPSILON: f64 = 1e-5;

/// Sizes of the maps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maps {
    pub images: usize,
    pub grid: usize,
    pub size: usize,
    pub classes: usize,
}

/// A cell of s along an axis and its weight.
type Tap = (usize, f64);

/// A pixel, exact, and how far float32 may be off.
pub(super) struct Pixel {
    pub image: usize,
    /// Whether the mask marks it.
    pub defect: bool,
    /// The channel that it should have: the image's class where it is marked, else 0.
    pub channel: usize,
    /// Probability of normality, and its error.
    pub normal: (f64, f64),
    /// Smoothed probability of the target, and its error.
    pub target: (f64, f64),
    /// Cells (of all images) and weights that it was interpolated from.
    pub taps: [Tap; 4],
}

impl Maps {
    /// s, class_id and mask.
    pub fn operands(&self) -> Vec<Operand> {
        vec![
            Operand::f32("s", self.images * self.grid * self.grid * self.classes),
            Operand::u32("class_id", self.images),
            Operand::f32("mask", self.images * self.size * self.size),
        ]
    }

    /// Test values. One class in `classes + 1` lies past the end and counts as the last.
    pub fn fill(&self, input: &str) -> Fill {
        match input {
            // Finite differences must stay well within (0, 1).
            "s" => Fill::Between { low: 0.1, high: 0.9 },
            "class_id" => Fill::Below(self.classes as u32 + 1),
            "mask" => Fill::Below(2),
            _ => Fill::default(),
        }
    }

    /// Floats read from s, class_id and mask.
    pub fn input_len(&self) -> usize {
        self.operands().iter().map(|o| o.len).sum()
    }

    /// Factor and summand of the smoothing p = gain·q + floor. With κ = ε/(C − 1) the target is
    /// 1 − ε in its channel and κ in the others, where Σq = 1 leaves κ(1 − q); ε keeps p off zero.
    pub fn smoothing(&self) -> (f64, f64) {
        let rest = EPSILON / (self.classes.max(2) - 1) as f64;
        (1.0 - EPSILON - rest, rest + EPSILON)
    }

    /// The two cells that pixel `i` lies between along an axis.
    pub fn taps(&self, i: usize) -> [Tap; 2] {
        let span = self.size.max(2) - 1;
        let (low, rest) = (i * (self.grid - 1) / span, i * (self.grid - 1) % span);
        let weight = |n: usize| n as f64 / span as f64;
        [(low, weight(span - rest)), ((low + 1).min(self.grid - 1), weight(rest))]
    }

    /// All pixels, row by row.
    ///
    /// Weights are quotients of whole numbers; an interpolation has two products and a sum in each of
    /// two steps: γ₁₄·Σw|s|. Smoothing rounds two constants, a product and a sum.
    pub fn pixels<'a>(&'a self, inputs: &'a [Vec<f64>]) -> impl Iterator<Item = Pixel> + 'a {
        let (gain, floor) = self.smoothing();
        let area = self.size * self.size;
        (0..self.images * area).map(move |i| {
            let (image, row, column) = (i / area, i % area / self.size, i % self.size);
            let defect = inputs[2][i] > 0.5;
            let class = (inputs[1][image] as usize).min(self.classes - 1);
            let channel = if defect { class } else { 0 };
            let (vertical, horizontal) = (self.taps(row), self.taps(column));
            let tap = |v: Tap, h: Tap| ((image * self.grid + v.0) * self.grid + h.0, v.1 * h.1);
            let taps = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(v, h)| tap(vertical[v], horizontal[h]));
            let map = |channel: usize| {
                let value = |f: fn(f64) -> f64| -> f64 {
                    taps.iter().map(|&(cell, w)| w * f(inputs[0][cell * self.classes + channel])).sum()
                };
                (value(|s| s), gamma(2 * 7) * value(f64::abs) + 6.0 * TINY)
            };
            let (q, error) = map(channel);
            let p = gain * q + floor;
            let target = (p, gain * error + 4.0 * U * (gain * q.abs() + floor));
            Pixel { image, defect, channel, normal: map(0), target, taps }
        })
    }
}

impl Pixel {
    /// −(1 − p)²·ln p.
    pub fn focal(&self) -> f64 {
        focal(self.target.0)
    }

    /// The slope falls with p, so its value below p bounds what the error of p does; ln has its own error, and
    /// two differences and three products round.
    pub fn focal_error(&self) -> f64 {
        let (p, error) = self.target;
        let (low, rest) = (p - error, (1.0 - p).abs() + error);
        1.01 * (focal_slope(low).abs() * error + rest * rest * (ln_error(p) + 6.0 * U * p.ln().abs()))
            + 4.0 * TINY
    }

    /// The derivative of the focal loss by p.
    pub fn focal_slope(&self) -> f64 {
        focal_slope(self.target.0)
    }

    /// As [`Pixel::focal_error`], with the second derivative 2|ln p| + 4(1 − p)/p + (1 − p)²/p², which
    /// falls with p too.
    pub fn focal_slope_error(&self) -> f64 {
        let (p, error) = self.target;
        let (low, rest) = (p - error, (1.0 - p).abs() + error);
        let curvature = 2.0 * low.ln().abs() + 4.0 * rest / low + (rest / low).powi(2);
        let rounding =
            2.0 * rest * (ln_error(p) + 4.0 * U * p.ln().abs()) + rest * rest / low * (DIVISION + 5.0 * U);
        1.01 * (curvature * error + rounding) + 4.0 * TINY
    }
}

/// −(1 − p)²·ln p (Lin et al. 2017, arXiv 1708.02002, with γ = 2).
pub(super) fn focal(p: f64) -> f64 {
    -(1.0 - p).powi(2) * p.ln()
}

fn focal_slope(p: f64) -> f64 {
    (1.0 - p) * (2.0 * p.ln() - (1.0 - p) / p)
}
