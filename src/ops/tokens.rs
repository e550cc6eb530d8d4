//! Sequences of tokens: patches, positions, and tokens inserted into them.

use super::error::Result;
use super::launch::launch;
use super::tensor::Tensor;
use crate::gpu::{Buffer, Gpu};
use crate::kernels::patches::Patches;
use crate::kernels::splice::Splice;
use crate::kernels::tokens::Tokens;

/// Patches of pixels [images, 3, size, size] as rows [images, cells, 3·patch² rounded up to 4].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let pixels: Vec<f32> = (0..12).map(|i| i as f32).collect();
/// let x = Tensor::upload(&gpu, &pixels, &[1, 3, 2, 2])?;
/// let rows = ops::patches(&gpu, &x, 1)?; // of one pixel each: 3 channels and 1 zero
/// assert_eq!(rows.shape(), [1, 4, 4]);
/// assert_eq!(rows.read(&gpu)?[..8], [0.0, 4.0, 8.0, 0.0, 1.0, 5.0, 9.0, 0.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn patches(gpu: &Gpu, pixels: &Tensor, patch: usize) -> Result<Tensor> {
    let &[images, 3, size, width] = pixels.shape() else {
        return Err(pixels.mismatch("patches", "[images, 3, size, size]"));
    };
    if size != width || size % patch != 0 {
        return Err(pixels.mismatch("patches", format!("square images whose edge {patch} divides")));
    }
    let problem = Patches { images, size, patch };
    launch(gpu, &problem, &[pixels.buffer()], vec![images, problem.cells(), problem.row()])
}

/// Adds positions to x `[batch, tokens, width]`; with a class token `[width]`, puts it in front first.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0], &[1, 1, 2])?;
/// let position = Tensor::upload(&gpu, &[10.0, 10.0, 20.0, 20.0], &[2, 2])?;
/// let class_token = Tensor::upload(&gpu, &[5.0, 6.0], &[2])?;
/// let y = ops::with_positions(&gpu, &x, &position, Some(&class_token))?;
/// assert_eq!(y.read(&gpu)?, [15.0, 16.0, 21.0, 22.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn with_positions(
    gpu: &Gpu,
    x: &Tensor,
    position: &Tensor,
    class_token: Option<&Tensor>,
) -> Result<Tensor> {
    let &[batch, tokens, width] = x.shape() else {
        return Err(x.mismatch("with_positions", "[batch, tokens, width]"));
    };
    let length = tokens + usize::from(class_token.is_some());
    if position.shape() != [length, width] {
        return Err(position.mismatch("with_positions", format!("positions of shape [{length}, {width}]")));
    }
    let problem = Tokens { batch, tokens, width, class: class_token.is_some() };
    let inputs: Vec<&Buffer> =
        [x.buffer(), position.buffer()].into_iter().chain(class_token.map(Tensor::buffer)).collect();
    launch(gpu, &problem, &inputs, vec![batch, length, width])
}

/// Inserts tokens p [count, width] after the first of each sequence x [batch, length, width]: [batch, length +
/// count, width].
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0], &[1, 2, 1])?;
/// let p = Tensor::upload(&gpu, &[8.0, 9.0], &[2, 1])?;
/// assert_eq!(ops::insert_tokens(&gpu, &x, &p)?.read(&gpu)?, [1.0, 8.0, 9.0, 2.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn insert_tokens(gpu: &Gpu, x: &Tensor, p: &Tensor) -> Result<Tensor> {
    let problem = Splice { insert: true, ..spliced("insert_tokens", x, p.rows(), 1.0, Some(1.0))? };
    p.expect_last("insert_tokens", x.last())?;
    let shape = vec![problem.batch, problem.length + problem.tokens, problem.width];
    launch(gpu, &problem, &[x.buffer(), p.buffer()], shape)
}

/// Tokens 1 to count of each sequence x [batch, length, width] as keep·x + add·p, with p
/// [count, width]; the others as they are.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0], &[1, 3, 1])?;
/// let p = Tensor::upload(&gpu, &[10.0], &[1, 1])?;
/// assert_eq!(ops::blend_tokens(&gpu, &x, &p, 0.5, 0.25)?.read(&gpu)?, [1.0, 3.5, 3.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn blend_tokens(gpu: &Gpu, x: &Tensor, p: &Tensor, keep: f32, add: f32) -> Result<Tensor> {
    p.expect_last("blend_tokens", x.last())?;
    let problem = spliced("blend_tokens", x, p.rows(), keep, Some(add))?;
    launch(gpu, &problem, &[x.buffer(), p.buffer()], x.shape().to_vec())
}

/// Tokens 1 to `count` of each sequence x [batch, length, width] times `keep`; the others as they are.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let x = Tensor::upload(&gpu, &[1.0, 2.0, 3.0], &[1, 3, 1])?;
/// assert_eq!(ops::scale_tokens(&gpu, &x, 1, 0.5)?.read(&gpu)?, [1.0, 1.0, 3.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn scale_tokens(gpu: &Gpu, x: &Tensor, count: usize, keep: f32) -> Result<Tensor> {
    let problem = spliced("scale_tokens", x, count, keep, None)?;
    launch(gpu, &problem, &[x.buffer()], x.shape().to_vec())
}

fn spliced(op: &'static str, x: &Tensor, tokens: usize, keep: f32, add: Option<f32>) -> Result<Splice> {
    let &[batch, length, width] = x.shape() else {
        return Err(x.mismatch(op, "[batch, length, width]"));
    };
    Ok(Splice { batch, length, width, tokens, insert: false, keep, add })
}
