//! Token sequences with positional embeddings and, for images, a class token in front.

use super::bounds::{U, flushed};
use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define};

/// x [batch, tokens, width] plus positions, with a class token in front if `class`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tokens {
    /// Number of sequences.
    pub batch: usize,
    /// Tokens of x in a sequence.
    pub tokens: usize,
    /// Elements of a token.
    pub width: usize,
    /// Prepend the class token; the positions then have one row more than `tokens`.
    pub class: bool,
}

impl Tokens {
    fn length(&self) -> usize {
        self.tokens + usize::from(self.class)
    }

    /// What is added for each element of the output: of x or the class token, and of the positions.
    fn terms<'a>(&self, inputs: &'a [Vec<f64>]) -> impl Iterator<Item = (f64, f64)> + 'a {
        let class: &[f64] = if self.class { &inputs[2] } else { &[] };
        let sequences = inputs[0].chunks(self.tokens * self.width);
        sequences.flat_map(move |s| class.iter().chain(s).copied().zip(inputs[1].iter().copied()))
    }
}

impl Problem for Tokens {
    fn kernel(&self) -> &'static str {
        "tokens"
    }

    fn label(&self) -> String {
        let class = if self.class { " +class" } else { "" };
        format!("tokens f32 batch={} tokens={} width={}{class}", self.batch, self.tokens, self.width)
    }

    fn inputs(&self) -> Vec<Operand> {
        let mut inputs = vec![
            Operand::f32("x", self.batch * self.tokens * self.width),
            Operand::f32("position", self.length() * self.width),
        ];
        if self.class {
            inputs.push(Operand::f32("class_token", self.width));
        }
        inputs
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.batch * self.length() * self.width]
    }

    fn cost(&self) -> Cost {
        let n = self.outputs()[0] as f64;
        Cost { flops: n, bytes: 8.0 * n + 4.0 * (self.length() * self.width) as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the width", self.width), |pack, mut defines| {
            defines.extend([
                ("CLASS", Define::Flag(self.class)),
                ("LENGTH", Define::Number(self.length() as u32)),
                ("WIDTH", Define::Number((self.width / pack) as u32)),
            ]);
            Plan {
                shader: shader!("tokens.wgsl", defines),
                params: param_bytes(&[self.batch as u32]),
                grid: linear_grid((self.outputs()[0] / pack).div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for Tokens {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.terms(inputs).map(|(x, p)| x + p).collect()]
    }

    /// One addition, whose operands and result may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let bound = |(x, p): (f64, f64)| U * (x + p).abs() + flushed(x) + flushed(p) + flushed(x + p);
        vec![self.terms(inputs).map(bound).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let all = [(1, 1, 1), (3, 49, 7), (2, 77, 50), (1, 196, 36), (3, 5, 8)]
        .into_iter()
        .flat_map(|(batch, tokens, width)| [false, true].map(|class| Tokens { batch, tokens, width, class }))
        .collect();
    let mut cases = boxed(all);
    // A width for each variant.
    for width in [7, 36] {
        cases.push(Stress::Fold(3).on(Tokens { batch: 3, tokens: 49, width, class: true }));
    }
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "tokens",
        conformance: cases,
        bench: || boxed(vec![Tokens { batch: 8, tokens: 196, width: 768, class: true }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(Tokens {
                batch: text.size("batch")?,
                tokens: text.size("tokens")?,
                width: text.size("width")?,
                class: text.flag("+class"),
            }))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::bounds::TINY;
    use super::*;

    #[test]
    fn a_device_may_flush_denormal_numbers_and_nothing_else() {
        let problem = Tokens { batch: 1, tokens: 4, width: 1, class: false };
        let inputs = [vec![4e-39, 1.0, 1.5 * TINY, 1.0], vec![5e-39, 3e-39, -TINY, 2.0]];
        let expected = problem.reference(&inputs);
        let bound = &problem.error_bound(&inputs, &expected)[0];
        // Both operands, one of them, the result, nothing.
        for (i, flushing) in [0.0, 1.0, 0.0, 3.0].into_iter().enumerate() {
            assert!((flushing - expected[0][i]).abs() <= bound[i], "element {i}: {:e}", bound[i]);
        }
        assert_eq!(bound[3], 3.0 * U);
    }
}
