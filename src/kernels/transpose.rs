//! The transpose of a matrix, padded so that rows can be read four elements at a time.

use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define, DeviceClass};

/// y = xᵀ for x [rows, columns]: y [columns, rows rounded up to a multiple of 4], zeros in the padding.
#[derive(Debug, Clone, PartialEq)]
pub struct Transpose {
    /// Rows of x.
    pub rows: usize,
    /// Columns of x.
    pub columns: usize,
}

/// Edge of the square that a workgroup transposes; the shader's `SIDE`.
const SIDE: usize = 16;

impl Transpose {
    /// Elements of a row of y.
    fn padded(&self) -> usize {
        self.rows.next_multiple_of(4)
    }
}

impl Problem for Transpose {
    fn kernel(&self) -> &'static str {
        "transpose"
    }

    fn label(&self) -> String {
        format!("transpose f32 rows={} columns={}", self.rows, self.columns)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.rows * self.columns)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.columns * self.padded()]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 4.0 * (self.columns * (self.rows + self.padded())) as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let variant = |name, staged| {
            let plan = Plan {
                shader: shader!("transpose.wgsl", vec![("STAGED", Define::Flag(staged))]),
                params: param_bytes(&[self.rows, self.columns, self.padded()].map(|v| v as u32)),
                grid: linear_grid(self.rows.div_ceil(SIDE) * self.columns.div_ceil(SIDE), caps),
            };
            Variant::always(name, plan)
        };
        let (tile, scalar) = (variant("tile", true), variant("scalar", false));
        match caps.class {
            DeviceClass::Gpu => vec![tile, scalar],
            DeviceClass::SimdCpu => vec![scalar, tile],
        }
    }
}

impl Verifiable for Transpose {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut y = vec![0.0; self.outputs()[0]];
        for (row, values) in inputs[0].chunks(self.columns).enumerate() {
            for (column, &value) in values.iter().enumerate() {
                y[column * self.padded() + row] = value;
            }
        }
        vec![y]
    }

    /// A copy is exact.
    fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![vec![0.0; expected[0].len()]]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(rows, columns)| Transpose { rows, columns };
    let all = [(1, 1), (7, 50), (50, 77), (16, 16), (17, 33), (64, 1), (1, 77), (197, 36)];
    let mut cases = boxed(all.map(case).to_vec());
    cases.push(Stress::Fold(3).on(case((50, 36))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "transpose",
        conformance: cases,
        bench: || {
            boxed([(8 * 197, 768), (1374, 1024)].map(|(rows, columns)| Transpose { rows, columns }).to_vec())
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(Transpose { rows: text.size("rows")?, columns: text.size("columns")? }))
        },
    }
}
