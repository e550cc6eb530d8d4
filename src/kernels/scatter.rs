//! Rows summed by where they came from: the transpose of `gather`.

use super::bounds::{TINY, flushed, gamma};
use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{
    Cost, Fill, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader,
};
use crate::gpu::{Capabilities, Define};

/// `out[r]` = Σ `dy[order[p]]` over p from `starts[r]` to before `starts[r + 1]`.
///
/// Inputs are dy [count, width], starts [rows + 1] and order `[count]`: the numbers of dy's rows, sorted by
/// the row of out [rows, width] to which each is added. A range that is empty or ends before it starts is
/// a sum of nothing. Sums are taken in this order, without atomics, and so are the same every time.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// Rows of the output.
    pub rows: usize,
    /// Elements of a row.
    pub width: usize,
    /// Rows of dy.
    pub count: usize,
}

impl Scatter {
    /// For every element of the output the sum of `term` over the elements of dy, and how many there are.
    fn totals(&self, inputs: &[Vec<f64>], term: impl Fn(f64) -> f64) -> Vec<(f64, usize)> {
        let [dy, starts, order] = inputs else { unreachable!("three inputs") };
        let mut totals = Vec::with_capacity(self.rows * self.width);
        for range in starts.windows(2) {
            let (start, end) = (range[0] as usize, range[1] as usize);
            let sources = order.get(start..end).unwrap_or(&[]);
            totals.extend((0..self.width).map(|c| {
                let terms = sources.iter().map(|&row| term(dy[row as usize * self.width + c]));
                (terms.sum::<f64>(), sources.len())
            }));
        }
        totals
    }
}

impl Problem for Scatter {
    fn kernel(&self) -> &'static str {
        "scatter"
    }

    fn label(&self) -> String {
        format!("scatter f32 rows={} width={} count={}", self.rows, self.width, self.count)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![
            Operand::f32("dy", self.count * self.width),
            Operand::u32("starts", self.rows + 1),
            Operand::u32("order", self.count),
        ]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.rows * self.width]
    }

    /// Of a sorted order, which reads each row of dy once.
    fn cost(&self) -> Cost {
        let (read, written) = (self.count * self.width, self.rows * self.width);
        Cost { flops: read as f64, bytes: 4.0 * (read + written + self.rows + 1 + self.count) as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the width", self.width), |pack, mut defines| {
            let width = self.width / pack;
            defines.push(("WIDTH", Define::Number(width as u32)));
            Plan {
                shader: shader!("scatter.wgsl", defines),
                params: param_bytes(&[self.rows as u32, self.count as u32]),
                grid: linear_grid((self.rows * width).div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for Scatter {
    fn fill(&self, input: &str) -> Fill {
        match input {
            "starts" => Fill::Below(self.count as u32 + 1),
            "order" => Fill::Below(self.count as u32),
            _ => Fill::default(),
        }
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.totals(inputs, |dy| dy).into_iter().map(|(sum, _)| sum).collect()]
    }

    /// A sum of n terms: γₙ·Σ|terms|. Each term and each partial sum may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let sums = self.totals(inputs, f64::abs);
        let lost = self.totals(inputs, |dy| flushed(dy) + TINY);
        let bounds = sums.into_iter().zip(lost).map(|((sum, n), (lost, _))| gamma(n) * sum + lost);
        vec![bounds.collect()]
    }
}

/// Cases of the registry. Starts are random: about half of the ranges are empty, others long.
fn cases() -> Cases {
    let case = |(rows, width, count)| Scatter { rows, width, count };
    let all = [(1, 1, 1), (7, 50, 77), (50, 7, 3), (36, 36, 50), (577, 1, 7), (77, 8, 3), (3, 4, 1370)];
    let mut cases = boxed(all.map(case).to_vec());
    // A width for each variant.
    cases.extend([(50, 7, 20), (50, 36, 20)].map(|shape| Stress::Fold(3).on(case(shape))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "scatter",
        conformance: cases,
        // Of random starts, six ranges are on average as long together as the order: as `cost` assumes.
        bench: || boxed(vec![Scatter { rows: 6, width: 768, count: 8 * 197 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (rows, width, count) = (text.size("rows")?, text.size("width")?, text.size("count")?);
            Ok(Box::new(Scatter { rows, width, count }))
        },
    }
}
