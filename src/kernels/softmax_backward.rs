//! The gradient of [`Softmax`] with respect to its input.

use super::bounds::{TINY, U, flushed, gamma};
use super::derivative::{Derivative, weighted};
use super::family::{Cases, Family, boxed};
use super::rows::{HeldRows, row_elements, row_variants};
use super::softmax::Softmax;
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, ShaderSpec};

/// dx = scale·y·(dy − Σ y·dy) over rows of y [rows, width], the result of softmax(scale·x), and of
/// dy [rows, width]. Where y is zero, as at keys that a causal mask hides, so is dx.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftmaxBackward {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// What multiplied x.
    pub scale: f32,
}

impl SoftmaxBackward {
    fn rows<'a>(&self, inputs: &'a [Vec<f64>]) -> impl Iterator<Item = (&'a [f64], &'a [f64])> {
        inputs[0].chunks(self.width).zip(inputs[1].chunks(self.width))
    }
}

impl Problem for SoftmaxBackward {
    fn kernel(&self) -> &'static str {
        "softmax_backward"
    }

    fn label(&self) -> String {
        format!("softmax_backward f32 rows={} width={} scale={}", self.rows, self.width, self.scale)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("y", self.rows * self.width), Operand::f32("dy", self.rows * self.width)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.width) as f64;
        Cost { flops: 5.0 * n, bytes: 12.0 * n }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |shader: ShaderSpec, grid| Plan {
            shader,
            params: param_bytes(&[self.rows as u32, self.width as u32, self.scale.to_bits()]),
            grid,
        };
        let others = row_variants(self.rows, caps, |mut defines, grid| {
            defines.extend(row_elements(self.width));
            plan(shader!("softmax_backward.wgsl", defines), grid)
        });
        let held = HeldRows { rows: self.rows, width: self.width, reductions: 1, sum: "f32" };
        held.variants(others, caps, |defines, grid| {
            plan(shader!("softmax_backward_registers.wgsl", defines), grid)
        })
    }
}

impl Verifiable for SoftmaxBackward {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let scale = f64::from(self.scale);
        let row = |(y, dy): (&[f64], &[f64])| -> Vec<f64> {
            let average = weighted(y, dy);
            y.iter().zip(dy).map(|(y, dy)| scale * y * (dy - average)).collect()
        };
        vec![self.rows(inputs).flat_map(row).collect()]
    }

    /// The sum is a dot product, γₙ·Σ|y·dy|; the difference and two products round once each. Operands
    /// and results may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let scale = f64::from(self.scale).abs();
        let row = |(y, dy): (&[f64], &[f64])| -> Vec<f64> {
            let average = weighted(y, dy);
            let lost = |y: f64, dy: f64| flushed(y) * dy.abs() + flushed(dy) * y.abs() + 2.0 * TINY;
            let (magnitude, flush) = y
                .iter()
                .zip(dy)
                .fold((0.0, 0.0), |(sum, flush), (&y, &dy)| (sum + (y * dy).abs(), flush + lost(y, dy)));
            let average_error = gamma(self.width) * magnitude + flush;
            let bound = |(&y, &dy): (&f64, &f64)| {
                let difference = (dy - average).abs();
                let error = average_error + 3.0 * U * difference + flushed(dy) + 2.0 * TINY;
                1.01 * scale * (y.abs() * error + flushed(y) * difference)
                    + TINY * (1.0 + difference + average_error)
            };
            y.iter().zip(dy).map(bound).collect()
        };
        vec![self.rows(inputs).flat_map(row).collect()]
    }

    /// The inputs before `prepare` are x in the place of y.
    fn derivative(&self) -> Option<Derivative> {
        let softmax = Softmax { rows: self.rows, width: self.width, scale: self.scale, causal: None };
        let forward = softmax.clone();
        Some(Derivative {
            prepare: Box::new(move |inputs| inputs[0] = softmax.reference(&inputs[..1]).remove(0)),
            ..Derivative::of(vec![0], move |inputs| weighted(&forward.reference(&inputs[..1])[0], &inputs[1]))
        })
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(rows, width)| SoftmaxBackward { rows, width, scale: 1.0 };
    let all = [(1, 1), (7, 7), (50, 77), (197, 48), (5, 577), (2, 1370), (5, 300)];
    let mut cases = boxed(all.map(case).to_vec());
    cases.push(Box::new(SoftmaxBackward { rows: 100, width: 5, scale: 1.0 / 0.07 }));
    cases.push(Stress::Fold(3).on(SoftmaxBackward { rows: 50, width: 7, scale: 0.125 }));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "softmax_backward",
        conformance: cases,
        bench: || {
            boxed(
                [(8 * 12 * 197, 197), (8 * 1369, 21)]
                    .map(|(rows, width)| SoftmaxBackward { rows, width, scale: 1.0 })
                    .to_vec(),
            )
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (rows, width) = (text.size("rows")?, text.size("width")?);
            Ok(Box::new(SoftmaxBackward { rows, width, scale: text.float("scale")? }))
        },
    }
}
