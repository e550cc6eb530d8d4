//! Functions of rows: softmax, L2 normalisation, similarity.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::l2norm::L2Norm;
use crate::kernels::l2norm_backward::L2NormBackward;
use crate::kernels::similarity::Similarity;
use crate::kernels::softmax::Softmax;
use crate::kernels::softmax_backward::SoftmaxBackward;

/// softmax(scale·x) over the last dimension.
pub fn softmax(gpu: &Gpu, x: &Tensor, scale: f32) -> Result<Tensor> {
    let problem = Softmax { rows: x.rows(), width: x.last(), scale, causal: None };
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

/// dx of y = softmax(scale·x) over the last dimension, from y.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn softmax_backward(gpu: &Gpu, y: &Tensor, dy: &Tensor, scale: f32) -> Result<Tensor> {
    dy.expect_shape("softmax backward", y.shape())?;
    let problem = SoftmaxBackward { rows: y.rows(), width: y.last(), scale };
    launch(gpu, &problem, &[y.buffer(), dy.buffer()], y.shape().to_vec())
}

/// Rows of x [.., width] divided by their Euclidean norms.
pub fn l2_normalise(gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
    let problem = L2Norm { rows: x.rows(), width: x.last() };
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

/// dx of rows x [.., width] divided by their norms.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn l2_backward(gpu: &Gpu, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    dy.expect_shape("l2 backward", x.shape())?;
    let problem = L2NormBackward { rows: x.rows(), width: x.last() };
    launch(gpu, &problem, &[x.buffer(), dy.buffer()], x.shape().to_vec())
}

/// scale·cos(x, t) of rows x [.., width] and class vectors t [classes, width]; returns [.., classes].
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn similarity(gpu: &Gpu, x: &Tensor, t: &Tensor, scale: f32) -> Result<Tensor> {
    t.expect_last("similarity", x.last())?;
    let problem = Similarity { rows: x.rows(), classes: t.rows(), width: x.last(), scale };
    launch(gpu, &problem, &[x.buffer(), t.buffer()], x.with_last(t.rows()))
}
