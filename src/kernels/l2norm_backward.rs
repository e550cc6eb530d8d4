//! The gradient of [`L2Norm`].

use super::bounds::{DIVISION, TINY, U, dot, flushed, gamma};
use super::derivative::{Derivative, weighted};
use super::family::{Cases, Family, boxed};
use super::inputs::Inputs;
use super::l2norm::L2Norm;
use super::rows::{HeldRows, row_elements, row_variants};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, ShaderSpec};

/// dx = (dy − x̂(x̂·dy))/‖x‖₂ with x̂ = x/‖x‖₂ over rows of x and dy [rows, width]; rows of zeros
/// give zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct L2NormBackward {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
}

impl L2NormBackward {
    fn rows<'a>(&self, inputs: &'a [Vec<f64>]) -> impl Iterator<Item = (&'a [f64], &'a [f64])> {
        inputs[0].chunks(self.width).zip(inputs[1].chunks(self.width))
    }
}

impl Problem for L2NormBackward {
    fn kernel(&self) -> &'static str {
        "l2norm_backward"
    }

    fn label(&self) -> String {
        format!("l2norm_backward f32 rows={} width={}", self.rows, self.width)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.rows * self.width), Operand::f32("dy", self.rows * self.width)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.width) as f64;
        Cost { flops: 7.0 * n, bytes: 12.0 * n }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |shader: ShaderSpec, grid| Plan {
            shader,
            params: param_bytes(&[self.rows as u32, self.width as u32]),
            grid,
        };
        let others = row_variants(self.rows, caps, |mut defines, grid| {
            defines.extend(row_elements(self.width));
            plan(shader!("l2norm_backward.wgsl", defines), grid)
        });
        let held = HeldRows { rows: self.rows, width: self.width, reductions: 1, sum: "vec2<f32>" };
        held.variants(others, caps, |defines, grid| {
            plan(shader!("l2norm_backward_registers.wgsl", defines), grid)
        })
    }
}

impl Verifiable for L2NormBackward {
    /// As for the norm itself: that of denormal numbers is zero in float32.
    fn defined_for(&self) -> &'static [Inputs] {
        &Inputs::NO_DENORMAL
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let row = |(x, dy): (&[f64], &[f64])| -> Vec<f64> {
            let square = weighted(x, x);
            let (divisor, inverse) = if square == 0.0 { (1.0, 0.0) } else { (square, 1.0 / square.sqrt()) };
            let along = weighted(x, dy) / divisor;
            x.iter().zip(dy).map(|(x, dy)| (dy - x * along) * inverse).collect()
        };
        vec![self.rows(inputs).flat_map(row).collect()]
    }

    /// Σx² is off by γₙ relative, and so half as much 1/‖x‖, which adds a root and a division; x·dy by
    /// γₙ·Σ|x·dy|; their quotient has both errors and a division. A product and a difference follow, and
    /// the last product.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut bound = Vec::with_capacity(expected[0].len());
        for ((x, dy), dx) in self.rows(inputs).zip(expected[0].chunks(self.width)) {
            let square = weighted(x, x);
            if square == 0.0 {
                bound.extend(vec![0.0; self.width]);
                continue;
            }
            let (product, magnitude) = dot(x.iter().copied(), dy.iter().copied());
            let along = (product / square).abs();
            let lost = 2.0 * TINY * self.width as f64;
            let square_error = gamma(self.width) + lost / square;
            let along_error =
                (gamma(self.width) * magnitude + lost) / square + along * (square_error + DIVISION) + TINY;
            let inverse_error = square_error / 2.0 + 2.0 * DIVISION + U;
            bound.extend(x.iter().zip(dy).zip(dx).map(|((x, &dy), dx)| {
                let projected = x.abs() * along;
                let error = x.abs() * along_error + 2.0 * U * projected + U * dy.abs();
                let flush = flushed(dy) + 3.0 * TINY;
                1.01 * ((error + flush) / square.sqrt() + dx.abs() * inverse_error) + TINY
            }));
        }
        vec![bound]
    }

    fn derivative(&self) -> Option<Derivative> {
        let forward = L2Norm { rows: self.rows, width: self.width };
        Some(Derivative::of(vec![0], move |inputs| weighted(&forward.reference(&inputs[..1])[0], &inputs[1])))
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let all = [(1, 7), (7, 7), (50, 77), (197, 48), (577, 5), (2, 1370), (5, 300)];
    let mut cases = boxed(all.map(|(rows, width)| L2NormBackward { rows, width }).to_vec());
    cases.push(Stress::Zeros("x").on(L2NormBackward { rows: 3, width: 7 }));
    cases.push(Stress::Fold(3).on(L2NormBackward { rows: 50, width: 7 }));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "l2norm_backward",
        conformance: cases,
        bench: || boxed(vec![L2NormBackward { rows: 8 * 1369, width: 768 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(L2NormBackward { rows: text.size("rows")?, width: text.size("width")? }))
        },
    }
}
