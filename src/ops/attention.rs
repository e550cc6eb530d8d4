//! Multi-head attention.

use super::error::Result;
use super::launch::{launch, launch_all};
use super::reduce::dot_products;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::attention::Attention;
use crate::kernels::attention_backward::AttentionBackward;

/// Multi-head attention of packed projections qkv [images, tokens, 3·width]; returns
/// [images, tokens, width].
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn attention(gpu: &Gpu, qkv: &Tensor, heads: usize, causal: bool) -> Result<Tensor> {
    let problem = attention_problem(qkv, heads, causal)?;
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
    Ok(Attention { images, tokens, heads, head_dim, causal, lse: false })
}

/// Attention as [`attention`], and the log-sum-exp of every query's scores
/// [images, heads, tokens], from which [`attention_backward`] makes the probabilities again.
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
