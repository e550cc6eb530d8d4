//! Sums and means.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::sums::Sums;

/// Token rows `first..first + count` of x [batch, length, width], added up over the batch and times
/// `scale`: [count, width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0], &[2, 3, 1])?;
/// assert_eq!(ops::batch_sums(&gpu, &x, 1, 2, 1.0)?.read(&gpu)?, [22.0, 33.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn batch_sums(gpu: &Gpu, x: &Tensor, first: usize, count: usize, scale: f32) -> Result<Tensor> {
    let &[batch, length, width] = x.shape() else {
        return Err(x.mismatch("batch_sums", "[batch, length, width]"));
    };
    if first + count > length {
        return Err(x.mismatch("batch_sums", format!("at least {} tokens", first + count)));
    }
    let problem = Sums {
        offset: first * width,
        row_stride: length * width,
        scale,
        ..Sums::dense(batch, count * width)
    };
    launch(gpu, &problem, &[x.buffer()], vec![count, width])
}

/// The sum over all rows of x [.., width]: `[width]`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// assert_eq!(ops::column_sums(&gpu, &x)?.read(&gpu)?, [4.0, 6.0]);
/// # Ok(())
/// # }
/// ```
pub fn column_sums(gpu: &Gpu, x: &Tensor) -> Result<Tensor> {
    launch(gpu, &Sums::dense(x.rows(), x.last()), &[x.buffer()], vec![x.last()])
}

/// Σ x·z over all rows of x and z [.., width]: `[width]`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// assert_eq!(ops::column_products(&gpu, &x, &x)?.read(&gpu)?, [10.0, 20.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn column_products(gpu: &Gpu, x: &Tensor, z: &Tensor) -> Result<Tensor> {
    x.expect_shape("column_products", z.shape())?;
    let problem = Sums { product: true, ..Sums::dense(x.rows(), x.last()) };
    launch(gpu, &problem, &[x.buffer(), z.buffer()], vec![x.last()])
}

/// Σ x·z over each piece of `width` elements: [len / width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0, 4.0], &[4])?;
/// let z = Tensor::upload(&gpu, &[1.0, 1.0, 10.0, 10.0], &[4])?;
/// assert_eq!(ops::dot_products(&gpu, &x, &z, 2)?.read(&gpu)?, [3.0, 70.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn dot_products(gpu: &Gpu, x: &Tensor, z: &Tensor, width: usize) -> Result<Tensor> {
    x.expect_shape("dot_products", z.shape())?;
    if width == 0 || !x.len().is_multiple_of(width) {
        return Err(x.mismatch("dot_products", format!("pieces of {width}")));
    }
    let groups = x.len() / width;
    let problem = Sums {
        groups,
        rows: width,
        columns: 1,
        offset: 0,
        row_stride: 1,
        group_stride: width,
        scale: 1.0,
        product: true,
    };
    launch(gpu, &problem, &[x.buffer(), z.buffer()], vec![groups])
}

/// The mean of each run of `size` rows of x [.., width]: [rows / size, width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 3.0, 5.0, 7.0], &[4, 1])?;
/// assert_eq!(ops::group_means(&gpu, &x, 2)?.read(&gpu)?, [2.0, 6.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn group_means(gpu: &Gpu, x: &Tensor, size: usize) -> Result<Tensor> {
    if size == 0 || !x.rows().is_multiple_of(size) {
        return Err(x.mismatch("group_means", format!("groups of {size} rows")));
    }
    let (groups, width) = (x.rows() / size, x.last());
    let problem =
        Sums { groups, group_stride: size * width, scale: 1.0 / size as f32, ..Sums::dense(size, width) };
    launch(gpu, &problem, &[x.buffer()], vec![groups, width])
}
