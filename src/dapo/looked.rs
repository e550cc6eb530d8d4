//! Looking and judging apart: what a model sees in images is worked out once, and asked about any classes.

use super::detect::{Detection, judge};
use crate::gpu::Gpu;
use crate::ops::{self, Filter, OpError, Sampling, Tensor};

/// Images as a model sees them, on its device.
#[derive(Debug)]
pub struct Looked {
    /// [images, embed_dim], un-normalised.
    pub(super) image_features: Tensor,
    /// Patch features at each feature layer, [images, cells, embed_dim].
    pub(super) layers: Vec<Tensor>,
}

/// Classes to choose between, normal first, on the device.
#[derive(Debug, Clone)]
pub struct ClassSet {
    /// Class vectors of unit length, [C, embed_dim].
    pub(super) each: Tensor,
    /// Normal, and the mean of the defects, [2, embed_dim].
    pub(super) two: Tensor,
}

impl ClassSet {
    /// Number of classes, normal among them.
    pub fn classes(&self) -> usize {
        self.each.rows()
    }
}

/// Which maps are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maps {
    /// Those of all classes.
    Types,
    /// That of normal alone, which says good or defective: one channel instead of dozens.
    Normal,
}

/// Probabilities of a batch on the device.
pub(super) struct Probabilities {
    /// [images, C]
    pub image: Tensor,
    /// Mean over the feature layers, [images, cells, C]; a cell is a patch, or a pixel.
    pub cells: Tensor,
    /// Cells along an edge.
    pub grid: usize,
    /// Feature layers.
    pub layers: usize,
}

impl Probabilities {
    /// Reads them, with maps of `size` pixels along an edge, and judges each image by its classes.
    ///
    /// # Errors
    /// Those of the device.
    pub fn judged(self, gpu: &Gpu, size: usize, maps: Maps) -> Result<Vec<Detection>, OpError> {
        let (images, classes, grid) = (self.image.rows(), self.image.last(), self.grid);
        let up = |cells: &Tensor, channels: usize| -> Result<Vec<f32>, OpError> {
            // Where the grid is the image's already, this only puts the channels first.
            let cells = cells.reshape(&[images, grid, grid, channels])?;
            ops::resample(gpu, &cells, (size, size), Filter::Linear, Sampling::AlignCorners, true)?.read(gpu)
        };
        let image = self.image.read(gpu)?;
        let (cells, maps) = match maps {
            Maps::Types => {
                let maps = up(&self.cells, classes)?;
                (self.cells.read(gpu)?, maps)
            }
            Maps::Normal => {
                let cells = self.cells.read(gpu)?;
                let normal: Vec<f32> = cells.iter().step_by(classes).copied().collect();
                let maps = match grid == size {
                    true => normal,
                    false => up(&Tensor::upload(gpu, &normal, &[images, grid * grid, 1])?, 1)?,
                };
                (cells, maps)
            }
        };
        let each = maps.len() / images;
        let found = image.chunks(classes).zip(cells.chunks(grid * grid * classes)).zip(maps.chunks(each));
        Ok(found
            .map(|((image, cells), maps)| Detection {
                layers: self.layers,
                ..judge(image, cells, maps.to_vec(), size)
            })
            .collect())
    }
}
