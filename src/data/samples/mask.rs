//! Ground truth of defects in an image.

use std::path::{Path, PathBuf};

use image::GrayImage;

use super::boxes::drawn;
use super::ground;
use super::lost::{Lost, lost};
use super::remark::MaskRemark;
use crate::data::error::ImageError;
use crate::data::orientation::{Aligned, Frame};
use crate::data::preprocess::{MaskRule, scale_mask};

/// In masks of more pixels than this, defects are not looked for one by one.
const LARGE: usize = 1 << 26;

/// Ground truth of the defects in an image: a mask image, or boxes.
#[derive(Debug, Clone, PartialEq)]
pub enum Mask {
    /// An image file: non-zero pixels are defective, see [`Mask::read`].
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

/// A mask at its own size.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskPixels {
    /// 255 for a defective pixel, else 0.
    pub image: GrayImage,
    /// What is odd about it.
    pub remarks: Vec<MaskRemark>,
}

/// A mask at the size of maps.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// `[height, width]`: 1 for a defective cell, else 0.
    pub cells: Vec<f32>,
    /// Width and height of the mask itself.
    pub own_size: (u32, u32),
    /// What is odd about the mask, sorted.
    pub remarks: Vec<MaskRemark>,
    /// What a user should know of the frame that it was drawn in.
    pub note: Option<&'static str>,
}

impl MaskPixels {
    /// The largest of the usual sizes of a model's images at which no defect is left of a mask that shows some.
    pub fn vanishes_at(&self) -> Option<u32> {
        const USUAL: [u32; 4] = [128, 224, 336, 518];
        let is_gone = |size: &u32| {
            let cells = scale_mask(self.image.clone(), [*size; 2], MaskRule::Half);
            !cells.iter().any(|cell| *cell > 0.0)
        };
        let shows = self.image.iter().any(|value| *value > 0);
        USUAL.into_iter().take_while(|size| shows && is_gone(size)).last()
    }
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
        let (mask, note) = self.read_for(Some(frame))?;
        Ok((scale_mask(mask.image, size, rule), note))
    }

    /// As [`Mask::load_as`], with what is odd about the mask of a photo that was read in this frame, if one is known.
    pub fn truth(&self, size: [u32; 2], rule: MaskRule, frame: Option<&Frame>) -> Result<Truth, ImageError> {
        let (MaskPixels { image: pixels, mut remarks }, note) = self.read_for(frame)?;
        let own = pixels.dimensions();
        let is_empty = pixels.iter().all(|value| *value == 0);
        if let Some(image) = frame.map(|frame| frame.size).filter(|image| *image != own) {
            remarks.push(if same_shape(image, own) { MaskRemark::Size } else { MaskRemark::Shape });
        }
        // Of a mask that takes hundreds of megabytes there is no second copy.
        let copy = (!is_empty && pixels.len() <= LARGE).then(|| pixels.clone());
        let cells = scale_mask(pixels, size, rule);
        let lost = match copy {
            Some(pixels) => lost(&pixels, &cells, size),
            None if is_empty || cells.iter().any(|cell| *cell > 0.0) => Lost::None,
            None => Lost::All,
        };
        remarks.extend(match lost {
            Lost::None => None,
            Lost::Some => Some(MaskRemark::Shrunk),
            Lost::All => Some(MaskRemark::Vanished),
        });
        remarks.sort();
        Ok(Truth { cells, own_size: own, remarks, note })
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
        Ok(self.read()?.image)
    }

    /// The mask at its own size, and what is odd about it. In a file, pixels are defective of which any colour is above
    /// zero. Transparent pixels are not, and where all colours are the same transparency alone decides. Lossy formats change
    /// values: there, defects begin at half of the largest value.
    pub fn read(&self) -> Result<MaskPixels, ImageError> {
        Ok(self.read_for(None)?.0)
    }

    /// As [`Mask::read`], turned where it was drawn in another frame than its photo was read in; also what a user should
    /// know of that.
    pub fn read_for(&self, frame: Option<&Frame>) -> Result<(MaskPixels, Option<&'static str>), ImageError> {
        let (image, mut remarks) = match self {
            Mask::File(path) => ground::read(path)?,
            Mask::Boxes { width, height, boxes } => {
                let size = (*width, *height);
                let (width, height) = frame.map_or(size, |frame| frame.of_boxes(size, boxes));
                (drawn(width, height, boxes), Vec::new())
            }
        };
        let Aligned { mask: image, note } = match frame {
            Some(frame) => frame.align(image),
            None => Aligned { mask: image, note: None },
        };
        let defective = image.iter().filter(|value| **value > 0).count();
        remarks.extend(match defective {
            0 => Some(MaskRemark::Empty),
            n if n == image.len() => Some(MaskRemark::Everything),
            n if 2 * n > image.len() => Some(MaskRemark::Most),
            _ => None,
        });
        Ok((MaskPixels { image, remarks }, note))
    }
}

/// Whether two sizes have the same aspect ratio, up to a pixel.
pub fn same_shape(image: (u32, u32), mask: (u32, u32)) -> bool {
    let [w, h, mw, mh] = [image.0, image.1, mask.0, mask.1].map(f64::from);
    // Rounding to whole pixels moves either side of the smaller one by at most one.
    let scale = (mw / w).max(mh / h);
    (mw - w * scale).abs() <= scale.max(1.0) && (mh - h * scale).abs() <= scale.max(1.0)
}

#[cfg(test)]
mod tests;
