//! Bilinear and bicubic resampling: positional embeddings (antialiased bicubic) and maps (bilinear).

use super::bounds::{DIVISION, TINY, U, gamma};
use super::case::CaseText;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define};

/// The interpolation kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Triangle.
    Linear,
    /// Keys' cubic convolution (IEEE Trans. ASSP 29, 1981): a = −1/2 antialiased, −3/4 otherwise,
    /// as in torch.
    Cubic,
}

/// How output pixels map to input pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// Corner pixels coincide: source = i·(in−1)/(out−1).
    AlignCorners,
    /// Pixel areas coincide: source = (i+½)·in/out − ½.
    HalfPixel,
    /// As `HalfPixel`, the filter widened when shrinking and its weights normalised.
    Antialias,
}

/// Resamples x [n, in_h, in_w, channels].
#[derive(Debug, Clone, PartialEq)]
pub struct Resample {
    /// Number of images.
    pub n: usize,
    /// Channels, densest.
    pub channels: usize,
    /// Input rows and columns.
    pub input: (usize, usize),
    /// Output rows and columns.
    pub output: (usize, usize),
    /// Which filter.
    pub filter: Filter,
    /// Which mapping.
    pub sampling: Sampling,
    /// Output as [n, channels, h, w] instead of [n, h, w, channels].
    pub planar: bool,
}

/// An input index and its weight.
pub(super) type Tap = (usize, f64);

/// Taps of one output pixel along one axis, weights summing to 1.
fn taps(i: usize, input: usize, output: usize, filter: Filter, sampling: Sampling) -> Vec<Tap> {
    let radius = if filter == Filter::Cubic { 2.0 } else { 1.0 };
    let a = if sampling == Sampling::Antialias { -0.5 } else { -0.75 };
    let weight = |d: f64| match (filter, d.abs()) {
        (Filter::Linear, d) => (1.0 - d).max(0.0),
        (Filter::Cubic, d) if d < 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
        (Filter::Cubic, d) if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
        _ => 0.0,
    };
    let ratio = input as f64 / output as f64;
    let clamp = |j: f64| j.clamp(0.0, input as f64 - 1.0) as usize;
    if sampling == Sampling::Antialias {
        let stretch = ratio.max(1.0);
        let middle = ratio * (i as f64 + 0.5);
        let first = (middle - radius * stretch + 0.5).trunc().max(0.0) as usize;
        let last = (middle + radius * stretch + 0.5).trunc().min(input as f64) as usize;
        let mut taps: Vec<_> =
            (first..last).map(|j| (j, weight((j as f64 + 0.5 - middle) / stretch))).collect();
        let total: f64 = taps.iter().map(|t| t.1).sum();
        taps.iter_mut().for_each(|t| t.1 /= total);
        return taps;
    }
    let centre = match sampling {
        Sampling::AlignCorners if output > 1 => i as f64 * (input as f64 - 1.0) / (output as f64 - 1.0),
        Sampling::AlignCorners => 0.0,
        _ => ratio * (i as f64 + 0.5) - 0.5,
    };
    let first = centre.floor() + 1.0 - radius;
    (0..2 * radius as usize).map(|j| first + j as f64).map(|j| (clamp(j), weight(j - centre))).collect()
}

impl Resample {
    fn count(&self) -> usize {
        self.n * self.channels * self.output.0 * self.output.1
    }

    /// The constants of both directions' shaders.
    pub(super) fn defines(&self) -> Vec<(&'static str, Define)> {
        let antialias = self.sampling == Sampling::Antialias;
        vec![
            ("CUBIC", Define::Flag(self.filter == Filter::Cubic)),
            ("CUBIC_A", Define::Text(if antialias { "-0.5" } else { "-0.75" })),
            ("ANTIALIAS", Define::Flag(antialias)),
            ("ALIGN_CORNERS", Define::Flag(self.sampling == Sampling::AlignCorners)),
            ("PLANAR", Define::Flag(self.planar)),
        ]
    }

    /// Their parameters, with the number of elements to make.
    pub(super) fn params(&self, count: usize) -> Vec<u8> {
        let ((in_h, in_w), (out_h, out_w)) = (self.input, self.output);
        param_bytes(&[count, self.channels, in_h, in_w, out_h, out_w, self.n].map(|v| v as u32))
    }

    /// The resampling of a case's words.
    pub(super) fn parse(text: &mut CaseText) -> Result<Self, String> {
        Ok(Resample {
            filter: text.one_of(&[("bilinear", Filter::Linear), ("bicubic", Filter::Cubic)])?,
            sampling: text.one_of(&[
                ("align-corners", Sampling::AlignCorners),
                ("half-pixel", Sampling::HalfPixel),
                ("antialias", Sampling::Antialias),
            ])?,
            n: text.size("n")?,
            channels: text.size("c")?,
            input: text.pair()?,
            output: {
                text.flag("to");
                text.pair()?
            },
            planar: text.flag("planar"),
        })
    }

    /// The taps of output rows and of output columns.
    pub(super) fn axes(&self) -> [Vec<Vec<Tap>>; 2] {
        let axis = |input, output| -> Vec<Vec<Tap>> {
            (0..output).map(|i| taps(i, input, output, self.filter, self.sampling)).collect()
        };
        [axis(self.input.0, self.output.0), axis(self.input.1, self.output.1)]
    }

    /// Calls `f(output index, taps)` with the combined taps of both axes.
    pub(super) fn visit(
        &self,
        axes: &[Vec<Vec<Tap>>; 2],
        mut f: impl FnMut(usize, &mut dyn Iterator<Item = Tap>),
    ) {
        let ((in_h, in_w), (out_h, out_w)) = (self.input, self.output);
        let [vertical, horizontal] = axes;
        for i in 0..self.count() {
            let area = out_h * out_w;
            let (image, channel, row, column) = if self.planar {
                (i / area / self.channels, i / area % self.channels, i % area / out_w, i % out_w)
            } else {
                let pixel = i / self.channels;
                (pixel / area, i % self.channels, pixel % area / out_w, pixel % out_w)
            };
            let mut both = vertical[row].iter().flat_map(|&(r, wr)| {
                horizontal[column]
                    .iter()
                    .map(move |&(c, wc)| (((image * in_h + r) * in_w + c) * self.channels + channel, wr * wc))
            });
            f(i, &mut both);
        }
    }
}

impl Problem for Resample {
    fn kernel(&self) -> &'static str {
        "resample"
    }

    fn label(&self) -> String {
        let ((ih, iw), (oh, ow)) = (self.input, self.output);
        let filter = if self.filter == Filter::Cubic { "bicubic" } else { "bilinear" };
        let sampling = match self.sampling {
            Sampling::AlignCorners => "align-corners",
            Sampling::HalfPixel => "half-pixel",
            Sampling::Antialias => "antialias",
        };
        let planar = if self.planar { " planar" } else { "" };
        format!(
            "resample {filter} {sampling} n={} c={} {ih}x{iw} to {oh}x{ow}{planar}",
            self.n, self.channels
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.n * self.input.0 * self.input.1 * self.channels)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.count()]
    }

    fn cost(&self) -> Cost {
        let taps = if self.filter == Filter::Cubic { 16.0 } else { 4.0 };
        let input = self.n * self.input.0 * self.input.1 * self.channels;
        Cost { flops: 2.0 * taps * self.count() as f64, bytes: 4.0 * (input + self.count()) as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = Plan {
            shader: shader!("resample.wgsl", self.defines()),
            params: self.params(self.count()),
            grid: linear_grid(self.count().div_ceil(64), caps),
        };
        vec![Variant::always("scalar", plan)]
    }
}

impl Verifiable for Resample {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut y = vec![0.0; self.count()];
        self.visit(&self.axes(), |i, taps| y[i] = taps.map(|(at, w)| w * inputs[0][at]).sum());
        vec![y]
    }

    /// A source coordinate below `in` is off by at most 4 roundings of `in`; each weight follows with
    /// a slope of at most 3/2 an axis, so the sum over an axis' taps moves by 1.5·8u·in relative to the
    /// largest |x| near; the rest is a dot product over the taps. The reach of the filter is doubled to
    /// cover a tap that rounding adds or drops at the very edge, where its weight is O(coordinate error).
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut bound = vec![0.0; self.count()];
        let size = self.input.0.max(self.input.1) as f64;
        self.visit(&self.axes(), |i, taps| {
            let (mut count, mut largest) = (0, 0.0f64);
            for (at, _) in taps {
                count += 1;
                largest = largest.max(inputs[0][at].abs());
            }
            let coordinate = 1.5 * 8.0 * U * size * (count as f64);
            bound[i] = largest * (coordinate + 2.0 * gamma(count + 12) + DIVISION) + TINY;
        });
        vec![bound]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let mut cases = Vec::new();
    for filter in [Filter::Linear, Filter::Cubic] {
        for sampling in [Sampling::AlignCorners, Sampling::HalfPixel, Sampling::Antialias] {
            for (input, output) in [
                ((1, 1), (7, 5)),
                ((7, 7), (7, 7)),
                ((8, 8), (12, 12)),
                ((24, 24), (37, 37)),
                ((9, 13), (4, 3)),
            ] {
                cases.push(Resample { n: 1, channels: 3, input, output, filter, sampling, planar: false });
            }
        }
    }
    let planar = |input, output| Resample {
        n: 2,
        channels: 5,
        input,
        output,
        filter: Filter::Linear,
        sampling: Sampling::AlignCorners,
        planar: true,
    };
    cases.extend([planar((7, 7), (50, 50)), planar((5, 9), (7, 3))]);
    let mut cases = boxed(cases);
    cases.push(Stress::Fold(3).on(planar((5, 9), (7, 4))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "resample",
        conformance: cases,
        bench: || {
            boxed(vec![Resample {
                n: 1,
                channels: 2,
                input: (37, 37),
                output: (518, 518),
                filter: Filter::Linear,
                sampling: Sampling::AlignCorners,
                planar: true,
            }])
        },
        parse: |text| Ok(Box::new(Resample::parse(text)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_mirror() {
        for filter in [Filter::Linear, Filter::Cubic] {
            for sampling in [Sampling::AlignCorners, Sampling::HalfPixel, Sampling::Antialias] {
                for (input, output) in [(24, 37), (37, 24), (5, 5), (1, 9)] {
                    for i in 0..output {
                        let here = taps(i, input, output, filter, sampling);
                        let there = taps(output - 1 - i, input, output, filter, sampling);
                        let sum: f64 = here.iter().map(|t| t.1).sum();
                        assert!((sum - 1.0).abs() < 1e-12, "{filter:?} {sampling:?} {i}");
                        let centre = |t: &[(usize, f64)]| t.iter().map(|(j, w)| *j as f64 * w).sum::<f64>();
                        let mirrored = input as f64 - 1.0 - centre(&there);
                        assert!((centre(&here) - mirrored).abs() < 1e-9, "{filter:?} {sampling:?} {i}");
                    }
                }
            }
        }
    }

    #[test]
    fn aligned_corners_keep_the_corners() {
        let first = taps(0, 37, 518, Filter::Linear, Sampling::AlignCorners);
        let last = taps(517, 37, 518, Filter::Linear, Sampling::AlignCorners);
        assert_eq!(first[0], (0, 1.0));
        assert!(last.iter().any(|&(j, w)| j == 36 && (w - 1.0).abs() < 1e-12));
    }
}
