//! Resampling of maps.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::Gpu;
use crate::kernels::resample::{Filter, Resample, Sampling};
use crate::kernels::resample_backward::ResampleBackward;

/// Resamples x [n, h, w, channels] to `size` (rows, columns); as [n, channels, h', w'] if `planar`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Filter, Sampling}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[0.0, 1.0], &[1, 1, 2, 1])?; // one row of two pixels
/// let y = ops::resample(&gpu, &x, (1, 3), Filter::Linear, Sampling::AlignCorners, false)?;
/// assert_eq!((y.shape(), y.read(&gpu)?), (&[1, 1, 3, 1][..], vec![0.0, 0.5, 1.0]));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn resample(
    gpu: &Gpu,
    x: &Tensor,
    size: (usize, usize),
    filter: Filter,
    sampling: Sampling,
    planar: bool,
) -> Result<Tensor> {
    let problem = resample_problem(x, size, filter, sampling, planar)?;
    let (n, channels) = (problem.n, problem.channels);
    let shape = if planar { vec![n, channels, size.0, size.1] } else { vec![n, size.0, size.1, channels] };
    launch(gpu, &problem, &[x.buffer()], shape)
}

/// What [`resample`] computes.
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape).
pub fn resample_problem(
    x: &Tensor,
    size: (usize, usize),
    filter: Filter,
    sampling: Sampling,
    planar: bool,
) -> Result<Resample> {
    let &[n, h, w, channels] = x.shape() else {
        return Err(x.mismatch("resample", "[n, h, w, channels]"));
    };
    Ok(Resample { n, channels, input: (h, w), output: size, filter, sampling, planar })
}

/// dx of a resampling: its transpose.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Filter, Sampling}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[0.0, 1.0], &[1, 1, 2, 1])?;
/// let forward = ops::resample_problem(&x, (1, 3), Filter::Linear, Sampling::AlignCorners, false)?;
/// let dy = Tensor::upload(&gpu, &[1.0, 1.0, 1.0], &[1, 1, 3, 1])?;
/// assert_eq!(ops::resample_backward(&gpu, &forward, &dy)?.read(&gpu)?, [1.5, 1.5]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn resample_backward(gpu: &Gpu, forward: &Resample, dy: &Tensor) -> Result<Tensor> {
    let (n, (h, w), channels) = (forward.n, forward.input, forward.channels);
    if dy.len() != n * channels * forward.output.0 * forward.output.1 {
        return Err(dy.mismatch("resample backward", "the gradient of the resampled map"));
    }
    let problem = ResampleBackward { forward: forward.clone() };
    launch(gpu, &problem, &[dy.buffer()], vec![n, h, w, channels])
}
