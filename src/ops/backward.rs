//! Gradients of ops with respect to their inputs: each takes what the forward pass was given or gave,
//! and dy, the gradient of the result.

use super::{Activation, Linear, Norm, Result, Tensor, launch, launch_all};
use crate::gpu::Gpu;
use crate::kernels::activation::Activate;
use crate::kernels::activation_backward::ActivateBackward;
use crate::kernels::attention::Attention;
use crate::kernels::attention_backward::AttentionBackward;
use crate::kernels::l2norm_backward::L2NormBackward;
use crate::kernels::layernorm_backward::LayerNormBackward;
use crate::kernels::matmul::{Matmul, MatrixLayout, Order};
use crate::kernels::resample::Resample;
use crate::kernels::resample_backward::ResampleBackward;
use crate::kernels::softmax_backward::SoftmaxBackward;

impl Linear {
    /// dx = dy·W of y = x·Wᵀ + b, for dy [.., out].
    ///
    /// # Errors
    /// [`OpError::Shape`](super::OpError::Shape) when dy does not fit, or when the layer was uploaded for
    /// inference only in a form that no other product reads; those of the device.
    pub fn backward(&self, gpu: &Gpu, dy: &Tensor) -> Result<Tensor> {
        dy.expect_last("linear backward", self.outputs)?;
        let (problem, weight) = match &self.transposed {
            Some(transposed) => (Matmul::linear(dy.rows(), self.inputs, self.outputs), transposed),
            None if self.weight.is_storage_texture() => {
                return Err(dy.mismatch("linear backward", "a layer that was uploaded for training"));
            }
            None => (kn(dy.rows(), self.inputs, self.outputs), &self.weight),
        };
        let problem = Matmul { b_element: self.element, ..problem };
        launch(gpu, &problem, &[dy.buffer(), weight], dy.with_last(self.inputs))
    }
}

/// A product with B stored as [k, n].
fn kn(m: usize, n: usize, k: usize) -> Matmul {
    Matmul { order: Order::Kn, b: MatrixLayout::dense(n), ..Matmul::linear(m, n, k) }
}

/// a·bᵀ for a [.., k] and b [n, k]: [.., n]; times `scale`.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn product(gpu: &Gpu, a: &Tensor, b: &Tensor, scale: f32) -> Result<Tensor> {
    b.expect_last("product", a.last())?;
    let problem = Matmul { scale, ..Matmul::linear(a.rows(), b.rows(), a.last()) };
    launch(gpu, &problem, &[a.buffer(), b.buffer()], a.with_last(b.rows()))
}

/// a·b for a [.., k] and b [k, n]: [.., n]; times `scale`.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn product_kn(gpu: &Gpu, a: &Tensor, b: &Tensor, scale: f32) -> Result<Tensor> {
    if b.rows() != a.last() {
        return Err(b.mismatch("product_kn", format!("{} rows", a.last())));
    }
    let problem = Matmul { scale, ..kn(a.rows(), b.last(), a.last()) };
    launch(gpu, &problem, &[a.buffer(), b.buffer()], a.with_last(b.last()))
}

/// y = act(x), element by element.
///
/// # Errors
/// Those of the device.
pub fn activate(gpu: &Gpu, x: &Tensor, activation: Activation) -> Result<Tensor> {
    launch(gpu, &Activate { len: x.len(), activation }, &[x.buffer()], x.shape().to_vec())
}

/// dx of y = act(x).
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn activation_backward(gpu: &Gpu, x: &Tensor, dy: &Tensor, activation: Activation) -> Result<Tensor> {
    dy.expect_shape("activation backward", x.shape())?;
    let problem = ActivateBackward { len: x.len(), activation };
    launch(gpu, &problem, &[x.buffer(), dy.buffer()], x.shape().to_vec())
}

impl Norm {
    /// dx of the rows x [.., width].
    ///
    /// # Errors
    /// [`OpError::Shape`](super::OpError::Shape); those of the device.
    pub fn backward(&self, gpu: &Gpu, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
        dy.expect_shape("layernorm backward", x.shape())?;
        let problem = LayerNormBackward { rows: x.rows(), width: self.width, epsilon: self.epsilon };
        launch(gpu, &problem, &[x.buffer(), &self.scale, dy.buffer()], x.shape().to_vec())
    }
}

/// dx of y = softmax(scale·x) over the last dimension, from y.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn softmax_backward(gpu: &Gpu, y: &Tensor, dy: &Tensor, scale: f32) -> Result<Tensor> {
    dy.expect_shape("softmax backward", y.shape())?;
    let problem = SoftmaxBackward { rows: y.rows(), width: y.last(), scale };
    launch(gpu, &problem, &[y.buffer(), dy.buffer()], y.shape().to_vec())
}

/// dx of rows x [.., width] divided by their norms.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn l2_backward(gpu: &Gpu, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    dy.expect_shape("l2 backward", x.shape())?;
    let problem = L2NormBackward { rows: x.rows(), width: x.last() };
    launch(gpu, &problem, &[x.buffer(), dy.buffer()], x.shape().to_vec())
}

/// Attention as [`super::attention`], and the log-sum-exp of every query's scores
/// [images, heads, tokens], from which [`attention_backward`] makes the probabilities again.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn attention_with_lse(gpu: &Gpu, qkv: &Tensor, heads: usize, causal: bool) -> Result<(Tensor, Tensor)> {
    let problem = Attention { lse: true, ..super::attention_problem(qkv, heads, causal)? };
    let Attention { images, tokens, head_dim, .. } = problem;
    let shapes = [vec![images, tokens, heads * head_dim], vec![images, heads, tokens]];
    let [out, lse] = launch_all(gpu, &problem, &[qkv.buffer()], shapes)?;
    Ok((out, lse))
}

/// dqkv of attention, from what the forward pass was given and gave.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn attention_backward(
    gpu: &Gpu,
    (qkv, out, lse): (&Tensor, &Tensor, &Tensor),
    dout: &Tensor,
    heads: usize,
    causal: bool,
) -> Result<Tensor> {
    dout.expect_shape("attention backward", out.shape())?;
    let Attention { images, tokens, head_dim, .. } = super::attention_problem(qkv, heads, causal)?;
    let delta = super::dot_products(gpu, dout, out, head_dim)?;
    let problem = AttentionBackward { images, tokens, heads, head_dim, causal };
    let inputs = [qkv.buffer(), dout.buffer(), lse.buffer(), delta.buffer()];
    launch(gpu, &problem, &inputs, qkv.shape().to_vec())
}

/// dx of a resampling: its transpose.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape); those of the device.
pub fn resample_backward(gpu: &Gpu, forward: &Resample, dy: &Tensor) -> Result<Tensor> {
    let (n, (h, w), channels) = (forward.n, forward.input, forward.channels);
    if dy.len() != n * channels * forward.output.0 * forward.output.1 {
        return Err(dy.mismatch("resample backward", "the gradient of the resampled map"));
    }
    let problem = ResampleBackward { forward: forward.clone() };
    launch(gpu, &problem, &[dy.buffer()], vec![n, h, w, channels])
}
