//! Multi-head attention.

use super::error::Result;
use super::launch::{launch, launch_all};
use super::reduce::dot_products;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::attention::Attention;
use crate::kernels::attention_backward::AttentionBackward;
use crate::kernels::matmul::Factors;

/// What the factors of attention's products may be rounded to: nothing by default, or to float16 for the matrix units
/// of a device that has some and passes their trial. Scores, softmax and sums stay float32.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rounding {
    /// Float32, or float16 of 11 bits.
    pub factors: Factors,
    /// No |q|, |k| or |v| is larger than this. Without it no factor is rounded, since float16's range is small.
    pub input_max: Option<f32>,
}

/// Multi-head attention of packed projections qkv [images, tokens, 3·width]; returns
/// [images, tokens, width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// // Two tokens, one head of four elements: q, k, v of each. Queries of zero attend to all tokens alike.
/// let (q, k) = ([0.0; 4], [1.0; 4]);
/// let qkv = [q, k, [1.0, 2.0, 3.0, 4.0], q, k, [3.0, 4.0, 5.0, 6.0]].concat();
/// let qkv = Tensor::upload(&gpu, &qkv, &[1, 2, 12])?;
/// let out = ops::attention(&gpu, &qkv, 1, false)?;
/// assert_eq!(out.shape(), [1, 2, 4]);
/// assert!((out.read(&gpu)?[0] - 2.0).abs() < 1e-5);
/// // With a causal mask the first token sees only itself.
/// assert!((ops::attention(&gpu, &qkv, 1, true)?.read(&gpu)?[0] - 1.0).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn attention(gpu: &Gpu, qkv: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    attention_rounded(gpu, qkv, heads, causal, Rounding::default())
}

/// [`attention`] whose products may round their factors.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Factors, Rounding, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// // Two tokens, one head of 16 elements: the output is the mean of the values, 1 and 3.
/// let token = |value: f32| [[0.0; 16], [1.0; 16], [value; 16]].concat();
/// let qkv = Tensor::upload(&gpu, &[token(1.0), token(3.0)].concat(), &[1, 2, 48])?;
/// let rounding = Rounding { factors: Factors::F16, input_max: Some(3.0) };
/// let out = ops::attention_rounded(&gpu, &qkv, 1, false, rounding)?;
/// assert!((out.read(&gpu)?[0] - 2.0).abs() < 2.0 / 256.0);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn attention_rounded(
    gpu: &Gpu,
    qkv: &Tensor,
    heads: usize,
    causal: bool,
    rounding: Rounding,
) -> Result<Tensor> {
    let factors = rounding.factors;
    // Problems that compare equal share a plan: float32 needs no range.
    let range = rounding.input_max.filter(|_| factors == Factors::F16);
    let problem = Attention { factors, range, ..attention_problem(qkv, heads, causal)? };
    let shape = vec![problem.images, problem.tokens, heads * problem.head_dim];
    launch(gpu, &problem, &[qkv.buffer()], shape)
}

fn attention_problem(qkv: &Tensor, heads: usize, causal: bool) -> Result<Attention> {
    let &[images, tokens, packed] = qkv.shape() else {
        return Err(qkv.mismatch("attention", "[images, tokens, 3·width]"));
    };
    if packed % (3 * heads) != 0 {
        return Err(qkv.mismatch("attention", format!("a last dimension that 3·{heads} heads divide")));
    }
    let head_dim = packed / 3 / heads;
    Ok(Attention { causal, ..Attention::new(images, tokens, heads, head_dim) })
}

/// Attention as [`attention`], and the log-sum-exp of every query's scores
/// [images, heads, tokens], from which [`attention_backward`] makes the probabilities again.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// // Scores of zero: the log-sum-exp over two tokens is ln 2.
/// let qkv = Tensor::upload(&gpu, &[0.0; 24], &[1, 2, 12])?;
/// let (out, lse) = ops::attention_with_lse(&gpu, &qkv, 1, false)?;
/// assert_eq!((out.shape(), lse.shape()), (&[1, 2, 4][..], &[1, 1, 2][..]));
/// assert!((lse.read(&gpu)?[0] - 2f32.ln()).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn attention_with_lse(gpu: &Gpu, qkv: &Tensor, heads: usize, causal: bool) -> Result<(Tensor, Tensor)> {
    let problem = Attention { lse: true, ..attention_problem(qkv, heads, causal)? };
    let Attention { images, tokens, head_dim, .. } = problem;
    let shapes = [vec![images, tokens, heads * head_dim], vec![images, heads, tokens]];
    let [out, lse] = launch_all(gpu, &problem, &[qkv.buffer()], shapes)?;
    Ok((out, lse))
}

/// dqkv of attention, from what the forward pass was given and gave.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let qkv = Tensor::upload(&gpu, &[0.0; 24], &[1, 2, 12])?;
/// let (out, lse) = ops::attention_with_lse(&gpu, &qkv, 1, false)?;
/// let dout = Tensor::upload(&gpu, &[1.0; 8], &[1, 2, 4])?;
/// let dqkv = ops::attention_backward(&gpu, (&qkv, &out, &lse), &dout, 1, false)?;
/// // Each value has half of the gradient of both tokens.
/// assert!((dqkv.read(&gpu)?[8] - 1.0).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn attention_backward(
    gpu: &Gpu,
    (qkv, out, lse): (&Tensor, &Tensor, &Tensor),
    dout: &Tensor,
    heads: usize,
    causal: bool,
) -> Result<Tensor> {
    dout.expect_shape("attention backward", out.shape())?;
    let Attention { images, tokens, head_dim, .. } = attention_problem(qkv, heads, causal)?;
    let delta = dot_products(gpu, dout, out, head_dim)?;
    let problem = AttentionBackward { images, tokens, heads, head_dim, causal };
    let inputs = [qkv.buffer(), dout.buffer(), lse.buffer(), delta.buffer()];
    launch(gpu, &problem, &inputs, qkv.shape().to_vec())
}
