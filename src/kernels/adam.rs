//! A step of Adam (Kingma & Ba 2015, arXiv 1412.6980), with decoupled weight decay (AdamW, Loshchilov &
//! Hutter 2019, arXiv 1711.05101) where it is not 0.

use super::bounds::{DIVISION, TINY, U, flushed, gamma};
use super::elements::element_variants;
use super::family::{Cases, Family, boxed};
use super::stress::Stress;
use super::{
    Cost, Fill, Operand, Plan, Problem, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader,
};
use crate::gpu::Capabilities;

/// Parameters p and the running means m of their gradients g and v of their squares become
/// m′ = β₁m + (1 − β₁)g, v′ = β₂v + (1 − β₂)g² and, in step t,
/// p′ = (1 − ηλ)p − η/(1 − β₁ᵗ)·m′/(√v′/√(1 − β₂ᵗ) + ε) for the learning rate η and weight decay λ.
///
/// Inputs p, m, v, g, none of v negative; outputs p′, m′, v′; all `[len]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Number of parameters.
    pub len: usize,
    /// η.
    pub learning_rate: f32,
    /// β₁, below 1.
    pub beta1: f32,
    /// β₂, below 1.
    pub beta2: f32,
    /// ε, added to the root.
    pub epsilon: f32,
    /// λ; 0 is Adam without decay.
    pub weight_decay: f32,
    /// t, counted from 1.
    pub step: usize,
}

/// What is the same for all parameters, in float64; the shader gets each in float32.
struct Constants {
    decay: f64,
    beta1: f64,
    one_beta1: f64,
    beta2: f64,
    one_beta2: f64,
    rate: f64,
    correction: f64,
    epsilon: f64,
}

impl Adam {
    fn constants(&self) -> Constants {
        let [rate, beta1, beta2, epsilon, decay] =
            [self.learning_rate, self.beta1, self.beta2, self.epsilon, self.weight_decay].map(f64::from);
        let unbias = |beta: f64| 1.0 - beta.powf(self.step as f64);
        Constants {
            decay: 1.0 - rate * decay,
            beta1,
            one_beta1: 1.0 - beta1,
            beta2,
            one_beta2: 1.0 - beta2,
            rate: rate / unbias(beta1),
            correction: 1.0 / unbias(beta2).sqrt(),
            epsilon,
        }
    }
}

impl Problem for Adam {
    fn kernel(&self) -> &'static str {
        "adam"
    }

    fn label(&self) -> String {
        let Self { len, learning_rate, beta1, beta2, epsilon, weight_decay, step } = self;
        format!(
            "adam f32 n={len} rate={learning_rate} beta1={beta1} beta2={beta2} epsilon={epsilon} \
             decay={weight_decay} step={step}"
        )
    }

    fn inputs(&self) -> Vec<Operand> {
        ["p", "m", "v", "g"].map(|name| Operand::f32(name, self.len)).to_vec()
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len; 3]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 14.0 * self.len as f64, bytes: 28.0 * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        element_variants(Unmet::multiple_of_4("the length", self.len), |pack, defines| {
            let count = self.len / pack;
            let c = self.constants();
            let numbers =
                [c.decay, c.beta1, c.one_beta1, c.beta2, c.one_beta2, c.rate, c.correction, c.epsilon];
            let mut params = param_bytes(&[count as u32]);
            params.extend(param_bytes(&numbers.map(|x| (x as f32).to_bits())));
            Plan {
                shader: shader!("adam.wgsl", defines),
                params,
                grid: linear_grid(count.div_ceil(64), caps),
            }
        })
    }
}

impl Verifiable for Adam {
    fn fill(&self, input: &str) -> Fill {
        match input {
            // A mean of squares: ten deviations from zero, farther than any number that is drawn.
            "v" => Fill::Around { mean: 3.0, deviation: 0.3 },
            _ => Fill::default(),
        }
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let c = self.constants();
        let mean = |i: usize| c.beta1 * inputs[1][i] + c.one_beta1 * inputs[3][i];
        let square = |i: usize| c.beta2 * inputs[2][i] + c.one_beta2 * inputs[3][i].powi(2);
        let parameter = |i: usize| {
            let root = square(i).sqrt() * c.correction + c.epsilon;
            c.decay * inputs[0][i] - c.rate * mean(i) / root
        };
        vec![
            (0..self.len).map(parameter).collect(),
            (0..self.len).map(mean).collect(),
            (0..self.len).map(square).collect(),
        ]
    }

    /// m′ is a dot product of two terms, one of them with a rounded factor: γ₃·Σ|terms|; v′ has one more
    /// product: γ₄. An error δ of v′ moves its root by at most δ/√v′, and by √δ; the root is the
    /// reciprocal of a reciprocal root, two operations of the error of a division; then a product with a
    /// rounded factor and a sum: γ₃ of what is positive. The quotient passes on the errors of both parts,
    /// with a rounded factor, a product and a division of its own. p′ is the difference of that and a
    /// product with a rounded factor. 1.01 covers products of errors. Operands and results that are
    /// denormal may be flushed.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let c = self.constants();
        let mut bounds = vec![Vec::new(); 3];
        for i in 0..self.len {
            let [p, m, v, g] = [0, 1, 2, 3].map(|input| inputs[input][i].abs());
            let [mean, square] = [1, 2].map(|output| expected[output][i].abs());
            let mean_error =
                gamma(3) * (c.beta1 * m + c.one_beta1 * g) + flushed(m) + flushed(g) + 3.0 * TINY;
            let square_error = gamma(4) * square + flushed(v) + (flushed(g) + TINY) * 2.0 * g + 3.0 * TINY;
            let root = square.sqrt();
            // The root may be of a number that was flushed before.
            let moved = square_error + TINY;
            let root_error = moved.sqrt().min(moved / root) + 2.0 * DIVISION * root;
            let divisor = root * c.correction + c.epsilon;
            let divisor_error = c.correction * root_error + gamma(3) * divisor + 2.0 * TINY;
            let least = (divisor - divisor_error).max(0.0);
            let quotient = c.rate * mean / divisor;
            let quotient_error = c.rate * mean_error / least
                + quotient * divisor_error / least
                + (gamma(2) + DIVISION) * quotient
                + TINY / least
                + TINY;
            let kept = c.decay.abs() * p;
            let error = gamma(3) * kept + quotient_error + U * quotient + flushed(p) + 2.0 * TINY;
            for (bound, error) in bounds.iter_mut().zip([1.01 * error, mean_error, square_error]) {
                bound.push(error);
            }
        }
        bounds
    }
}

/// The usual constants, with this number of parameters and step.
fn usual(len: usize, step: usize) -> Adam {
    Adam { len, learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, step }
}

/// Cases of the registry.
fn cases() -> Cases {
    let mut cases = boxed(vec![
        usual(1, 1),
        usual(77, 1),
        usual(50 * 4, 10),
        Adam { weight_decay: 0.01, ..usual(7, 1000) },
        Adam { learning_rate: 0.5, weight_decay: 0.1, ..usual(300, 3) },
        // An epsilon that is no small part of the divisor.
        Adam { learning_rate: 0.1, epsilon: 0.5, ..usual(50, 2) },
        Adam { learning_rate: 0.1, beta1: 0.5, beta2: 0.75, epsilon: 0.1, weight_decay: 0.2, ..usual(76, 2) },
        Adam { beta1: 0.0, beta2: 0.0, ..usual(52, 7) },
    ]);
    // Before there is any mean; no gradient; and no mean either: the root of zero.
    cases.push(Stress::Zeros("v").on(usual(77, 1)));
    cases.push(Stress::Zeros("g").on(usual(76, 5)));
    cases.push(Stress::Zeros("g").on(Adam { beta1: 0.0, beta2: 0.0, ..usual(8, 1) }));
    // A length for each variant.
    cases.extend([1370, 1372].map(|len| Stress::Fold(3).on(Adam { learning_rate: 0.1, ..usual(len, 2) })));
    cases
}

/// The family's entry in the registry.
pub fn family() -> Family {
    Family {
        name: "adam",
        conformance: cases,
        bench: || boxed(vec![Adam { weight_decay: 0.01, ..usual(768 * 3072, 100) }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(Adam {
                len: text.size("n")?,
                learning_rate: text.float("rate")?,
                beta1: text.float("beta1")?,
                beta2: text.float("beta2")?,
                epsilon: text.float("epsilon")?,
                weight_decay: text.float("decay")?,
                step: text.size("step")?,
            }))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the first step the means are g and g² after correction: the step is the learning rate, in the
    /// direction of the gradient's sign.
    #[test]
    fn the_first_step_is_the_learning_rate() {
        let adam = usual(3, 1);
        let zeros = vec![0.0; 3];
        let inputs = [vec![1.0, 2.0, 3.0], zeros.clone(), zeros, vec![0.25, -40.0, 0.0]];
        let p = &adam.reference(&inputs)[0];
        for (got, want) in p.iter().zip([1.0 - 1e-3, 2.0 + 1e-3, 3.0]) {
            assert!((got - want).abs() < 1e-9, "{p:?}");
        }
    }

    /// Decay is decoupled: it shrinks a parameter by ηλ whatever the gradients were.
    #[test]
    fn decay_does_not_pass_through_the_means() {
        let inputs = [vec![2.0], vec![0.3], vec![0.2], vec![-1.0]];
        let plain = usual(1, 4).reference(&inputs);
        let decayed = Adam { weight_decay: 0.1, ..usual(1, 4) }.reference(&inputs);
        assert!((plain[0][0] - decayed[0][0] - 2.0 * 0.1 * 1e-3).abs() < 1e-9);
        assert_eq!(plain[1..], decayed[1..]);
    }
}
