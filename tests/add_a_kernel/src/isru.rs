//! The inverse square root unit (Carlile et al. 2017, arXiv 1710.09967): an activation with its gradient.

use dapo_wgpu::autograd::{Tape, Var};
use dapo_wgpu::gpu::{Capabilities, Define, Gpu};
use dapo_wgpu::kernels::bounds::{DIVISION, TINY, U, flushed, gamma};
use dapo_wgpu::kernels::{
    Cost, Derivative, Family, Operand, Plan, Problem, Variant, Verifiable, boxed, linear_grid, param_bytes,
    shader, weighted,
};
use dapo_wgpu::ops::{self, OpError, Tensor};

/// y = x/√(1 + x²), element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Isru {
    /// Number of elements.
    pub len: usize,
}

/// dx = dy·(1 + x²)^(-3/2), element by element.
#[derive(Debug, Clone, PartialEq)]
pub struct IsruBackward {
    /// Number of elements.
    pub len: usize,
}

fn variants(len: usize, backward: bool, caps: &Capabilities) -> Vec<Variant> {
    let plan = Plan {
        shader: shader!("isru.wgsl", vec![("BACKWARD", Define::Flag(backward))]),
        params: param_bytes(&[len as u32]),
        grid: linear_grid(len.div_ceil(64), caps),
    };
    vec![Variant::always("scalar", plan)]
}

impl Problem for Isru {
    fn kernel(&self) -> &'static str {
        "isru"
    }

    fn label(&self) -> String {
        format!("isru f32 n={}", self.len)
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
        variants(self.len, false, caps)
    }
}

impl Problem for IsruBackward {
    fn kernel(&self) -> &'static str {
        "isru_backward"
    }

    fn label(&self) -> String {
        format!("isru_backward f32 n={}", self.len)
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("x", self.len), Operand::f32("dy", self.len)]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.len]
    }

    fn cost(&self) -> Cost {
        Cost { flops: 6.0 * self.len as f64, bytes: 12.0 * self.len as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        variants(self.len, true, caps)
    }
}

/// The op: isru(x), element by element.
pub fn isru(gpu: &Gpu, x: &Tensor) -> Result<Tensor, OpError> {
    ops::launch(gpu, &Isru { len: x.len() }, &[x.buffer()], x.shape().to_vec())
}

/// The op with its gradient.
pub fn isru_with_gradient(tape: &Tape<'_>, x: &Var) -> Result<Var, OpError> {
    tape.custom(
        &[x],
        |gpu, inputs| isru(gpu, &inputs[0]),
        |gpu, inputs, _result, dy| {
            let x = &inputs[0];
            let problem = IsruBackward { len: x.len() };
            Ok(vec![Some(ops::launch(gpu, &problem, &[x.buffer(), dy.buffer()], x.shape().to_vec())?)])
        },
    )
}

/// 1/√(1 + x²).
fn inverse(x: f64) -> f64 {
    1.0 / (1.0 + x * x).sqrt()
}

/// Relative error of 1/√(1 + x²) in float32: half of that of 1 + x², which is γ₂, and its own.
fn inverse_error() -> f64 {
    gamma(2) / 2.0 + DIVISION
}

impl Verifiable for Isru {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs[0].iter().map(|&x| x * inverse(x)).collect()]
    }

    /// The inverse root and a product. x and y may be flushed to zero, which is the same loss.
    fn error_bound(&self, _: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let bound = |y: &f64| 1.01 * y.abs() * (inverse_error() + U) + 2.0 * TINY;
        vec![expected[0].iter().map(bound).collect()]
    }
}

impl Verifiable for IsruBackward {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![inputs[0].iter().zip(&inputs[1]).map(|(&x, dy)| dy * inverse(x).powi(3)).collect()]
    }

    /// Three inverse roots and three products. dy and the products may be flushed to zero.
    fn error_bound(&self, inputs: &[Vec<f64>], expected: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let bound = |(dx, dy): (&f64, &f64)| {
            1.01 * dx.abs() * 3.0 * (inverse_error() + U) + flushed(*dy) + 3.0 * TINY
        };
        vec![expected[0].iter().zip(&inputs[1]).map(bound).collect()]
    }

    /// Of Σ isru(x)·dy by input 0, x.
    fn derivative(&self) -> Option<Derivative> {
        let forward = Isru { len: self.len };
        Some(Derivative::of(vec![0], move |inputs| weighted(&forward.reference(inputs)[0], &inputs[1])))
    }
}

const LENGTHS: [usize; 4] = [1, 7, 77, 1370];

/// The entry of [`Isru`] in the registry.
pub fn family() -> Family {
    Family {
        name: "isru",
        conformance: || boxed(LENGTHS.map(|len| Isru { len }).to_vec()),
        bench: || boxed(vec![Isru { len: 577 * 4096 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(Isru { len: text.size("n")? }))
        },
    }
}

/// The entry of [`IsruBackward`] in the registry.
pub fn family_backward() -> Family {
    Family {
        name: "isru_backward",
        conformance: || boxed(LENGTHS.map(|len| IsruBackward { len }).to_vec()),
        bench: || boxed(vec![IsruBackward { len: 577 * 4096 }]),
        parse: |text| {
            text.one_of(&[("f32", ())])?;
            Ok(Box::new(IsruBackward { len: text.size("n")? }))
        },
    }
}
