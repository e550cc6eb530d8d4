//! Rows of a table by index: token embeddings, class tokens, patch tokens.

use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{
    Cost, Fill, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader,
};
use crate::gpu::{Capabilities, Define};

/// `out[i]` = `table[index[i]]` for a table `[rows, width]` and `count` indices.
#[derive(Debug, Clone, PartialEq)]
pub struct Gather {
    /// Rows of the table.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Number of indices.
    pub count: usize,
}

impl Problem for Gather {
    fn kernel(&self) -> &'static str {
        "gather"
    }

    fn label(&self) -> String {
        format!("gather f32 rows={} width={} count={}", self.rows, self.width, self.count)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("table", self.rows * self.width), Operand::u32("index", self.count)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.count * self.width]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 8.0 * (self.count * self.width) as f64 + 4.0 * self.count as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the width", self.width), |pack, mut defines| {
            let width = self.width / pack;
            defines.push(("WIDTH", Define::Number(width as u32)));
            Plan {
                shader: shader!("gather.wgsl", defines),
                params: param_bytes(&[self.count as u32, self.rows as u32]),
                grid: linear_grid((self.count * width).div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for Gather {
    fn fill(&self, input: &str) -> Fill {
        if input == "index" { Fill::Below(self.rows as u32) } else { Fill::default() }
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let row = |&i: &f64| inputs[0][i as usize * self.width..][..self.width].to_vec();
        vec![inputs[1].iter().flat_map(row).collect()]
    }

    /// A copy is exact.
    fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![vec![0.0; expected[0].len()]]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let all = [(1, 1, 1), (7, 50, 77), (577, 36, 50), (197, 7, 1370)];
    let mut cases = boxed(all.map(|(rows, width, count)| Gather { rows, width, count }).to_vec());
    // A width for each variant.
    for width in [50, 36] {
        cases.push(Stress::Fold(3).on(Gather { rows: 7, width, count: 77 }));
    }
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "gather",
        conformance: cases,
        bench: || boxed(vec![Gather { rows: 4096, width: 768, count: 2048 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (rows, width, count) = (text.size("rows")?, text.size("width")?, text.size("count")?);
            Ok(Box::new(Gather { rows, width, count }))
        },
    }
}
