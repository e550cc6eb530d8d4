//! Gradient check of a backward kernel's reference: finite differences of the forward pass, in float64.
//!
//! A backward problem states what it is the derivative of with a [`Derivative`]. Its float64 reference is
//! compared with four-point central differences of a scalar, the sum of the forward's results each
//! times its upstream gradient. What the device computes is held to that reference like any other kernel,
//! so that the two together prove the shader.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::derivative::Derivative;
use super::inputs::Inputs;
use super::problem::Verifiable;
use super::values::make_values;
use super::verify::Outcome;

/// Step of the differences, small compared with the inputs' deviation, whatever their mean. Four points leave an
/// error of h⁴ ≈ 1e-12 times the fifth derivative, and rounding one of 1e-16/h ≈ 1e-13 times the scalar.
const STEP: f64 = 1e-3;
/// Difference that is allowed, relative to the largest element of the gradient.
const TOLERANCE: f64 = 1e-7;
/// Elements of an input that are compared, spread evenly.
const SAMPLES: usize = 24;
/// Name of this check among the variants of a kernel.
pub const NAME: &str = "differences";

/// Arithmetic of a problem from which on differences would take minutes; small shapes prove as much.
const LARGEST: f64 = 2e7;

/// Compares a backward problem's reference with finite differences; `None` for forward problems, and for
/// large ones.
pub fn check(problem: &dyn Verifiable, seed: u64) -> Option<Outcome> {
    if problem.cost().flops > LARGEST {
        return None;
    }
    let derivative = problem.derivative()?;
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut inputs: Vec<Vec<f64>> = problem
        .inputs()
        .iter()
        .map(|o| {
            make_values(o, problem.fill(o.name), Inputs::Normal, &mut rng)
                .into_iter()
                .map(f64::from)
                .collect()
        })
        .collect();
    let mut prepared = inputs.clone();
    (derivative.prepare)(&mut prepared);
    let gradients = problem.reference(&prepared);
    let size = (derivative.value)(&inputs).abs();
    let (mut worst, mut failures) = (0.0f64, Vec::new());
    for (output, (gradient, &wrt)) in gradients.iter().zip(&derivative.wrt).enumerate() {
        let largest = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        let allowed = TOLERANCE * largest.max(1e-3 * (1.0 + size));
        let stride = gradient.len().div_ceil(SAMPLES).max(1);
        // An odd stride visits every residue of the usual even widths.
        let stride = stride | 1;
        for at in (0..gradient.len()).step_by(stride) {
            let slope = slope(&derivative, &mut inputs, wrt, at);
            let ratio = (slope - gradient[at]).abs() / allowed;
            worst = if ratio.is_nan() { f64::INFINITY } else { worst.max(ratio) };
            if ratio.is_nan() || ratio > 1.0 {
                failures.push(format!(
                    "output {output} at {at}: the reference is {:e}, differences give {slope:e}",
                    gradient[at]
                ));
            }
        }
    }
    failures.truncate(3);
    Some(Outcome {
        units: None,
        case: problem.label(),
        variant: NAME,
        inputs: Inputs::Normal,
        worst,
        special_values_kept: None,
        wrong: Vec::new(),
        failures,
    })
}

/// The derivative of the scalar with respect to one element.
fn slope(derivative: &Derivative, inputs: &mut [Vec<f64>], wrt: usize, at: usize) -> f64 {
    let x = inputs[wrt][at];
    let mut value = |steps: f64| {
        inputs[wrt][at] = x + steps * STEP;
        (derivative.value)(inputs)
    };
    let slope = (8.0 * (value(1.0) - value(-1.0)) - (value(2.0) - value(-2.0))) / (12.0 * STEP);
    inputs[wrt][at] = x;
    slope
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Capabilities;
    use crate::kernels::{Cost, Operand, Problem, Variant, weighted};

    /// d/dx Σ x³·dy, times `factor`: right for 1.
    #[derive(Debug, Clone, PartialEq)]
    struct Cubes {
        factor: f64,
    }

    impl Problem for Cubes {
        fn kernel(&self) -> &'static str {
            "cubes"
        }
        fn label(&self) -> String {
            "cubes".into()
        }
        fn inputs(&self) -> Vec<Operand> {
            vec![Operand::f32("x", 40), Operand::f32("dy", 40)]
        }
        fn outputs(&self) -> Vec<usize> {
            vec![40]
        }
        fn cost(&self) -> Cost {
            Cost { flops: 0.0, bytes: 0.0 }
        }
        fn variants(&self, _: &Capabilities) -> Vec<Variant> {
            Vec::new()
        }
    }

    impl Verifiable for Cubes {
        fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
            let pairs = inputs[0].iter().zip(&inputs[1]);
            vec![pairs.map(|(x, dy)| self.factor * 3.0 * x * x * dy).collect()]
        }
        fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
            expected.to_vec()
        }
        fn derivative(&self) -> Option<Derivative> {
            let cubes = |x: &Vec<f64>| x.iter().map(|x| x.powi(3)).collect::<Vec<_>>();
            Some(Derivative::of(vec![0], move |inputs| weighted(&cubes(&inputs[0]), &inputs[1])))
        }
    }

    #[test]
    fn a_right_gradient_passes_and_a_wrong_one_does_not() {
        let right = check(&Cubes { factor: 1.0 }, 1).unwrap();
        assert!(right.passed() && right.worst < 0.1, "{right:?}");
        let wrong = check(&Cubes { factor: 1.00001 }, 1).unwrap();
        assert!(!wrong.passed(), "{wrong:?}");
    }
}
