//! A multiple of a tensor, or the sum of multiples of two.

use super::bounds::{TINY, flushed, gamma};
use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define};

/// y = a·x, or with `b` a·x + b·z, element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Combine {
    /// Number of elements.
    pub len: usize,
    /// Factor of x.
    pub a: f32,
    /// Factor of z, a second input; without it there is none.
    pub b: Option<f32>,
}

impl Combine {
    /// The terms of each element: a·x and b·z, each as its factor and the input's element.
    fn terms<'a>(&'a self, inputs: &'a [Vec<f64>]) -> impl Iterator<Item = [(f64, f64); 2]> + 'a {
        let factors = [self.a, self.b.unwrap_or(0.0)].map(f64::from);
        let z = move |i: usize| if self.b.is_some() { inputs[1][i] } else { 0.0 };
        inputs[0].iter().enumerate().map(move |(i, &x)| [(factors[0], x), (factors[1], z(i))])
    }
}

impl Problem for Combine {
    fn kernel(&self) -> &'static str {
        "combine"
    }

    fn label(&self) -> String {
        let b = self.b.map(|b| format!(" b={b}")).unwrap_or_default();
        format!("combine f32 n={} a={}{b}", self.len, self.a)
    }

    fn inputs(&self) -> Vec<Operand> {
        let names: &[_] = if self.b.is_some() { &["x", "z"] } else { &["x"] };
        names.iter().map(|name| Operand::f32(name, self.len)).collect()
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }

    fn cost(&self) -> Cost {
        let (flops, words) = if self.b.is_some() { (3.0, 3.0) } else { (1.0, 2.0) };
        Cost { flops: flops * self.len as f64, bytes: 4.0 * words * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the length", self.len), |pack, mut defines| {
            defines.push(("SUM", Define::Flag(self.b.is_some())));
            let count = self.len / pack;
            Plan {
                shader: shader!("combine.wgsl", defines),
                params: param_bytes(&[count as u32, self.a.to_bits(), self.b.unwrap_or(0.0).to_bits()]),
                grid: linear_grid(count.div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for Combine {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.terms(inputs).map(|terms| terms.map(|(factor, x)| factor * x).iter().sum()).collect()]
    }

    /// A dot product of one or two terms: γₙ·Σ|terms|. Operands, products and the sum may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let relative = gamma(if self.b.is_some() { 2 } else { 1 });
        let term = |(factor, x): (f64, f64)| {
            let lost = flushed(factor) * x.abs() + flushed(x) * factor.abs();
            relative * (factor * x).abs() + lost + flushed(factor * x)
        };
        let bound = |terms: [(f64, f64); 2]| terms.map(term).iter().sum::<f64>() + TINY;
        vec![self.terms(inputs).map(bound).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let all = [
        (1, 2.5, None),
        (50, -0.1, None),
        (77, 1.0, Some(1.0)),
        (7, 1.0, Some(-0.3)),
        (1370 * 4, 0.9, Some(0.1)),
        (300, 0.0, Some(3.0)),
        (76, 1.0 / 3.0, None),
    ];
    let case = |(len, a, b)| Combine { len, a, b };
    let mut cases = boxed(all.map(case).to_vec());
    cases
        .extend([(1370, 2.0, None), (1370 * 4, 0.5, Some(2.0))].map(|terms| Stress::Fold(3).on(case(terms))));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "combine",
        conformance: cases,
        bench: || boxed([None, Some(1.0)].map(|b| Combine { len: 8 * 197 * 768, a: 0.5, b }).to_vec()),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let b = if text.has("b") { Some(text.float("b")?) } else { None };
            Ok(Box::new(Combine { len: text.size("n")?, a: text.float("a")?, b }))
        },
    }
}
