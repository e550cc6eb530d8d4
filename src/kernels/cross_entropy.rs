//! Cross-entropy of logits against labels, row by row, and its gradient.

use super::bounds::{TINY, U, exp_error, flushed, gamma, ln_error};
use super::derivative::{Derivative, weighted};
use super::family::{Cases, Family, boxed};
use super::rows::{HeldRows, row_variants};
use super::softmax::Softmax;
use super::stress::Stress;
use super::{Cost, Fill, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, Define, ShaderSpec};

/// y = scale·(ln Σ exp(x) − x\[label\]) over rows of logits x [rows, classes], with a label (u32) for each
/// row. A label past the last class counts as the last.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropy {
    /// Number of rows.
    pub rows: usize,
    /// Logits of a row.
    pub classes: usize,
    /// Multiplies the loss: 1/rows makes the sum of y the mean loss.
    pub scale: f32,
}

/// The gradient of [`CrossEntropy`]: scale·dy·(softmax(x) − onehot(label)) [rows, classes], from
/// logits, labels and dy `[rows]`.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossEntropyBackward {
    /// Number of rows.
    pub rows: usize,
    /// Logits of a row.
    pub classes: usize,
    /// What multiplied the loss.
    pub scale: f32,
}

impl CrossEntropy {
    fn describe(&self, kernel: &str) -> String {
        format!("{kernel} f32 rows={} classes={} scale={}", self.rows, self.classes, self.scale)
    }

    fn operands(&self) -> Vec<Operand> {
        vec![Operand::f32("logits", self.rows * self.classes), Operand::u32("label", self.rows)]
    }

    /// Logits of a few units; one label in `classes + 1` lies past the end.
    fn operand_fill(&self, input: &str) -> Fill {
        match input {
            "logits" => Fill::Normal(5.0),
            "label" => Fill::Below(self.classes as u32 + 1),
            _ => Fill::default(),
        }
    }

    /// The variants of the loss or of its gradient: one shader computes both.
    fn variants_of(&self, caps: &Capabilities, backward: bool) -> Vec<Variant> {
        let plan = |shader: ShaderSpec, grid| Plan {
            shader,
            params: param_bytes(&[self.rows as u32, self.classes as u32, self.scale.to_bits()]),
            grid,
        };
        let backward = ("BACKWARD", Define::Flag(backward));
        let others = row_variants(self.rows, caps, |mut defines, grid| {
            defines.push(backward);
            plan(shader!("cross_entropy.wgsl", defines), grid)
        });
        let held = HeldRows { rows: self.rows, width: self.classes, reductions: 2, sum: "f32" };
        held.variants(others, caps, |mut defines, grid| {
            defines.push(backward);
            plan(shader!("cross_entropy_registers.wgsl", defines), grid)
        })
    }

    fn class(&self, label: f64) -> usize {
        (label as usize).min(self.classes - 1)
    }

    /// Each row of logits and its class.
    fn rows<'a>(&self, inputs: &'a [Vec<f64>]) -> impl Iterator<Item = (&'a [f64], usize)> {
        inputs[0].chunks(self.classes).zip(&inputs[1]).map(|(x, &label)| (x, self.class(label)))
    }

    fn softmax(&self) -> Softmax {
        Softmax { rows: self.rows, width: self.classes, scale: 1.0, causal: None }
    }
}

/// A row's maximum and Σ exp(x − maximum).
fn largest_and_sum(x: &[f64]) -> (f64, f64) {
    // NaN must not be passed over.
    let largest = x.iter().fold(f64::NEG_INFINITY, |m, &x| if x.is_nan() || x > m { x } else { m });
    (largest, x.iter().map(|x| (x - largest).exp()).sum())
}

impl Problem for CrossEntropy {
    fn kernel(&self) -> &'static str {
        "cross_entropy"
    }

    fn label(&self) -> String {
        self.describe(self.kernel())
    }

    fn inputs(&self) -> Vec<Operand> {
        self.operands()
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.classes) as f64;
        Cost { flops: 4.0 * n, bytes: 4.0 * n + 8.0 * self.rows as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        self.variants_of(caps, false)
    }
}

impl Verifiable for CrossEntropy {
    fn fill(&self, input: &str) -> Fill {
        self.operand_fill(input)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let row = |(x, class): (&[f64], usize)| {
            let (largest, sum) = largest_and_sum(x);
            f64::from(self.scale) * (sum.ln() - (x[class] - largest))
        };
        vec![self.rows(inputs).map(row).collect()]
    }

    /// An exponent d = x − max is off by u|d|, a relative error of exp, which adds its own; the sum has
    /// γₙ and the average error of its terms. ln makes that absolute and adds its own error; the
    /// logit's distance to the maximum, the difference and the product round once each.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let row = |((x, class), y): ((&[f64], usize), &f64)| {
            let (largest, sum) = largest_and_sum(x);
            let term = |x: f64| {
                let d = x - largest;
                d.exp() / sum * (U * d.abs() + exp_error(d)) + TINY
            };
            let sum_error = 1.01 * (gamma(self.classes) + x.iter().map(|&x| term(x)).sum::<f64>());
            let inner = sum_error + ln_error(sum) + U * (x[class] - largest).abs() + 2.0 * TINY;
            f64::from(self.scale).abs() * inner + 2.0 * U * y.abs() + TINY
        };
        vec![self.rows(inputs).zip(&expected[0]).map(row).collect()]
    }
}

impl CrossEntropyBackward {
    fn forward(&self) -> CrossEntropy {
        CrossEntropy { rows: self.rows, classes: self.classes, scale: self.scale }
    }

    /// For every output element: its value from softmax(x), the onehot and dy of its row.
    fn each(&self, inputs: &[Vec<f64>], value: impl Fn(usize, f64, f64) -> f64) -> Vec<f64> {
        let forward = self.forward();
        let element = |i: usize| {
            let (row, class) = (i / self.classes, i % self.classes);
            let onehot = if forward.class(inputs[1][row]) == class { 1.0 } else { 0.0 };
            value(i, onehot, inputs[2][row])
        };
        (0..self.rows * self.classes).map(element).collect()
    }
}

impl Problem for CrossEntropyBackward {
    fn kernel(&self) -> &'static str {
        "cross_entropy_backward"
    }

    fn label(&self) -> String {
        self.forward().describe(self.kernel())
    }

    fn inputs(&self) -> Vec<Operand> {
        [self.forward().operands(), vec![Operand::f32("dy", self.rows)]].concat()
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.classes]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.classes) as f64;
        Cost { flops: 8.0 * n, bytes: 8.0 * n + 8.0 * self.rows as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        self.forward().variants_of(caps, true)
    }
}

impl Verifiable for CrossEntropyBackward {
    fn fill(&self, input: &str) -> Fill {
        self.forward().operand_fill(input)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let p = self.forward().softmax().reference(&inputs[..1]).remove(0);
        vec![self.each(inputs, |i, onehot, dy| f64::from(self.scale) * dy * (p[i] - onehot))]
    }

    /// The probability is made as the softmax makes it and has its bound; the difference and two
    /// products round once each. dy and results may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let softmax = self.forward().softmax();
        let p = softmax.reference(&inputs[..1]);
        let error = softmax.error_bound(&inputs[..1], &p).remove(0);
        let scale = f64::from(self.scale).abs();
        vec![self.each(inputs, |i, onehot, dy| {
            let difference = (p[0][i] - onehot).abs();
            let lost = scale * flushed(dy) * difference + 2.0 * TINY;
            1.01 * scale * dy.abs() * (error[i] + 3.0 * U * difference + TINY) + lost
        })]
    }

    fn derivative(&self) -> Option<Derivative> {
        let forward = self.forward();
        Some(Derivative::of(vec![0], move |inputs| weighted(&forward.reference(&inputs[..2])[0], &inputs[2])))
    }
}

/// Cases of both families: rows, classes, scale.
const CASES: [(usize, usize, f32); 9] = [
    (1, 1, 1.0),
    (7, 2, 1.0),
    (50, 21, 0.02),
    (77, 5, 1.0),
    (3, 50, 1.0),
    (7, 77, 2.0),
    (2, 1370, 1.0),
    (9, 300, 1.0),
    (197, 7, 1.0 / 197.0),
];
/// Those worth timing.
const BENCH: [(usize, usize, f32); 2] = [(8 * 1369, 21, 1.0), (4096, 1000, 1.0)];

fn forward((rows, classes, scale): (usize, usize, f32)) -> CrossEntropy {
    CrossEntropy { rows, classes, scale }
}

fn backward((rows, classes, scale): (usize, usize, f32)) -> CrossEntropyBackward {
    CrossEntropyBackward { rows, classes, scale }
}

/// The entry of [`CrossEntropy`] in the registry.
pub fn family() -> Family {
    Family {
        name: "cross_entropy",
        conformance: || {
            let mut cases: Cases = boxed(CASES.map(forward).to_vec());
            cases.push(Stress::Fold(3).on(forward((50, 7, 1.0))));
            cases
        },
        bench: || boxed(BENCH.map(forward).to_vec()),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(forward((text.size("rows")?, text.size("classes")?, text.float("scale")?))))
        },
    }
}

/// The entry of [`CrossEntropyBackward`] in the registry.
pub fn family_backward() -> Family {
    Family {
        name: "cross_entropy_backward",
        conformance: || {
            let mut cases: Cases = boxed(CASES.map(backward).to_vec());
            cases.push(Stress::Fold(3).on(backward((50, 7, 1.0))));
            cases
        },
        bench: || boxed(BENCH.map(backward).to_vec()),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(backward((text.size("rows")?, text.size("classes")?, text.float("scale")?))))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_losses() {
        // Equal logits: ln of their number. A label past the end is the last; huge logits do not overflow.
        let loss = forward((3, 4, 0.5)).reference(&[
            vec![7.0, 7.0, 7.0, 7.0, 0.0, 0.0, 0.0, 900.0, 900.0, 0.0, 0.0, 0.0],
            vec![1.0, 9.0, 1.0],
        ]);
        for (loss, expected) in loss[0].iter().zip([0.5 * 4f64.ln(), 0.0, 450.0]) {
            assert!((loss - expected).abs() < 1e-12, "{loss} {expected}");
        }
    }
}
