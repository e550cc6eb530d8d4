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
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[0.0, 3f32.ln()], &[1, 2])?;
/// let y = ops::softmax(&gpu, &x, 1.0)?.read(&gpu)?;
/// assert!((y[0] - 0.25).abs() < 1e-6 && (y[1] - 0.75).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
pub fn softmax(gpu: &Gpu, x: &Tensor, scale: f32) -> Result<Tensor> {
    let problem = Softmax { rows: x.rows(), width: x.last(), scale, causal: None };
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

/// dx of y = softmax(scale·x) over the last dimension, from y.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let y = Tensor::upload(&gpu, &[0.5, 0.5], &[1, 2])?;
/// let dy = Tensor::upload(&gpu, &[1.0, 0.0], &[1, 2])?;
/// assert_eq!(ops::softmax_backward(&gpu, &y, &dy, 1.0)?.read(&gpu)?, [0.25, -0.25]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn softmax_backward(gpu: &Gpu, y: &Tensor, dy: &Tensor, scale: f32) -> Result<Tensor> {
    dy.expect_shape("softmax backward", y.shape())?;
    let problem = SoftmaxBackward { rows: y.rows(), width: y.last(), scale };
    launch(gpu, &problem, &[y.buffer(), dy.buffer()], y.shape().to_vec())
}

/// Rows of x [.., width] divided by their Euclidean norms.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[3.0, 4.0, 0.0, 0.0], &[2, 2])?;
/// let y = ops::l2_normalise(&gpu, &x)?.read(&gpu)?;
/// assert!((y[0] - 0.6).abs() < 1e-6 && (y[1] - 0.8).abs() < 1e-6);
/// assert_eq!(y[2..], [0.0, 0.0]);
/// # Ok(())
/// # }
/// ```
pub fn l2_normalise(gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
    let problem = L2Norm { rows: x.rows(), width: x.last() };
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

/// dx of rows x [.., width] divided by their norms.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[3.0, 4.0], &[1, 2])?;
/// let dy = Tensor::upload(&gpu, &[-4.0, 3.0], &[1, 2])?; // at a right angle to x, of the same length
/// let dx = ops::l2_backward(&gpu, &x, &dy)?.read(&gpu)?;
/// assert!((dx[0] + 0.8).abs() < 1e-6 && (dx[1] - 0.6).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
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
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[2.0, 0.0], &[1, 2])?;
/// let classes = Tensor::upload(&gpu, &[5.0, 0.0, 0.0, 3.0, -1.0, 0.0], &[3, 2])?;
/// let y = ops::similarity(&gpu, &x, &classes, 10.0)?.read(&gpu)?;
/// assert!(y.iter().zip([10.0, 0.0, -10.0]).all(|(y, expected)| (y - expected).abs() < 1e-4));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn similarity(gpu: &Gpu, x: &Tensor, t: &Tensor, scale: f32) -> Result<Tensor> {
    t.expect_last("similarity", x.last())?;
    let problem = Similarity { rows: x.rows(), classes: t.rows(), width: x.last(), scale };
    launch(gpu, &problem, &[x.buffer(), t.buffer()], x.with_last(t.rows()))
}
