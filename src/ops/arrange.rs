//! Ops that combine, join and transpose tensors.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::combine::Combine;
use crate::kernels::concat::Concat;
use crate::kernels::transpose::Transpose;

/// a·x + b·z, element by element.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0], &[2])?;
/// let z = Tensor::upload(&gpu, &[3.0, 4.0], &[2])?;
/// let y = ops::combine(&gpu, 2.0, &x, 10.0, &z)?;
/// assert_eq!(y.read(&gpu)?, [32.0, 44.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes differ.
pub fn combine(gpu: &Gpu, a: f32, x: &Tensor, b: f32, z: &Tensor) -> Result<Tensor> {
    x.expect_shape("combine", z.shape())?;
    launch(gpu, &Combine { len: x.len(), a, b: Some(b) }, &[x.buffer(), z.buffer()], x.shape().to_vec())
}

/// a·x.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0], &[2])?;
/// assert_eq!(ops::scale(&gpu, -3.0, &x)?.read(&gpu)?, [-3.0, -6.0]);
/// # Ok(())
/// # }
/// ```
pub fn scale(gpu: &Gpu, a: f32, x: &Tensor) -> Result<Tensor> {
    launch(gpu, &Combine { len: x.len(), a, b: None }, &[x.buffer()], x.shape().to_vec())
}

/// The rows of x [.., width], then those of z [.., width]: [rows, width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0], &[1, 2])?;
/// let z = Tensor::upload(&gpu, &[3.0, 4.0, 5.0, 6.0], &[2, 2])?;
/// let y = ops::concat(&gpu, &x, &z)?;
/// assert_eq!((y.shape(), y.read(&gpu)?), (&[3, 2][..], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn concat(gpu: &Gpu, x: &Tensor, z: &Tensor) -> Result<Tensor> {
    z.expect_last("concat", x.last())?;
    let problem = Concat { first: x.rows(), second: z.rows(), width: x.last() };
    launch(gpu, &problem, &[x.buffer(), z.buffer()], vec![x.rows() + z.rows(), x.last()])
}

/// x [.., columns] as [columns, rows], with zeros up to a multiple of four rows: as the operand of a
/// product over rows these change nothing, and every vector of four is full.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])?;
/// let y = ops::transpose(&gpu, &x)?;
/// assert_eq!(y.shape(), [3, 4]);
/// assert_eq!(y.read(&gpu)?[..8], [1.0, 4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 0.0]);
/// # Ok(())
/// # }
/// ```
pub fn transpose(gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
    let problem = Transpose { rows: x.rows(), columns: x.last() };
    launch(gpu, &problem, &[x.buffer()], vec![x.last(), x.rows().next_multiple_of(4)])
}
