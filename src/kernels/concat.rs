//! Two tables, one below the other.

use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::Capabilities;

/// The rows of a [first, width], then those of b [second, width].
#[derive(Debug, Clone, PartialEq)]
pub struct Concat {
    /// Rows of a.
    pub first: usize,
    /// Rows of b.
    pub second: usize,
    /// Elements of a row.
    pub width: usize,
}

impl Problem for Concat {
    fn kernel(&self) -> &'static str {
        "concat"
    }

    fn label(&self) -> String {
        format!("concat f32 first={} second={} width={}", self.first, self.second, self.width)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("a", self.first * self.width), Operand::f32("b", self.second * self.width)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![(self.first + self.second) * self.width]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 8.0 * self.outputs()[0] as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let packs = [self.first, self.second].iter().all(|rows| (rows * self.width).is_multiple_of(4));
        element_variants(
            Unmet::MultipleOf { what: "a table's length", of: 4 }.unless(packs),
            |pack, defines| {
                let (first, count) = (self.first * self.width / pack, self.outputs()[0] / pack);
                Plan {
                    shader: shader!("concat.wgsl", defines),
                    params: param_bytes(&[first as u32, count as u32]),
                    grid: linear_grid(count.div_ceil(64), caps),
                }
            },
        )
    }
}

impl Verifiable for Concat {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs.concat()]
    }

    /// A copy is exact.
    fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![vec![0.0; expected[0].len()]]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let case = |(first, second, width)| Concat { first, second, width };
    let all = [(1, 1, 1), (7, 50, 77), (1, 77, 50), (50, 1, 36), (12, 8, 7)];
    let mut cases = boxed(all.map(case).to_vec());
    // A width for each variant.
    cases.extend([(77, 7, 7), (77, 7, 36)].map(|shape| Stress::Fold(3).on(case(shape))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "concat",
        conformance: cases,
        bench: || boxed(vec![Concat { first: 8 * 197, second: 1374, width: 768 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (first, second) = (text.size("first")?, text.size("second")?);
            Ok(Box::new(Concat { first, second, width: text.size("width")? }))
        },
    }
}
