//! Products of matrices.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::matmul::{Matmul, MatrixLayout, Order};

/// A product with B stored as [k, n].
pub(super) fn kn(m: usize, n: usize, k: usize) -> Matmul {
    Matmul { order: Order::Kn, b: MatrixLayout::dense(n), ..Matmul::linear(m, n, k) }
}

/// a·bᵀ for a [.., k] and b [n, k]: [.., n]; times `scale`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let a = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// let b = Tensor::upload(&gpu, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], &[3, 2])?;
/// let c = ops::matmul_nt(&gpu, &a, &b, 1.0)?;
/// assert_eq!((c.shape(), c.read(&gpu)?), (&[2, 3][..], vec![1.0, 2.0, 3.0, 3.0, 4.0, 7.0]));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn matmul_nt(gpu: &Gpu, a: &Tensor, b: &Tensor, scale: f32) -> Result<Tensor> {
    b.expect_last("matmul_nt", a.last())?;
    let problem = Matmul { scale, ..Matmul::linear(a.rows(), b.rows(), a.last()) };
    launch(gpu, &problem, &[a.buffer(), b.buffer()], a.with_last(b.rows()))
}

/// a·b for a [.., k] and b [k, n]: [.., n]; times `scale`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let a = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// let b = Tensor::upload(&gpu, &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0], &[2, 3])?;
/// let c = ops::matmul_nn(&gpu, &a, &b, 1.0)?;
/// assert_eq!((c.shape(), c.read(&gpu)?), (&[2, 3][..], vec![1.0, 2.0, 3.0, 3.0, 4.0, 7.0]));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn matmul_nn(gpu: &Gpu, a: &Tensor, b: &Tensor, scale: f32) -> Result<Tensor> {
    if b.rows() != a.last() {
        return Err(b.mismatch("matmul_nn", format!("{} rows", a.last())));
    }
    let problem = Matmul { scale, ..kn(a.rows(), b.last(), a.last()) };
    launch(gpu, &problem, &[a.buffer(), b.buffer()], a.with_last(b.last()))
}
