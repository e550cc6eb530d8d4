//! The gradient of [`LayerNorm`] with respect to its input.

use super::bounds::{DIVISION, TINY, U, flushed, gamma};
use super::derivative::{Derivative, weighted};
use super::family::{Cases, Family, boxed};
use super::layernorm::LayerNorm;
use super::rows::{HeldRows, row_elements, row_variants};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, ShaderSpec};

/// dx = (g − mean(g) − x̂·mean(g·x̂))/σ with g = dy·γ, over rows of x [rows, width], from x,
/// γ `[width]` and dy [rows, width]. Mean and σ are recomputed from x.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNormBackward {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

/// What a row's elements have in common, exact.
struct Row {
    mean: f64,
    /// 1/σ.
    inverse: f64,
    mean_g: f64,
    /// mean(g·d) with d = x − mean.
    mean_gd: f64,
}

impl LayerNormBackward {
    fn row(&self, x: &[f64], g: &[f64]) -> Row {
        let n = self.width as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        Row {
            mean,
            inverse: 1.0 / (variance + f64::from(self.epsilon)).sqrt(),
            mean_g: g.iter().sum::<f64>() / n,
            mean_gd: x.iter().zip(g).map(|(x, g)| g * (x - mean)).sum::<f64>() / n,
        }
    }

    /// Each row of x, of dy, and g = dy·γ.
    fn rows<'a>(&self, inputs: &'a [Vec<f64>]) -> impl Iterator<Item = (&'a [f64], &'a [f64], Vec<f64>)> {
        let rows = inputs[0].chunks(self.width).zip(inputs[2].chunks(self.width));
        rows.map(|(x, dy)| (x, dy, dy.iter().zip(&inputs[1]).map(|(dy, s)| dy * s).collect()))
    }
}

impl Problem for LayerNormBackward {
    fn kernel(&self) -> &'static str {
        "layernorm_backward"
    }

    fn label(&self) -> String {
        format!("layernorm_backward f32 rows={} width={} epsilon={}", self.rows, self.width, self.epsilon)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![
            Operand::f32("x", self.rows * self.width),
            Operand::f32("gamma", self.width),
            Operand::f32("dy", self.rows * self.width),
        ]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.width) as f64;
        Cost { flops: 14.0 * n, bytes: 12.0 * n + 4.0 * self.width as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |shader: ShaderSpec, grid| Plan {
            shader,
            params: param_bytes(&[self.rows as u32, self.width as u32, self.epsilon.to_bits()]),
            grid,
        };
        let others = row_variants(self.rows, caps, |mut defines, grid| {
            defines.extend(row_elements(self.width));
            plan(shader!("layernorm_backward.wgsl", defines), grid)
        });
        let held = HeldRows { rows: self.rows, width: self.width, reductions: 2, sum: "vec2<f32>" };
        held.variants(others, caps, |defines, grid| {
            plan(shader!("layernorm_backward_registers.wgsl", defines), grid)
        })
    }
}

impl Verifiable for LayerNormBackward {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut dx = Vec::with_capacity(self.rows * self.width);
        for (x, _, g) in self.rows(inputs) {
            let row = self.row(x, &g);
            let slope = row.inverse * row.inverse * row.mean_gd;
            dx.extend(x.iter().zip(&g).map(|(x, g)| (g - row.mean_g - (x - row.mean) * slope) * row.inverse));
        }
        vec![dx]
    }

    /// First order in u. Mean, centred values d and 1/σ are off as in the forward pass. mean(g) has the
    /// products, the sum and the division: γₙ₊₆·mean|g|. mean(g·d) has one product and the error of d
    /// more: γₙ₊₈·mean|g·d| + δ·mean|g|. d·slope passes on the errors of d, of mean(g·d), twice that of
    /// 1/σ, and has three roundings; two subtractions and a product follow. `lost` is what flushing may
    /// take. 1.01 covers the terms of second order.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = self.width as f64;
        let mut bound = Vec::with_capacity(expected[0].len());
        for ((x, dy, g), dx) in self.rows(inputs).zip(expected[0].chunks(self.width)) {
            let Row { mean, inverse, mean_g, mean_gd } = self.row(x, &g);
            let average = |value: &dyn Fn(usize) -> f64| (0..self.width).map(value).sum::<f64>() / n;
            let d = |i: usize| (x[i] - mean).abs();
            let lost = |i: usize| {
                let scale = inputs[1][i];
                flushed(dy[i]) * scale.abs() + flushed(scale) * dy[i].abs() + 2.0 * TINY
            };
            let delta = gamma(self.width + 5) * average(&|i| x[i].abs()) + 4.0 * TINY;
            let variance = average(&|i| d(i) * d(i));
            let variance_error =
                gamma(self.width + 7) * variance + 2.0 * delta * average(&d) + delta * delta + 2.0 * TINY;
            let relative = variance_error * inverse * inverse / 2.0 + DIVISION + 2.0 * U;
            let mean_g_error = gamma(self.width + 6) * average(&|i| g[i].abs()) + average(&lost) + TINY;
            let mean_gd_error = gamma(self.width + 8) * average(&|i| g[i].abs() * d(i))
                + delta * average(&|i| g[i].abs())
                + average(&|i| lost(i) * d(i))
                + 2.0 * TINY;
            let square = inverse * inverse;
            let slope = (square * mean_gd).abs();
            bound.extend((0..self.width).map(|i| {
                let projected = d(i) * slope;
                let projected_error = slope * (delta + U * d(i))
                    + d(i) * (square * mean_gd_error + TINY)
                    + projected * (2.0 * relative + 3.0 * U)
                    + TINY;
                let rounding = 2.0 * U * (g[i].abs() + mean_g.abs() + projected) + U * g[i].abs();
                let inner = lost(i) + mean_g_error + projected_error + rounding + 2.0 * TINY;
                1.01 * (inner * inverse + dx[i].abs() * (relative + 2.0 * U)) + TINY
            }));
        }
        vec![bound]
    }

    fn derivative(&self) -> Option<Derivative> {
        let forward = LayerNorm { rows: self.rows, width: self.width, epsilon: self.epsilon };
        Some(Derivative::of(vec![0], move |inputs| {
            let shift = vec![0.0; forward.width];
            let y = forward.reference(&[inputs[0].clone(), inputs[1].clone(), shift]);
            weighted(&y[0], &inputs[2])
        }))
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(rows, width)| LayerNormBackward { rows, width, epsilon: 1e-5 };
    let all = [(1, 1), (1, 7), (7, 50), (50, 77), (77, 128), (197, 36), (3, 1370), (5, 300)];
    let mut cases = boxed(all.map(case).to_vec());
    cases.push(Box::new(LayerNormBackward { rows: 7, width: 12, epsilon: 1e-3 }));
    cases.extend([(7, 77), (7, 36)].map(|shape| Stress::Mean(1000.0).on(case(shape))));
    cases.push(Stress::Fold(3).on(case((50, 7))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "layernorm_backward",
        conformance: cases,
        bench: || {
            boxed(
                [(8 * 197, 768), (1374, 1024)]
                    .map(|(rows, width)| LayerNormBackward { rows, width, epsilon: 1e-5 })
                    .to_vec(),
            )
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(LayerNormBackward {
                rows: text.size("rows")?,
                width: text.size("width")?,
                epsilon: text.float("epsilon")?,
            }))
        },
    }
}
