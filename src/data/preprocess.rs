//! From decoded pixels to the network's input, equal to torchvision's transforms on Pillow images.

use std::path::Path;

use ::image::{GrayImage, RgbImage};

use super::error::ImageError;
use super::image::load_labels;
use super::raster::Raster;
use super::resize::{Filter, resize};

/// Mean of the RGB channels in CLIP's training data, on a scale of 0 to 1.
pub const CLIP_MEAN: [f32; 3] = [0.48145466, 0.4578275, 0.40821073];
/// Standard deviation of the RGB channels in CLIP's training data.
#[allow(clippy::excessive_precision)] // the digits as published
pub const CLIP_STD: [f32; 3] = [0.26862954, 0.26130258, 0.27577711];

/// The transform of an image into the network's input: both sides are scaled to [`size`](Self::size), whatever the aspect
/// ratio, so that every pixel is used and maps scale straight back to the image.
///
/// ```
/// use dapo_wgpu::data::{Mode, Preprocess, Raster};
///
/// let gray = Raster::new(1, 2, Mode::L, vec![0, 255]).expect("two gray pixels");
/// let preprocess = Preprocess { mean: [0.5; 3], std: [0.25; 3], ..Preprocess::clip(2) };
/// let rgb = preprocess.resize(&gray);
/// assert_eq!(rgb.as_raw(), &[0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255]);
/// let input = preprocess.normalise(&rgb); // [3, 2, 2]
/// assert_eq!(input[..4], [-2.0, -2.0, 2.0, 2.0]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    /// Side of the square input in pixels, at least 1.
    pub size: u32,
    /// Subtracted per channel, on a scale of 0 to 1.
    pub mean: [f32; 3],
    /// Divided by per channel.
    pub std: [f32; 3],
}

impl Preprocess {
    /// `size` with CLIP's mean and standard deviation.
    pub fn clip(size: u32) -> Self {
        Self { size, mean: CLIP_MEAN, std: CLIP_STD }
    }

    /// `size` x `size` pixels in RGB, resized bicubically.
    pub fn resize(&self, image: &Raster) -> RgbImage {
        resize(image, self.size, self.size, Filter::Bicubic).into_rgb()
    }

    /// `((x / 255) - mean) / std` in `f32`, in this order of operations: `[3, height, width]`, channels first.
    pub fn normalise(&self, image: &RgbImage) -> Vec<f32> {
        let mut out = Vec::with_capacity(image.as_raw().len());
        for channel in 0..3 {
            // 256 possible values: divide once per value instead of once per pixel.
            let table: [f32; 256] =
                std::array::from_fn(|value| (value as f32 / 255.0 - self.mean[channel]) / self.std[channel]);
            let values = image.as_raw().iter().skip(channel).step_by(3);
            out.extend(values.map(|&value| table[usize::from(value)]));
        }
        out
    }
}

/// Which pixels of a resized mask count as defective. Bilinear resizing turns borders into fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskRule {
    /// Those that are more than half defective: the rule for evaluation.
    Half,
    /// Those that are entirely defective: the rule that DAPO is trained with. Small defects may vanish.
    Full,
}

/// Reads a ground-truth mask: gray, every value above zero is defective, resized bilinearly to `size` x `size` (also
/// where the aspect ratio of the mask differs from its image's), then 1 where `rule` is met and 0 elsewhere. Returns
/// `[size, size]`.
///
/// ```
/// use dapo_wgpu::data::{MaskRule, load_mask};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("000_mask.pgm");
/// std::fs::write(&path, b"P5 2 2 255\n\x00\x01\x00\xff")?; // gray, 2 x 2 pixels
/// assert_eq!(load_mask(&path, 2, MaskRule::Half)?, [0.0, 1.0, 0.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`load`](super::image::load).
pub fn load_mask(path: impl AsRef<Path>, size: u32, rule: MaskRule) -> Result<Vec<f32>, ImageError> {
    Ok(scale_mask(load_labels(path)?, [size; 2], rule))
}

/// As [`load_mask`], from pixels, to a width and height. Returns `[height, width]`.
pub(super) fn scale_mask(mask: GrayImage, size: [u32; 2], rule: MaskRule) -> Vec<f32> {
    let least = match rule {
        MaskRule::Half => 128,
        MaskRule::Full => 255,
    };
    let resized = resized_mask(mask, size);
    resized.as_bytes().iter().map(|&value| f32::from(u8::from(value >= least))).collect()
}

/// The mask as 0 and 255, resized.
fn resized_mask(mut mask: GrayImage, [width, height]: [u32; 2]) -> Raster {
    for pixel in mask.iter_mut() {
        *pixel = if *pixel > 0 { 255 } else { 0 };
    }
    resize(&mask.into(), width, height, Filter::Bilinear)
}

#[cfg(test)]
mod tests {
    use super::super::resize::tests::noise;
    use super::*;

    #[test]
    fn normalisation_is_channels_first_in_f32() {
        let image = RgbImage::from_raw(2, 1, vec![0, 128, 255, 10, 20, 30]).unwrap();
        let out = Preprocess::clip(2).normalise(&image);
        let expected = |channel: usize, value: f32| (value / 255.0 - CLIP_MEAN[channel]) / CLIP_STD[channel];
        let values = [(0, 0.0), (0, 10.0), (1, 128.0), (1, 20.0), (2, 255.0), (2, 30.0)];
        assert_eq!(out, values.map(|(channel, value)| expected(channel, value)));
        // From torch: (0 - 0.48145466) / 0.26862954 in float32.
        assert_eq!(out[0], -1.792_262_6);
    }

    #[test]
    fn mask_equals_pillow() {
        let mut mask = noise(9, 8, 1).into_gray();
        for pixel in mask.iter_mut() {
            *pixel = if *pixel < 100 { *pixel } else { 0 };
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        mask.save(&path).unwrap();
        // Image.point(lambda v: 255 if v > 0 else 0).resize((4, 4), BILINEAR) of Pillow 13.
        let expected = [141, 79, 149, 89, 109, 122, 180, 92, 100, 70, 141, 140, 89, 189, 123, 62];
        assert_eq!(resized_mask(mask.clone(), [4; 2]).as_bytes(), expected);
        let half = expected.map(|v| if f32::from(v) / 255.0 > 0.5 { 1.0 } else { 0.0 });
        assert_eq!(load_mask(&path, 4, MaskRule::Half).unwrap(), half);
        assert_eq!(load_mask(&path, 4, MaskRule::Full).unwrap(), [0.0; 16]);
    }

    #[test]
    fn borders_count_by_half_or_only_when_whole() {
        // 8 cells to 4: the weights are 1/8, 3/8, 3/8, 1/8 around each pair, cut off at the edges. The square from
        // 2 to 8 covers the pairs 0 to 3 by 1/7, 7/8, 1 and 1 along each axis.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mask.png");
        let square = GrayImage::from_fn(8, 8, |x, y| [if x.min(y) >= 2 { 1 } else { 0 }].into());
        square.save(&path).unwrap();
        let from = |first: usize| (0..16).map(|i| f32::from(u8::from((i % 4).min(i / 4) >= first))).collect();
        let half: Vec<f32> = from(1);
        let full: Vec<f32> = from(2);
        assert_eq!(load_mask(&path, 4, MaskRule::Half).unwrap(), half);
        assert_eq!(load_mask(&path, 4, MaskRule::Full).unwrap(), full);
        // A strip is squashed to the square: 4 columns stay, 16 rows become 4.
        let strip = GrayImage::from_fn(4, 16, |x, _| [if x < 2 { 9 } else { 0 }].into());
        strip.save(&path).unwrap();
        let left: Vec<f32> = (0..16).map(|i| if i % 4 < 2 { 1.0 } else { 0.0 }).collect();
        assert_eq!(load_mask(&path, 4, MaskRule::Full).unwrap(), left);
        let wide = scale_mask(load_labels(&path).unwrap(), [4, 2], MaskRule::Half);
        assert_eq!(wide, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    }
}
