//! Kernels that measure the device itself: copy, read, multiply-add. Their rates are the ceilings of
//! the roofline (Williams, Waterman & Patterson 2009, "Roofline: an insightful visual performance
//! model").

use super::bounds::{TINY, U, gamma};
use super::family::{Family, boxed};
use super::stress::Stress;
use super::{Cost, Operand, Plan, Problem, Variant, Verifiable, linear_grid, param_bytes, shader};
use crate::gpu::{Capabilities, Define};

/// y = x: as many bytes read as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// Number of elements, a multiple of 4.
    pub len: usize,
}

/// Sums of [`READ_PER`] vec4s each: nearly nothing but reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Number of sums, a multiple of 64.
    pub sums: usize,
}

/// vec4s in a sum of [`Read`].
pub const READ_PER: usize = 16;

/// Chains of c = c·x + y: nothing but arithmetic.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiplyAdd {
    /// Number of invocations.
    pub len: usize,
    /// Rounds of [`STEPS`] steps.
    pub rounds: usize,
}

/// Independent chains of an invocation of [`MultiplyAdd`]: enough to hide an operation's latency.
pub const CHAINS: usize = 8;
/// Steps of a round.
pub const STEPS: usize = 8;

impl Problem for Copy {
    fn kernel(&self) -> &'static str {
        "copy"
    }

    fn label(&self) -> String {
        format!("copy f32 n={}", self.len)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.len)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 0.0, bytes: 8.0 * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let count = self.len / 4;
        let plan = Plan {
            shader: shader!("probe_copy.wgsl", Vec::new()),
            params: param_bytes(&[count as u32]),
            grid: linear_grid(count.div_ceil(64), caps),
        };
        vec![Variant::always("vec4", plan)]
    }
}

impl Verifiable for Copy {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        inputs.to_vec()
    }

    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![vec![0.0; inputs[0].len()]]
    }
}

impl Problem for Read {
    fn kernel(&self) -> &'static str {
        "read"
    }

    fn label(&self) -> String {
        format!("read f32 sums={}", self.sums)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", 4 * READ_PER * self.sums)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.sums]
    }

    fn cost(&self) -> Cost {
        let values = (4 * READ_PER * self.sums) as f64;
        Cost { flops: values, bytes: 4.0 * values + 4.0 * self.sums as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let plan = Plan {
            shader: shader!("probe_read.wgsl", vec![("PER", Define::Number(READ_PER as u32))]),
            params: param_bytes(&[self.sums as u32]),
            grid: linear_grid(self.sums.div_ceil(64), caps),
        };
        vec![Variant::always("vec4", plan)]
    }
}

impl Verifiable for Read {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.sums_of(&inputs[0], |v| v)]
    }

    /// A sum of n = 4·PER terms in any order. Its terms and its n partial sums may be flushed, each at
    /// the price of less than [`TINY`]; all of them together cannot lose more than the terms' magnitudes.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = 4 * READ_PER;
        let magnitude = self.sums_of(&inputs[0], f64::abs);
        let bound = |m: &f64| 1.01 * (gamma(n) * m + m.min(2.0 * n as f64 * TINY));
        vec![magnitude.iter().map(bound).collect()]
    }
}

impl Read {
    fn sums_of(&self, x: &[f64], term: impl Fn(f64) -> f64) -> Vec<f64> {
        let sum = |i: usize| {
            let (block, lane) = (i / 64, i % 64);
            let vectors = (0..READ_PER).map(|p| block * 64 * READ_PER + p * 64 + lane);
            vectors.flat_map(|v| &x[4 * v..4 * v + 4]).map(|&v| term(v)).sum()
        };
        (0..self.sums).map(sum).collect()
    }
}

impl Problem for MultiplyAdd {
    fn kernel(&self) -> &'static str {
        "multiply_add"
    }

    fn label(&self) -> String {
        format!("multiply_add f32 n={} rounds={}", self.len, self.rounds)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.len), Operand::f32("y", self.len)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }

    fn cost(&self) -> Cost {
        let steps = (self.len * self.rounds * STEPS * CHAINS) as f64;
        Cost { flops: 2.0 * steps, bytes: 12.0 * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let defines =
            vec![("CHAINS", Define::Number(CHAINS as u32)), ("STEPS", Define::Number(STEPS as u32))];
        let plan = Plan {
            shader: shader!("probe_multiply_add.wgsl", defines),
            params: param_bytes(&[self.len as u32, self.rounds as u32]),
            grid: linear_grid(self.len.div_ceil(64), caps),
        };
        vec![Variant::always("chains", plan)]
    }
}

impl Verifiable for MultiplyAdd {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.chains(inputs).iter().map(|c| c.0).collect()]
    }

    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.chains(inputs).iter().map(|c| c.1).collect()]
    }
}

impl MultiplyAdd {
    /// The sum of the chains and its error bound. A step's error is the last one's, scaled by the
    /// factor, and one rounding each of product and sum, which may be flushed to zero as well; the
    /// final sum adds one of γ.
    fn chains(&self, inputs: &[Vec<f64>]) -> Vec<(f64, f64)> {
        let limit = f64::from(0.9f32);
        let one = |(&x, &y): (&f64, &f64)| {
            let factor = x.clamp(-limit, limit);
            let (mut sum, mut magnitude, mut bound) = (0.0, 0.0, 0.0);
            for chain in 0..CHAINS {
                let (mut c, mut error) = (chain as f64, 0.0);
                for _ in 0..self.rounds * STEPS {
                    let product = c * factor;
                    c = product + y;
                    error = error * factor.abs() + 1.01 * U * (product.abs() + c.abs()) + 2.0 * TINY;
                }
                sum += c;
                magnitude += c.abs();
                bound += error;
            }
            (sum, 1.01 * bound + gamma(CHAINS) * magnitude)
        };
        inputs[0].iter().zip(&inputs[1]).map(one).collect()
    }
}

/// The copy probe.
pub fn copy() -> Family {
    Family {
        name: "copy",
        conformance: || {
            let mut cases = boxed([4, 252, 1000, 77 * 64].map(|len| Copy { len }).to_vec());
            cases.push(Stress::Fold(3).on(Copy { len: 5000 }));
            cases
        },
        bench: || boxed(vec![Copy { len: 577 * 4096 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            match text.size("n")? {
                len if len % 4 == 0 => Ok(Box::new(Copy { len })),
                len => Err(format!("n={len}: not a multiple of 4")),
            }
        },
    }
}

/// The read probe.
pub fn read() -> Family {
    Family {
        name: "read",
        conformance: || {
            let mut cases = boxed([64, 192].map(|sums| Read { sums }).to_vec());
            cases.push(Stress::Fold(3).on(Read { sums: 8 * 64 }));
            cases
        },
        bench: || boxed(vec![Read { sums: 1 << 16 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            match text.size("sums")? {
                sums if sums % 64 == 0 => Ok(Box::new(Read { sums })),
                sums => Err(format!("sums={sums}: not a multiple of 64")),
            }
        },
    }
}

/// The arithmetic probe.
pub fn multiply_add() -> Family {
    Family {
        name: "multiply_add",
        conformance: || {
            let all = [(1, 1), (77, 3), (1000, 20)];
            let mut cases = boxed(all.map(|(len, rounds)| MultiplyAdd { len, rounds }).to_vec());
            cases.push(Stress::Fold(3).on(MultiplyAdd { len: 500, rounds: 1 }));
            cases
        },
        bench: || boxed(vec![MultiplyAdd { len: 1 << 16, rounds: 128 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(MultiplyAdd { len: text.size("n")?, rounds: text.size("rounds")? }))
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_flush_the_terms_of_a_sum() {
        let problem = Read { sums: 64 };
        let bound = |x: f64| {
            let inputs = [vec![x; problem.inputs()[0].len]];
            let expected = problem.reference(&inputs);
            (expected[0][0], problem.error_bound(&inputs, &expected)[0][0])
        };
        // 64 denormal terms whose sum is normal: a device that flushes them finds 0.
        let (sum, allowed) = bound(1e-39);
        assert!(sum > TINY && sum <= allowed && allowed < 1.02 * sum);
        // Of normal terms nothing but roundings is lost.
        let (sum, allowed) = bound(1.0);
        assert!(allowed < 1.02 * gamma(64) * sum);
    }
}
