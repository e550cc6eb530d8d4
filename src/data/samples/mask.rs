//! Ground truth of defects in an image.

use std::path::{Path, PathBuf};

use image::GrayImage;

use crate::data::error::ImageError;
use crate::data::image::load_labels;
use crate::data::orientation::{Aligned, Frame};
use crate::data::preprocess::{MaskRule, scale_mask};

/// Ground truth of the defects in an image: a mask image, or boxes.
#[derive(Debug, Clone, PartialEq)]
pub enum Mask {
    /// An image file: non-zero pixels are defective.
    File(PathBuf),
    /// Filled rectangles.
    Boxes {
        /// Width of the image in pixels.
        width: u32,
        /// Height of the image in pixels.
        height: u32,
        /// Left edge, upper edge, width and height of each, in pixels of the image.
        boxes: Vec<[f32; 4]>,
    },
}

impl Mask {
    /// The mask resized to a square, `[size, size]`: 1 where `rule` is met and 0 elsewhere. Boxes are drawn at the size
    /// of the image and then resized as any mask is.
    pub fn load(&self, size: u32, rule: MaskRule) -> Result<Vec<f32>, ImageError> {
        self.load_as([size; 2], rule)
    }

    /// As [`Mask::load`], to a width and height: `[height, width]`.
    pub fn load_as(&self, size: [u32; 2], rule: MaskRule) -> Result<Vec<f32>, ImageError> {
        Ok(scale_mask(self.pixels()?, size, rule))
    }

    /// As [`Mask::load_as`], for a photo that was read in this frame; also what a user should know of it.
    pub fn load_for(
        &self,
        frame: &Frame,
        size: [u32; 2],
        rule: MaskRule,
    ) -> Result<(Vec<f32>, Option<&'static str>), ImageError> {
        let Aligned { mask, note } = self.pixels_for(frame)?;
        Ok((scale_mask(mask, size, rule), note))
    }

    /// As [`Mask::pixels`], turned where it was drawn in another frame than the photo was read in.
    pub fn pixels_for(&self, frame: &Frame) -> Result<Aligned, ImageError> {
        let mask = match self {
            Mask::Boxes { width, height, boxes } => {
                let (width, height) = frame.of_boxes((*width, *height), boxes);
                drawn(width, height, boxes)
            }
            Mask::File(_) => self.pixels()?,
        };
        Ok(frame.align(mask))
    }

    /// One line of text that identifies it: the path relative to `root`, or the boxes.
    pub fn label(&self, root: &Path) -> String {
        match self {
            Mask::File(path) => {
                let below = path.strip_prefix(root).unwrap_or(path);
                below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
            }
            Mask::Boxes { width, height, boxes } => format!("{width}x{height} {boxes:?}"),
        }
    }

    /// The mask at its own size: non-zero pixels are defective.
    pub fn pixels(&self) -> Result<GrayImage, ImageError> {
        match self {
            Mask::File(path) => load_labels(path),
            Mask::Boxes { width, height, boxes } => Ok(drawn(*width, *height, boxes)),
        }
    }
}

/// Filled rectangles: every pixel that a box touches.
fn drawn(width: u32, height: u32, boxes: &[[f32; 4]]) -> GrayImage {
    let mut image = GrayImage::new(width, height);
    for &[x, y, w, h] in boxes {
        // The casts saturate: a box may reach beyond the image, or lie outside.
        let (left, right) = (x.floor() as u32, ((x + w).ceil() as u32).min(width));
        let (upper, lower) = (y.floor() as u32, ((y + h).ceil() as u32).min(height));
        for row in upper..lower {
            for column in left..right {
                image.put_pixel(column, row, [255].into());
            }
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_filled_cut_off_at_the_edges_and_scaled_as_masks_are() {
        let boxes = vec![[1.5, 0.0, 1.0, 1.0], [2.0, 2.0, 9.0, 9.0], [-5.0, -5.0, 2.0, 2.0]];
        let mask = Mask::Boxes { width: 4, height: 3, boxes };
        let pixels = mask.pixels().expect("drawn");
        let rows: Vec<Vec<u8>> = pixels.rows().map(|r| r.map(|p| p.0[0] / 255).collect()).collect();
        assert_eq!(rows, [[0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 1]]);

        // The left half of a wide image is the left half of the square.
        let mask = Mask::Boxes { width: 8, height: 4, boxes: vec![[0.0, 0.0, 4.0, 4.0]] };
        assert_eq!(mask.load(2, MaskRule::Half).expect("drawn"), [1.0, 0.0, 1.0, 0.0]);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mask.png");
        mask.pixels().expect("drawn").save(&path).expect("writable");
        for rule in [MaskRule::Half, MaskRule::Full] {
            let file = Mask::File(path.clone());
            assert_eq!(mask.load(5, rule).expect("drawn"), file.load(5, rule).expect("a file"));
        }
    }
}
