//! The gradient of QuickGELU and GELU.

use super::activation::{Activate, Activation};
use super::bounds::{TINY, U, flushed};
use super::derivative::{Derivative, weighted};
use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{
    Cost, Fill, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader,
};
use crate::gpu::{Capabilities, Define};

/// dx = dy·act'(x), element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivateBackward {
    /// Number of elements.
    pub len: usize,
    /// Which function was applied.
    pub activation: Activation,
}

impl Problem for ActivateBackward {
    fn kernel(&self) -> &'static str {
        "activation_backward"
    }

    fn label(&self) -> String {
        format!("activation_backward f32 n={} {}", self.len, self.activation.label())
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.len), Operand::f32("dy", self.len)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 8.0 * self.len as f64, bytes: 12.0 * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the length", self.len), |pack, mut defines| {
            let slope = match self.activation {
                Activation::QuickGelu => "quick_gelu_slope",
                Activation::Gelu => "gelu_slope",
            };
            defines.push(("SLOPE", Define::Text(slope)));
            let count = self.len / pack;
            Plan {
                shader: shader!("activation_backward.wgsl", defines),
                params: param_bytes(&[count as u32]),
                grid: linear_grid(count.div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for ActivateBackward {
    fn fill(&self, input: &str) -> Fill {
        Fill::Normal(if input == "x" { 4.0 } else { 1.0 })
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs[0].iter().zip(&inputs[1]).map(|(&x, dy)| dy * self.activation.slope(x)).collect()]
    }

    /// The error of the derivative, times dy, and one rounding. Either factor and the product may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let pairs = inputs[0].iter().zip(&inputs[1]).zip(&expected[0]);
        let bound = |((&x, &dy), dx): ((&f64, &f64), &f64)| {
            let lost = flushed(dy) * self.activation.slope(x).abs() + TINY;
            dy.abs() * self.activation.slope_error(x) * (1.0 + U) + U * dx.abs() + lost
        };
        vec![pairs.map(bound).collect()]
    }

    fn derivative(&self) -> Option<Derivative> {
        let forward = Activate { len: self.len, activation: self.activation };
        Some(Derivative::of(vec![0], move |inputs| weighted(&forward.reference(inputs)[0], &inputs[1])))
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let both = [Activation::QuickGelu, Activation::Gelu];
    let case = |len| both.map(|activation| ActivateBackward { len, activation });
    let mut cases = boxed([1, 7, 50, 77, 1370 * 4].into_iter().flat_map(case).collect());
    cases.push(Stress::Fold(3).on(ActivateBackward { len: 1370 * 4, activation: Activation::QuickGelu }));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "activation_backward",
        conformance: cases,
        bench: || {
            boxed(
                [Activation::QuickGelu, Activation::Gelu]
                    .map(|activation| ActivateBackward { len: 8 * 197 * 3072, activation })
                    .to_vec(),
            )
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let activation =
                text.one_of(&[("quickgelu", Activation::QuickGelu), ("gelu", Activation::Gelu)])?;
            Ok(Box::new(ActivateBackward { len: text.size("n")?, activation }))
        },
    }
}
