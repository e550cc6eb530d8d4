//! Activations, element by element.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::activation::{Activate, Activation};
use crate::kernels::activation_backward::ActivateBackward;

/// y = act(x), element by element.
pub fn activate(gpu: &Gpu, x: &Tensor, activation: Activation) -> Result<Tensor> {
    launch(gpu, &Activate { len: x.len(), activation }, &[x.buffer()], x.shape().to_vec())
}

/// dx of y = act(x).
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn activation_backward(gpu: &Gpu, x: &Tensor, dy: &Tensor, activation: Activation) -> Result<Tensor> {
    dy.expect_shape("activation backward", x.shape())?;
    let problem = ActivateBackward { len: x.len(), activation };
    launch(gpu, &problem, &[x.buffer(), dy.buffer()], x.shape().to_vec())
}
