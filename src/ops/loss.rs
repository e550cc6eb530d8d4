//! Losses and their gradients.

use super::error::Result;
use super::gather::gather;
use super::launch::launch;
use super::tensor::{Indices, Tensor};
use crate::gpu::Gpu;
use crate::kernels::cross_entropy::{CrossEntropy, CrossEntropyBackward};
use crate::kernels::pixel_loss::{PixelLoss, PixelLossBackward, PixelSums};
use crate::kernels::sums::Sums;

/// scale·Σ −ln softmax(logits)`[label]` over rows of logits [.., classes]: `[1]`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Indices}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let logits = Tensor::upload(&gpu, &[0.0, 0.0, 5.0, 5.0], &[2, 2])?;
/// let labels = Indices::upload(&gpu, &[0, 1])?;
/// let loss = ops::cross_entropy(&gpu, &logits, &labels, 0.5)?; // 1/rows: the mean
/// assert!((loss.read(&gpu)?[0] - 2f32.ln()).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn cross_entropy(gpu: &Gpu, logits: &Tensor, labels: &Indices, scale: f32) -> Result<Tensor> {
    let (rows, classes) = labelled(logits, labels)?;
    let problem = CrossEntropy { rows, classes, scale };
    let each = launch(gpu, &problem, &[logits.buffer(), labels.buffer()], vec![rows])?;
    launch(gpu, &Sums::dense(rows, 1), &[each.buffer()], vec![1])
}

/// dlogits of [`cross_entropy`], for a gradient dy `[1]`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Indices}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let logits = Tensor::upload(&gpu, &[0.0, 0.0], &[1, 2])?;
/// let labels = Indices::upload(&gpu, &[1])?;
/// let dy = Tensor::upload(&gpu, &[1.0], &[1])?;
/// let dx = ops::cross_entropy_backward(&gpu, &logits, &labels, &dy, 1.0)?.read(&gpu)?;
/// assert!((dx[0] - 0.5).abs() < 1e-6 && (dx[1] + 0.5).abs() < 1e-6); // softmax - onehot
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn cross_entropy_backward(
    gpu: &Gpu,
    logits: &Tensor,
    labels: &Indices,
    dy: &Tensor,
    scale: f32,
) -> Result<Tensor> {
    let (rows, classes) = labelled(logits, labels)?;
    // The kernel reads a gradient for every row: the same for all.
    let each = gather(gpu, &dy.reshape(&[1, 1])?, &Indices::upload(gpu, &vec![0; rows])?)?;
    let problem = CrossEntropyBackward { rows, classes, scale };
    launch(gpu, &problem, &[logits.buffer(), labels.buffer(), each.buffer()], logits.shape().to_vec())
}

fn labelled(logits: &Tensor, labels: &Indices) -> Result<(usize, usize)> {
    match logits.rows() == labels.len() {
        true => Ok((logits.rows(), logits.last())),
        false => Err(logits.mismatch("cross entropy", format!("{} rows", labels.len()))),
    }
}

/// The target of a pixel loss, and the weights of its terms.
#[derive(Debug, Clone)]
pub struct PixelTarget {
    /// The defect class of each image, 0 for a good one: `[images]`.
    pub class_id: Indices,
    /// 1 inside the defect, 0 elsewhere: [images, size, size].
    pub mask: Tensor,
    /// Weight of the focal loss.
    pub focal: f32,
    /// Weight of the dice loss of the normal channel.
    pub dice_normal: f32,
    /// Weight of the dice loss of all defect channels together.
    pub dice_defect: f32,
    /// Multiplies the sum over the images.
    pub scale: f32,
}

/// Sizes of a pixel loss.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    images: usize,
    grid: usize,
    size: usize,
    classes: usize,
}

impl PixelTarget {
    fn sizes(&self, s: &Tensor) -> Result<Sizes> {
        let (&[images, cells, classes], &[of, size, width]) = (s.shape(), self.mask.shape()) else {
            return Err(s.mismatch("pixel loss", "[images, cells, classes] and a mask [images, size, size]"));
        };
        let grid = cells.isqrt();
        if grid * grid != cells || of != images || size != width || self.class_id.len() != images {
            return Err(s.mismatch("pixel loss", format!("square grids of {of} images")));
        }
        Ok(Sizes { images, grid, size, classes })
    }
}

/// The pixel loss of patch probabilities s [images, cells, classes], up-sampled to the mask: focal loss
/// and two dice losses. Returns the loss `[1]` and totals [images, 4] that the gradient needs.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Indices, PixelTarget}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// // 2 x 2 patches and as many pixels; the last one is a defect of class 1, and is predicted as such.
/// let s = Tensor::upload(&gpu, &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0], &[1, 4, 2])?;
/// let mask = Tensor::upload(&gpu, &[0.0, 0.0, 0.0, 1.0], &[1, 2, 2])?;
/// let class_id = Indices::upload(&gpu, &[1])?;
/// let target =
///     PixelTarget { class_id, mask, focal: 1.0, dice_normal: 1.0, dice_defect: 1.0, scale: 1.0 };
/// let (loss, _) = ops::pixel_loss(&gpu, &s, &target)?;
/// assert!(loss.read(&gpu)?[0].abs() < 1e-3);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn pixel_loss(gpu: &Gpu, s: &Tensor, target: &PixelTarget) -> Result<(Tensor, Tensor)> {
    let Sizes { images, grid, size, classes } = target.sizes(s)?;
    let sums = PixelSums { images, grid, size, classes };
    let inputs = [s.buffer(), target.class_id.buffer(), target.mask.buffer()];
    let rows = launch(gpu, &sums, &inputs, vec![images, size, 4])?;
    let over_rows = Sums { groups: images, group_stride: 4 * size, ..Sums::dense(size, 4) };
    let totals = launch(gpu, &over_rows, &[rows.buffer()], vec![images, 4])?;
    let loss = PixelLoss {
        images,
        pixels: size * size,
        focal: target.focal,
        dice_normal: target.dice_normal,
        dice_defect: target.dice_defect,
        scale: target.scale,
    };
    Ok((launch(gpu, &loss, &[totals.buffer()], vec![1])?, totals))
}

/// ds of [`pixel_loss`], for a gradient dy `[1]`.
///
/// ```
/// # use dapo_wgpu::{gpu::{Gpu, GpuOptions}, ops::{self, Tensor, Indices, PixelTarget}};
/// # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let s = Tensor::upload(&gpu, &[0.5; 8], &[1, 4, 2])?;
/// let mask = Tensor::upload(&gpu, &[0.0, 0.0, 0.0, 1.0], &[1, 2, 2])?;
/// let class_id = Indices::upload(&gpu, &[1])?;
/// let target =
///     PixelTarget { class_id, mask, focal: 1.0, dice_normal: 1.0, dice_defect: 1.0, scale: 1.0 };
/// let (_, totals) = ops::pixel_loss(&gpu, &s, &target)?;
/// let dy = Tensor::upload(&gpu, &[1.0], &[1])?;
/// let ds = ops::pixel_loss_backward(&gpu, &s, &totals, &target, &dy)?.read(&gpu)?;
/// assert!(ds[0] < 0.0 && ds[7] < 0.0, "the right classes are too improbable");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`OpError::Shape`](super::OpError::Shape) when the shapes do not fit.
pub fn pixel_loss_backward(
    gpu: &Gpu,
    s: &Tensor,
    totals: &Tensor,
    target: &PixelTarget,
    dy: &Tensor,
) -> Result<Tensor> {
    let Sizes { images, grid, size, classes } = target.sizes(s)?;
    let problem = PixelLossBackward {
        images,
        grid,
        size,
        classes,
        focal: target.focal,
        dice_normal: target.dice_normal,
        dice_defect: target.dice_defect,
        scale: target.scale,
    };
    let inputs = [s.buffer(), target.class_id.buffer(), target.mask.buffer(), totals.buffer(), dy.buffer()];
    launch(gpu, &problem, &inputs, s.shape().to_vec())
}
