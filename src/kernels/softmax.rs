//! Softmax over the last dimension, optionally causal.

use super::bounds::{DIVISION, TINY, U, exp_error, gamma};
use super::family::{Cases, Family, boxed};
use super::rows::{HeldRows, row_variants};
use super::stress::Stress;
use super::{Cost, Fill, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, Define, ShaderSpec};

/// y = softmax(scale·x) over rows of x [rows, width].
#[derive(Debug, Clone, PartialEq)]
pub struct Softmax {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Multiplies x first: 1/temperature.
    pub scale: f32,
    /// `Some(period)`: row r is query r mod period and sees columns 0..=query only.
    pub causal: Option<usize>,
}

impl Softmax {
    fn visible(&self, row: usize) -> usize {
        self.causal.map_or(self.width, |period| (row % period + 1).min(self.width))
    }
}

impl Problem for Softmax {
    fn kernel(&self) -> &'static str {
        "softmax"
    }

    fn label(&self) -> String {
        let causal = self.causal.map_or(String::new(), |period| format!(" causal={period}"));
        format!("softmax f32 rows={} width={} scale={}{causal}", self.rows, self.width, self.scale)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.rows * self.width)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.width) as f64;
        Cost { flops: 5.0 * n, bytes: 8.0 * n }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let period = self.causal.unwrap_or(1) as u32;
        let plan = |shader: ShaderSpec, grid| Plan {
            shader,
            params: param_bytes(&[self.rows as u32, self.width as u32, self.scale.to_bits(), period]),
            grid,
        };
        let causal = ("CAUSAL", Define::Flag(self.causal.is_some()));
        let others = row_variants(self.rows, caps, |mut defines, grid| {
            defines.push(causal);
            plan(shader!("softmax.wgsl", defines), grid)
        });
        let held = HeldRows { rows: self.rows, width: self.width, reductions: 2, sum: "f32" };
        held.variants(others, caps, |mut defines, grid| {
            defines.push(causal);
            plan(shader!("softmax_registers.wgsl", defines), grid)
        })
    }
}

impl Verifiable for Softmax {
    fn fill(&self, _: &str) -> Fill {
        Fill::Normal(5.0)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut y = vec![0.0; inputs[0].len()];
        let scale = f64::from(self.scale);
        for (r, (row, out)) in inputs[0].chunks(self.width).zip(y.chunks_mut(self.width)).enumerate() {
            let row = &row[..self.visible(r)];
            let largest = row.iter().map(|x| x * scale).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|x| (x * scale - largest).exp()).sum();
            for (o, x) in out.iter_mut().zip(row) {
                *o = (x * scale - largest).exp() / sum;
            }
        }
        vec![y]
    }

    /// An exponent d = scale·x − max is off by u(|scale·x| + |max| + |d|), which is a relative error
    /// of exp; exp adds its own; the sum has γₙ and the average error of its terms; then a division.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let scale = f64::from(self.scale);
        let mut bound = vec![0.0; inputs[0].len()];
        for (r, row) in inputs[0].chunks(self.width).enumerate() {
            let at = r * self.width..(r + 1) * self.width;
            let visible = self.visible(r);
            let largest = row[..visible].iter().map(|x| x * scale).fold(f64::NEG_INFINITY, f64::max);
            let term = |x: f64| {
                let d = x * scale - largest;
                U * ((x * scale).abs() + largest.abs() + d.abs()) + exp_error(d)
            };
            let p = &expected[0][at.clone()];
            let average: f64 = row[..visible].iter().zip(p).map(|(&x, p)| p * term(x)).sum();
            for ((b, &x), p) in bound[at].iter_mut().zip(&row[..visible]).zip(p) {
                *b = 1.01 * p * (term(x) + average + gamma(visible) + DIVISION) + TINY;
            }
        }
        vec![bound]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let mut cases: Vec<_> = [(1, 1), (7, 7), (3, 50), (50, 77), (197, 197), (5, 577), (2, 1370), (5, 300)]
        .map(|(rows, width)| Softmax { rows, width, scale: 1.0, causal: None })
        .to_vec();
    // Logits in the thousands: exp overflows unless the row's maximum is subtracted first.
    cases.push(Softmax { rows: 9, width: 77, scale: 300.0, causal: None });
    cases.push(Softmax { rows: 100, width: 5, scale: 1.0 / 0.07, causal: None });
    cases.extend([77, 36].map(|n| Softmax { rows: 2 * n, width: n, scale: 1.0, causal: Some(n) }));
    let mut cases = boxed(cases);
    cases.push(Stress::Fold(3).on(Softmax { rows: 50, width: 7, scale: 1.0, causal: None }));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "softmax",
        conformance: cases,
        bench: || {
            boxed(
                [(9232, 577), (3072, 197)]
                    .map(|(rows, width)| Softmax { rows, width, scale: 1.0, causal: None })
                    .to_vec(),
            )
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let causal = if text.has("causal") { Some(text.size("causal")?) } else { None };
            Ok(Box::new(Softmax {
                rows: text.size("rows")?,
                width: text.size("width")?,
                scale: text.float("scale")?,
                causal,
            }))
        },
    }
}
