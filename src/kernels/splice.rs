//! Prompt tokens in sequences: inserted as rows of their own, or blended into existing rows.

use super::bounds::{TINY, flushed, gamma};
use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define};

/// Rows p [tokens, width] after the first row of each sequence of x [batch, length, width].
///
/// With `insert` the sequences grow to `length + tokens` rows: x's first, p, the rest of x. Without, they
/// keep their length, and rows 1 to `tokens` become keep·x + add·p, so that `length` must be greater than
/// `tokens`; without `add` they become keep·x, and p is no input.
#[derive(Debug, Clone, PartialEq)]
pub struct Splice {
    /// Number of sequences.
    pub batch: usize,
    /// Rows of a sequence of x.
    pub length: usize,
    /// Elements of a row.
    pub width: usize,
    /// Rows that are inserted or blended in, the same for all sequences.
    pub tokens: usize,
    /// Whether they are rows of their own. Then `keep` is 1 and `add` is `Some(1.0)`; both are ignored.
    pub insert: bool,
    /// Factor of x where rows are blended.
    pub keep: f32,
    /// Factor of p where rows are blended.
    pub add: Option<f32>,
}

/// Where an element of the output comes from: a place in x, one in p, or both blended.
enum Source {
    X(usize),
    P(usize),
    Both(usize, usize),
}

impl Splice {
    /// Rows of a sequence of the output.
    fn out_length(&self) -> usize {
        self.length + if self.insert { self.tokens } else { 0 }
    }

    fn has_tokens(&self) -> bool {
        self.insert || self.add.is_some()
    }

    /// Source of each element of the output, in order.
    fn sources(&self) -> impl Iterator<Item = Source> + '_ {
        let rows = (0..self.batch).flat_map(|b| (0..self.out_length()).map(move |row| (b, row)));
        rows.flat_map(move |(b, row)| {
            (0..self.width).map(move |c| {
                let x = |row: usize| (b * self.length + row) * self.width + c;
                match (row, self.insert) {
                    (0, _) => Source::X(x(0)),
                    (row, true) if row <= self.tokens => Source::P((row - 1) * self.width + c),
                    (row, true) => Source::X(x(row - self.tokens)),
                    (row, false) if row <= self.tokens => Source::Both(x(row), (row - 1) * self.width + c),
                    (row, false) => Source::X(x(row)),
                }
            })
        })
    }

    /// The blended terms of an element: factors, and the elements of x and p.
    fn terms(&self, inputs: &[Vec<f64>], x: usize, p: usize) -> [(f64, f64); 2] {
        let added = self.add.map_or((0.0, 0.0), |add| (f64::from(add), inputs[1][p]));
        [(f64::from(self.keep), inputs[0][x]), added]
    }
}

impl Problem for Splice {
    fn kernel(&self) -> &'static str {
        "splice"
    }

    fn label(&self) -> String {
        let Self { batch, length, width, tokens, keep, .. } = self;
        let how = match self.add {
            _ if self.insert => "+insert".to_owned(),
            Some(add) => format!("keep={keep} add={add}"),
            None => format!("keep={keep}"),
        };
        format!("splice f32 batch={batch} length={length} width={width} tokens={tokens} {how}")
    }

    fn inputs(&self) -> Vec<Operand> {
        let mut inputs = vec![Operand::f32("x", self.batch * self.length * self.width)];
        if self.has_tokens() {
            inputs.push(Operand::f32("p", self.tokens * self.width));
        }
        inputs
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.batch * self.out_length() * self.width]
    }

    fn cost(&self) -> Cost {
        let blended = (self.batch * self.tokens * self.width) as f64;
        let flops = match self.add {
            _ if self.insert => 0.0,
            Some(_) => 3.0 * blended,
            None => blended,
        };
        let inputs: usize = self.inputs().iter().map(|input| input.len).sum();
        Cost { flops, bytes: 4.0 * (inputs + self.outputs()[0]) as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the width", self.width), |pack, mut defines| {
            defines.extend([
                ("INSERT", Define::Flag(self.insert)),
                ("ADD", Define::Flag(self.has_tokens())),
                ("LENGTH", Define::Number(self.out_length() as u32)),
                ("WIDTH", Define::Number((self.width / pack) as u32)),
            ]);
            let factors = [self.keep, self.add.unwrap_or(0.0)].map(f32::to_bits);
            Plan {
                shader: shader!("splice.wgsl", defines),
                params: param_bytes(&[self.batch as u32, self.tokens as u32, factors[0], factors[1]]),
                grid: linear_grid((self.outputs()[0] / pack).div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for Splice {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let value = |source| match source {
            Source::X(x) => inputs[0][x],
            Source::P(p) => inputs[1][p],
            Source::Both(x, p) => self.terms(inputs, x, p).map(|(factor, v)| factor * v).iter().sum(),
        };
        vec![self.sources().map(value).collect()]
    }

    /// A copy is exact. A blend is a dot product of two terms, γ₂·Σ|terms|, whose operands, products and
    /// sum may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let term = |(factor, v): (f64, f64)| {
            let lost = flushed(factor) * v.abs() + flushed(v) * factor.abs();
            gamma(2) * (factor * v).abs() + lost + flushed(factor * v)
        };
        let bound = |source| match source {
            Source::X(_) | Source::P(_) => 0.0,
            Source::Both(x, p) => self.terms(inputs, x, p).map(term).iter().sum::<f64>() + TINY,
        };
        vec![self.sources().map(bound).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let insert = |(batch, length, width, tokens)| Splice {
        batch,
        length,
        width,
        tokens,
        insert: true,
        keep: 1.0,
        add: Some(1.0),
    };
    let blend = |(batch, length, width, tokens), keep, add| Splice {
        insert: false,
        keep,
        add,
        ..insert((batch, length, width, tokens))
    };
    let mut cases = boxed(vec![
        insert((1, 1, 1, 1)),
        insert((3, 50, 7, 4)),
        insert((2, 17, 36, 3)),
        insert((2, 3, 4, 7)),
        blend((1, 2, 1, 1), 0.5, Some(2.0)),
        blend((3, 50, 7, 4), 0.9, Some(-0.1)),
        blend((2, 17, 36, 16), 0.0, Some(1.0)),
        blend((2, 7, 50, 3), 0.0, None),
        blend((3, 6, 8, 2), -0.7, None),
    ]);
    // A width for each variant.
    for width in [7, 36] {
        cases.push(Stress::Fold(3).on(insert((3, 50, width, 4))));
        cases.push(Stress::Fold(3).on(blend((3, 50, width, 4), 0.25, Some(0.75))));
    }
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "splice",
        conformance: cases,
        bench: || {
            let insert = Splice {
                batch: 8,
                length: 197,
                width: 768,
                tokens: 4,
                insert: true,
                keep: 1.0,
                add: Some(1.0),
            };
            let blend = Splice { length: 201, insert: false, keep: 0.0, ..insert.clone() };
            boxed(vec![insert, blend])
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let (batch, length) = (text.size("batch")?, text.size("length")?);
            let (width, tokens) = (text.size("width")?, text.size("tokens")?);
            let insert = text.flag("+insert");
            if !insert && length <= tokens {
                return Err(format!("'tokens={tokens}': a sequence of {length} rows takes {}", length - 1));
            }
            let keep = if insert { 1.0 } else { text.float("keep")? };
            let add = match insert {
                true => Some(1.0),
                false => text.has("add").then(|| text.float("add")).transpose()?,
            };
            Ok(Box::new(Splice { batch, length, width, tokens, insert, keep, add }))
        },
    }
}
