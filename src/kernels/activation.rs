//! QuickGELU and GELU, alone and as the epilogue of a matmul.

use super::bounds::{DIVISION, TINY, U, exp_error};
use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{
    Cost, Fill, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader,
};
use crate::gpu::{Capabilities, Define};

/// The non-linearity of a CLIP model's MLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// x·σ(1.702 x): OpenAI's weights.
    QuickGelu,
    /// x·Φ(x) with the error function: most of open_clip's weights.
    Gelu,
}

impl Activation {
    /// Name of the WGSL function.
    pub fn function(self) -> &'static str {
        match self {
            Activation::QuickGelu => "quick_gelu",
            Activation::Gelu => "gelu",
        }
    }

    /// The name used in case labels.
    pub fn label(self) -> &'static str {
        match self {
            Activation::QuickGelu => "quickgelu",
            Activation::Gelu => "gelu",
        }
    }

    /// The float64 value.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Activation::Gelu => 0.5 * x * erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
        }
    }

    /// Error of the WGSL function at `x` for an argument that is itself off by at most `dx`.
    ///
    /// Both functions have slopes within ±1.13, so an argument error is passed on at most 1.13-fold.
    /// QuickGELU: argument of exp rounded once (relative 2u, magnified |1.702x|-fold, only through the
    /// exponential's share σ of the result), exp itself, one addition, one division. GELU: the
    /// fit of erfcx is good to 1.3e-8; Horner's rule over ten coefficients whose absolute values sum to
    /// less than twice the polynomial adds 40u; z² is off by 5u·z², exp by its own error, and t is a
    /// division.
    pub fn error(self, x: f64, dx: f64) -> f64 {
        let own = match self {
            Activation::QuickGelu => {
                let t = 1.702 * x;
                // Where exp(-t) overflows float32, x/inf = -0 and the true value is below 1e-36.
                let y = self.apply(x).abs();
                y * (exp_error(t) + 2.0 * U * t.abs() + 2.0 * U + DIVISION) + TINY * (1.0 + x.abs())
            }
            Activation::Gelu => {
                let tail = 0.5 * x.abs() * erfc(x.abs() * std::f64::consts::FRAC_1_SQRT_2);
                tail * erfc_error(x) + TINY * (1.0 + x.abs())
            }
        };
        1.13 * dx + own + 2.0 * U * self.apply(x).abs()
    }

    /// The float64 derivative at `x`.
    pub fn slope(self, x: f64) -> f64 {
        let (level, product) = self.slope_terms(x);
        level + product
    }

    /// The derivative as the sum of act(x)/x and x·(act(x)/x)'.
    fn slope_terms(self, x: f64) -> (f64, f64) {
        match self {
            Activation::QuickGelu => {
                let sigmoid = 1.0 / (1.0 + (-1.702 * x).exp());
                (sigmoid, 1.702 * x * sigmoid / (1.0 + (1.702 * x).exp()))
            }
            Activation::Gelu => {
                let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
                (0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2), x * density)
            }
        }
    }

    /// Error of the WGSL derivative at `x`.
    ///
    /// Both terms have relative errors, and their sum one rounding. QuickGELU: the argument of exp is
    /// off by 2u|t|, then come exp, an addition and a division, once in the sigmoid and twice in the
    /// product, with three roundings more. GELU: the level is the tail, whose error is that of erfc, or
    /// 1 − tail; the density has z² off by 5u·z², exp, the constant and two products.
    pub fn slope_error(self, x: f64) -> f64 {
        let (level, product) = self.slope_terms(x);
        let (level_error, product_error) = match self {
            Activation::QuickGelu => {
                let t = 1.702 * x.abs();
                let sigmoid = exp_error(t) + 2.0 * U * t + 2.0 * U + DIVISION;
                (level * sigmoid, product.abs() * (2.0 * sigmoid + 5.0 * U))
            }
            Activation::Gelu => {
                let z2 = x * x / 2.0;
                let tail = 0.5 * erfc(x.abs() * std::f64::consts::FRAC_1_SQRT_2);
                (tail * erfc_error(x) + U * level, product.abs() * (5.0 * U * z2 + exp_error(z2) + 4.0 * U))
            }
        };
        1.01 * (level_error + product_error) + U * (level + product).abs() + 4.0 * TINY * (1.0 + x.abs())
    }
}

/// Relative error of the WGSL erfc(|x|/√2), as [`Activation::error`] derives it.
fn erfc_error(x: f64) -> f64 {
    let z2 = x * x / 2.0;
    1.3e-8 + 40.0 * U + 2.0 * DIVISION + 5.0 * U * z2 + exp_error(z2)
}

/// erfc(x) in float64 by the continued fraction (A&S 7.1.14) or, near 0, the Maclaurin series of erf.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return 1.0 - sum * 2.0 / std::f64::consts::PI.sqrt();
    }
    let fraction = (1..120).rev().fold(x, |f, n| x + f64::from(n) / 2.0 / f);
    (-x * x).exp() / fraction / std::f64::consts::PI.sqrt()
}

/// y = act(x), element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Activate {
    /// Number of elements.
    pub len: usize,
    /// Which function.
    pub activation: Activation,
}

impl Problem for Activate {
    fn kernel(&self) -> &'static str {
        "activation"
    }

    fn label(&self) -> String {
        format!("activation f32 n={} {}", self.len, self.activation.label())
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.len)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 4.0 * self.len as f64, bytes: 8.0 * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the length", self.len), |pack, mut defines| {
            defines.push(("ACTIVATION", Define::Text(self.activation.function())));
            let count = self.len / pack;
            Plan {
                shader: shader!("activation.wgsl", defines),
                params: param_bytes(&[count as u32]),
                grid: linear_grid(count.div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for Activate {
    fn fill(&self, _: &str) -> Fill {
        Fill::Normal(4.0)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs[0].iter().map(|&x| self.activation.apply(x)).collect()]
    }

    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs[0].iter().map(|&x| self.activation.error(x, 0.0)).collect()]
    }
}

/// Cases of the registry.
fn cases() -> Cases {
    let all = [1, 7, 50, 77, 1370 * 4]
        .into_iter()
        .flat_map(|len| {
            [Activation::QuickGelu, Activation::Gelu].map(|activation| Activate { len, activation })
        })
        .collect();
    let mut cases = boxed(all);
    cases.push(Stress::Fold(3).on(Activate { len: 1370 * 4, activation: Activation::QuickGelu }));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "activation",
        conformance: cases,
        bench: || {
            boxed(
                [Activation::QuickGelu, Activation::Gelu]
                    .map(|activation| Activate { len: 577 * 4096, activation })
                    .to_vec(),
            )
        },
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            let activation =
                text.one_of(&[("quickgelu", Activation::QuickGelu), ("gelu", Activation::Gelu)])?;
            Ok(Box::new(Activate { len: text.size("n")?, activation }))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gelu_reference_matches_published_values() {
        // erfc(0.5), erfc(1), erfc(3): A&S table 7.1.
        for (x, y) in
            [(0.5, 0.479_500_122_186_953_5), (1.0, 0.157_299_207_050_285_1), (3.0, 2.209_049_699_858_544e-5)]
        {
            assert!((erfc(x) - y).abs() < 1e-14, "erfc({x})");
        }
        assert!((Activation::Gelu.apply(1.0) - 0.841_344_746_068_543).abs() < 1e-14);
        assert!((Activation::QuickGelu.apply(1.0) - 0.845_796_4).abs() < 1e-6);
    }
}
