//! Activations, element by element.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::activation::{Activate, Activation};
use crate::kernels::activation_backward::ActivateBackward;

/// y = act(x), element by element.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Activation}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[-1.0, 0.0, 1.0], &[3])?;
/// let y = ops::activate(&gpu, &x, Activation::Gelu)?.read(&gpu)?;
/// assert!((y[0] + 0.1587).abs() < 1e-4 && y[1] == 0.0 && (y[2] - 0.8413).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
pub fn activate(gpu: &Gpu, x: &Tensor, activation: Activation) -> Result<Tensor> {
    launch(gpu, &Activate { len: x.len(), activation }, &[x.buffer()], x.shape().to_vec())
}

/// dx of y = act(x).
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Activation}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[0.0, 10.0], &[2])?;
/// let dy = Tensor::upload(&gpu, &[2.0, 2.0], &[2])?;
/// let dx = ops::activation_backward(&gpu, &x, &dy, Activation::Gelu)?.read(&gpu)?;
/// assert!((dx[0] - 1.0).abs() < 1e-5 && (dx[1] - 2.0).abs() < 1e-5); // slopes of 1/2 and 1
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn activation_backward(gpu: &Gpu, x: &Tensor, dy: &Tensor, activation: Activation) -> Result<Tensor> {
    dy.expect_shape("activation backward", x.shape())?;
    let problem = ActivateBackward { len: x.len(), activation };
    launch(gpu, &problem, &[x.buffer(), dy.buffer()], x.shape().to_vec())
}
