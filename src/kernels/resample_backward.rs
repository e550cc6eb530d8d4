//! The transpose of [`Resample`], and so its gradient: resampling is linear.

use super::bounds::{DIVISION, TINY, U, gamma};
use super::family::{Cases, Family, boxed};
use super::resample::{Filter, Resample, Sampling, Tap};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, linear_grid, shader};
use crate::gpu::Capabilities;

/// dx = Aᵀ·dy, of the shape of the input of the resampling A, from dy of the shape of its output.
#[derive(Debug, Clone, PartialEq)]
pub struct ResampleBackward {
    /// The resampling.
    pub forward: Resample,
}

impl ResampleBackward {
    /// Elements of dx.
    fn count(&self) -> usize {
        self.forward.inputs()[0].len
    }
}

impl Problem for ResampleBackward {
    fn kernel(&self) -> &'static str {
        "resample_backward"
    }

    fn label(&self) -> String {
        self.forward.label().replacen(self.forward.kernel(), self.kernel(), 1)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("dy", self.forward.outputs()[0])]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.count()]
    }

    fn cost(&self) -> Cost {
        self.forward.cost()
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = Plan {
            shader: shader!("resample_backward.wgsl", self.forward.defines()),
            params: self.forward.params(self.count()),
            grid: linear_grid(self.count().div_ceil(64), caps),
        };
        vec![Variant::always("scalar", plan)]
    }
}

impl Verifiable for ResampleBackward {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut dx = vec![0.0; self.count()];
        self.forward.visit(&self.forward.axes(), |i, taps| {
            taps.filter(|t| t.1 != 0.0).for_each(|(at, w)| dx[at] += w * inputs[0][i]);
        });
        vec![dx]
    }

    /// As in the forward pass an axis' weight is off by the error of a coordinate, 8u·in, times the
    /// filter's slope of 3/2, and by the roundings of the filter and of the weights' normalisation. So
    /// is a weight of zero: rounding may move an output past the edge of the filter, hence each axis
    /// reaches one pixel further here. A pixel at a border has a weight from each tap beyond it. The
    /// rest is a dot product over all outputs that reach an element.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let size = self.forward.input.0.max(self.forward.input.1);
        let [vertical, horizontal] = self.forward.axes();
        let widen = |axis: Vec<Vec<Tap>>, input: usize| -> Vec<Vec<Tap>> {
            let wider = |taps: Vec<Tap>| {
                let (first, last) = (taps[0].0, taps[taps.len() - 1].0);
                let before = (first > 0).then(|| (first - 1, 0.0));
                let after = (last + 1 < input).then_some((last + 1, 0.0));
                before.into_iter().chain(taps).chain(after).collect()
            };
            axis.into_iter().map(wider).collect()
        };
        let axes = [widen(vertical, self.forward.input.0), widen(horizontal, self.forward.input.1)];
        let longest = |axis: &[Vec<Tap>]| axis.iter().map(Vec::len).max().unwrap_or(0);
        let taps = longest(&axes[0]).max(longest(&axes[1]));
        let weight_error = 1.5 * 8.0 * U * size as f64 + 2.0 * gamma(taps + 12) + DIVISION;
        let (mut magnitude, mut reach) = (vec![0.0; self.count()], vec![0usize; self.count()]);
        self.forward.visit(&axes, |i, taps| {
            taps.for_each(|(at, _)| {
                magnitude[at] += inputs[0][i].abs();
                reach[at] += 1;
            });
        });
        // Of two axes, each weight at most 1.
        let bound = |(m, n): (&f64, &usize)| {
            1.01 * m * (2.0 * weight_error + gamma(n + 2)) + TINY * (*n as f64 + 1.0)
        };
        vec![magnitude.iter().zip(&reach).map(bound).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let mut cases = Vec::new();
    for filter in [Filter::Linear, Filter::Cubic] {
        for sampling in [Sampling::AlignCorners, Sampling::HalfPixel, Sampling::Antialias] {
            for (input, output) in
                [((1, 1), (7, 5)), ((7, 7), (7, 7)), ((8, 8), (12, 12)), ((6, 7), (1, 17)), ((9, 13), (4, 3))]
            {
                cases.push(Resample { n: 2, channels: 3, input, output, filter, sampling, planar: false });
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
    cases.extend([planar((7, 7), (30, 30)), planar((5, 9), (7, 3))]);
    let mut cases = boxed(cases.into_iter().map(|forward| ResampleBackward { forward }).collect());
    cases.push(Stress::Fold(3).on(ResampleBackward { forward: planar((5, 9), (7, 4)) }));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "resample_backward",
        conformance: cases,
        bench: || {
            boxed(vec![ResampleBackward {
                forward: Resample {
                    n: 1,
                    channels: 2,
                    input: (37, 37),
                    output: (518, 518),
                    filter: Filter::Linear,
                    sampling: Sampling::AlignCorners,
                    planar: true,
                },
            }])
        },
        parse: |text| Ok(Box::new(ResampleBackward { forward: Resample::parse(text)? })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ⟨Ax, y⟩ = ⟨x, Aᵀy⟩.
    #[test]
    fn the_reference_is_the_transpose_of_the_forward_reference() {
        let numbers =
            |n: usize, seed: f64| (0..n).map(|i| (i as f64 * 1.7 + seed).sin()).collect::<Vec<f64>>();
        for filter in [Filter::Linear, Filter::Cubic] {
            for sampling in [Sampling::AlignCorners, Sampling::HalfPixel, Sampling::Antialias] {
                for (output, planar) in [((11, 13), false), ((11, 3), true), ((1, 2), true)] {
                    let forward =
                        Resample { n: 2, channels: 3, input: (5, 6), output, filter, sampling, planar };
                    let x = numbers(forward.inputs()[0].len, 0.3);
                    let y = numbers(forward.outputs()[0], 0.9);
                    let ax = forward.reference(std::slice::from_ref(&x)).remove(0);
                    let backward = ResampleBackward { forward };
                    let aty = backward.reference(std::slice::from_ref(&y)).remove(0);
                    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                    let (left, right) = (product(&ax, &y), product(&x, &aty));
                    assert!((left - right).abs() < 1e-11, "{}: {left} {right}", backward.label());
                    assert!(left.abs() > 1e-3, "{}", backward.label());
                }
            }
        }
    }
}
