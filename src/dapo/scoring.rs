//! From probabilities of classes to scores, types and maps.
//!
//! * image score: the mean of the image's defect probability and that of its [`TOP_PATCHES`] most
//!   anomalous patches: the class token sees the whole, a few patches see a small defect; with references, that and
//!   what these patches say together with distances, pooled ([`Comparison::score`]);
//! * type: the defect with the largest product of image probability and mean of its
//!   [`TOP_PATCHES`] largest patch probabilities.

use super::detection::Detection;
use super::features::MapChannels;
use super::reference::{Comparison, References, TOP_PATCHES};
use crate::gpu::Gpu;
use crate::ops::{self, Filter, OpError, Sampling, Tensor};

/// Probabilities of a batch.
pub(super) struct Probabilities {
    /// [images, classes]
    pub image: Vec<f32>,
    /// On the device: mean over the feature layers, [images, cells, classes]; a cell is a patch, or a pixel.
    pub cells: Tensor,
    /// Cells along an edge.
    pub grid: usize,
    /// Feature layers.
    pub layers: usize,
}

impl Probabilities {
    /// Reads them, with maps of `size` pixels along an edge, and scores each image. With references the cells are what
    /// words and the images' distances say together.
    pub fn detections(
        self,
        gpu: &Gpu,
        size: usize,
        maps: MapChannels,
        references: Option<(&References, Vec<Comparison>)>,
    ) -> Result<Vec<Detection>, OpError> {
        let (classes, grid, image) = (self.cells.last(), self.grid, self.image);
        let images = image.len() / classes;
        let up = |cells: &Tensor, channels: usize| -> Result<Vec<f32>, OpError> {
            // Where the grid is the image's already, this only puts the channels first.
            let cells = cells.reshape(&[images, grid, grid, channels])?;
            ops::resample(gpu, &cells, (size, size), Filter::Linear, Sampling::AlignCorners, true)?.read(gpu)
        };
        let (fused, comparisons) = match references {
            None => (None, Vec::new()),
            Some((references, mut comparisons)) => {
                let mut cells = self.cells.read(gpu)?;
                let of_images = cells.chunks_mut(grid * grid * classes).zip(image.chunks(classes));
                for ((cells, image), compared) in of_images.zip(&mut comparisons) {
                    compared.words = combine(image, cells).0;
                    references.fuse(compared, cells, classes);
                }
                (Some(cells), comparisons)
            }
        };
        let (cells, maps) = match maps {
            MapChannels::All => {
                let on_device = match &fused {
                    None => self.cells,
                    Some(cells) => Tensor::upload(gpu, cells, self.cells.shape())?,
                };
                let maps = up(&on_device, classes)?;
                (fused.map_or_else(|| on_device.read(gpu), Ok)?, maps)
            }
            MapChannels::Normal => {
                let cells = fused.map_or_else(|| self.cells.read(gpu), Ok)?;
                let normal: Vec<f32> = cells.iter().step_by(classes).copied().collect();
                let maps = match grid == size {
                    true => normal,
                    false => up(&Tensor::upload(gpu, &normal, &[images, grid * grid, 1])?, 1)?,
                };
                (cells, maps)
            }
        };
        let map_len = maps.len() / images;
        let batch = image.chunks(classes).zip(cells.chunks(grid * grid * classes)).zip(maps.chunks(map_len));
        let mut comparisons = comparisons.into_iter();
        Ok(batch
            .map(|((image, cells), maps)| {
                let comparison = comparisons.next();
                let pooled = comparison.as_ref().map(Comparison::score);
                Detection {
                    layers: self.layers,
                    comparison,
                    ..detection(image, cells, pooled, maps.to_vec(), size)
                }
            })
            .collect())
    }

    /// The probability of normal of every cell, [images, cells].
    pub fn normal(&self, gpu: &Gpu) -> Result<Vec<f32>, OpError> {
        Ok(self.cells.read(gpu)?.into_iter().step_by(self.cells.last()).collect())
    }
}

/// From image probabilities [K+1] and patch probabilities [cells, K+1] to score and type, with the score that references
/// gave, if any.
fn detection(image: &[f32], patches: &[f32], pooled: Option<f32>, maps: Vec<f32>, size: usize) -> Detection {
    let (own, weights) = combine(image, patches);
    let score = pooled.unwrap_or(own);
    let total: f32 = weights.iter().sum();
    let shares: Vec<f32> =
        weights.iter().map(|w| if total > 0.0 { w / total } else { 1.0 / weights.len() as f32 }).collect();
    let defect = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0);
    let probabilities = std::iter::once(1.0 - score).chain(shares.iter().map(|s| score * s)).collect();
    Detection { score, probabilities, defect, maps, size, layers: 1, whole: None, comparison: None }
}

/// The image score, and a weight for each defect, from image probabilities [K+1] and patch
/// probabilities [cells, K+1].
fn combine(image: &[f32], patches: &[f32]) -> (f32, Vec<f32>) {
    let classes = image.len();
    let score = ((1.0 - image[0] + anomalous(patches, classes)) / 2.0).clamp(0.0, 1.0);
    let weights =
        (1..classes).map(|c| image[c] * top(&mut patches.iter().skip(c).step_by(classes).copied())).collect();
    (score, weights)
}

/// Mean defect probability of the most anomalous patches.
fn anomalous(patches: &[f32], classes: usize) -> f32 {
    top(&mut patches.chunks(classes).map(|p| 1.0 - p[0])).clamp(0.0, 1.0)
}

/// Mean of the [`TOP_PATCHES`] largest.
fn top(values: &mut dyn Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values.truncate(TOP_PATCHES);
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_defect_raises_the_score_and_names_its_type() {
        let normal = [0.9, 0.05, 0.05];
        let mut patches = normal.repeat(100);
        let (quiet, _) = combine(&normal, &patches);
        for cell in 40..44 {
            patches[cell * 3..cell * 3 + 3].copy_from_slice(&[0.1, 0.1, 0.8]);
        }
        let (loud, weights) = combine(&normal, &patches);
        assert!((quiet - 0.1).abs() < 1e-6 && (loud - 0.5).abs() < 1e-6);
        assert!(weights[1] > 7.0 * weights[0]);
    }

    #[test]
    fn fewer_patches_than_the_top_are_averaged_as_they_are() {
        let (score, weights) = combine(&[0.5, 0.5], &[0.2, 0.8]);
        assert!((score - 0.65).abs() < 1e-6);
        assert!((weights[0] - 0.4).abs() < 1e-6);
    }
}
