//! Layer normalisation over the last dimension (Ba, Kiros & Hinton 2016, arXiv 1607.06450).

use super::bounds::{DIVISION, TINY, U, gamma};
use super::family::{Cases, Family, boxed};
use super::rows::{HeldRows, row_elements, row_variants};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, ShaderSpec};

/// y = (x − mean)/√(variance + ε)·γ + β over rows of x [rows, width].
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Problem for LayerNorm {
    fn kernel(&self) -> &'static str {
        "layernorm"
    }

    fn label(&self) -> String {
        format!("layernorm f32 rows={} width={}", self.rows, self.width)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![
            Operand::f32("x", self.rows * self.width),
            Operand::f32("gamma", self.width),
            Operand::f32("beta", self.width),
        ]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.width) as f64;
        Cost { flops: 8.0 * n, bytes: 8.0 * n + 8.0 * self.width as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |shader: ShaderSpec, grid| Plan {
            shader,
            params: param_bytes(&[self.rows as u32, self.width as u32, self.epsilon.to_bits()]),
            grid,
        };
        let others = row_variants(self.rows, caps, |mut defines, grid| {
            defines.extend(row_elements(self.width));
            plan(shader!("layernorm.wgsl", defines), grid)
        });
        let held = HeldRows { rows: self.rows, width: self.width, reductions: 2, sum: "f32" };
        held.variants(others, caps, |defines, grid| plan(shader!("layernorm_registers.wgsl", defines), grid))
    }
}

impl Verifiable for LayerNorm {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = self.width as f64;
        let mut y = Vec::with_capacity(self.rows * self.width);
        for row in inputs[0].chunks(self.width) {
            let mean = row.iter().sum::<f64>() / n;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let inverse = 1.0 / (variance + f64::from(self.epsilon)).sqrt();
            y.extend(
                row.iter().zip(&inputs[1]).zip(&inputs[2]).map(|((x, g), b)| (x - mean) * inverse * g + b),
            );
        }
        vec![y]
    }

    /// First order in u: the mean is off by δ ≤ γₙ₊₅·mean|x| (sum, division); a centred value by
    /// δ + u|d|; the variance by γₙ₊₇·v + 2δ·mean|d| + δ²; its reciprocal root passes half of that
    /// relative error on and adds its own. 1.01 covers the terms of second order.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = self.width as f64;
        let mut bound = Vec::with_capacity(expected[0].len());
        for (row, y) in inputs[0].chunks(self.width).zip(expected[0].chunks(self.width)) {
            let mean = row.iter().sum::<f64>() / n;
            let magnitude = row.iter().map(|x| x.abs()).sum::<f64>() / n;
            let delta = gamma(self.width + 5) * magnitude;
            let deviation = row.iter().map(|x| (x - mean).abs()).sum::<f64>() / n;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let stabilised = variance + f64::from(self.epsilon);
            let variance_error = gamma(self.width + 7) * variance + 2.0 * delta * deviation + delta * delta;
            let relative = variance_error / (2.0 * stabilised) + DIVISION + 2.0 * U;
            let inverse = 1.0 / stabilised.sqrt();
            bound.extend(row.iter().zip(y).zip(&inputs[1]).map(|((x, y), g)| {
                let d = (x - mean).abs();
                1.01 * (g.abs() * inverse * (delta + U * d + d * (relative + 3.0 * U)) + U * y.abs()) + TINY
            }));
        }
        vec![bound]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(rows, width)| LayerNorm { rows, width, epsilon: 1e-5 };
    let all = [(1, 1), (1, 7), (7, 50), (50, 77), (77, 128), (197, 768), (577, 36), (3, 1370)];
    let mut cases = boxed(all.map(case).to_vec());
    cases.extend([(7, 77), (7, 36)].map(|shape| Stress::Mean(1000.0).on(case(shape))));
    cases.push(Stress::Fold(3).on(case((50, 7))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "layernorm",
        conformance: cases,
        bench: || {
            boxed(
                [(197, 768), (577, 1024), (1370, 1024)]
                    .map(|(rows, width)| LayerNorm { rows, width, epsilon: 1e-5 })
                    .to_vec(),
            )
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(LayerNorm { rows: text.size("rows")?, width: text.size("width")?, epsilon: 1e-5 }))
        },
    }
}
