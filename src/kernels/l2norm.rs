//! Division of each row by its Euclidean norm.

use super::bounds::{DIVISION, TINY, gamma};
use super::family::{Cases, Family, boxed};
use super::rows::{HeldRows, row_variants};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, param_bytes, shader};
use crate::gpu::{Capabilities, ShaderSpec};

/// y = x/‖x‖₂ over rows of x [rows, width]; rows of zeros stay zero.
#[derive(Debug, Clone, PartialEq)]
pub struct L2Norm {
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
}

impl Problem for L2Norm {
    fn kernel(&self) -> &'static str {
        "l2norm"
    }

    fn label(&self) -> String {
        format!("l2norm f32 rows={} width={}", self.rows, self.width)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.rows * self.width)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    fn cost(&self) -> Cost {
        let n = (self.rows * self.width) as f64;
        Cost { flops: 3.0 * n, bytes: 8.0 * n }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = |shader: ShaderSpec, grid| Plan {
            shader,
            params: param_bytes(&[self.rows as u32, self.width as u32]),
            grid,
        };
        let others =
            row_variants(self.rows, caps, |defines, grid| plan(shader!("l2norm.wgsl", defines), grid));
        let held = HeldRows { rows: self.rows, width: self.width, reductions: 1, sum: "f32" };
        held.variants(others, caps, |defines, grid| plan(shader!("l2norm_registers.wgsl", defines), grid))
    }
}

impl Verifiable for L2Norm {
    /// The norm of denormal numbers is zero in float32, and the quotient undefined.
    fn defined_for(&self) -> &'static [super::inputs::Inputs] {
        &super::inputs::Inputs::NO_DENORMAL
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let normalise = |row: &[f64]| {
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| if norm == 0.0 { 0.0 } else { x / norm }).collect::<Vec<_>>()
        };
        vec![inputs[0].chunks(self.width).flat_map(normalise).collect()]
    }

    /// Half of γₙ₊₁ through the root, the root itself and one division.
    fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let relative = gamma(self.width + 1) / 2.0 + 2.0 * DIVISION;
        vec![expected[0].iter().map(|y| 1.01 * relative * y.abs() + TINY).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let all = [(1, 1), (7, 7), (50, 77), (197, 48), (577, 5), (2, 1370), (5, 300)];
    let mut cases = boxed(all.map(|(rows, width)| L2Norm { rows, width }).to_vec());
    cases.push(Stress::Zeros("x").on(L2Norm { rows: 3, width: 7 }));
    cases.push(Stress::Fold(3).on(L2Norm { rows: 50, width: 7 }));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "l2norm",
        conformance: cases,
        bench: || boxed(vec![L2Norm { rows: 1369, width: 768 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(L2Norm { rows: text.size("rows")?, width: text.size("width")? }))
        },
    }
}
