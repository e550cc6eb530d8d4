//! From decoded pixels to the network's input, equal to torchvision's transforms on Pillow images.

use std::path::Path;

use ::image::{GrayImage, RgbImage};

use super::error::ImageError;
use super::image::load_labels;
use super::raster::Raster;
use super::resize::{Filter, PassOrder, resize, resize_part};

/// Mean of the RGB channels in CLIP's training data, on a scale of 0 to 1.
pub const CLIP_MEAN: [f32; 3] = [0.48145466, 0.4578275, 0.40821073];
/// Standard deviation of the RGB channels in CLIP's training data.
#[allow(clippy::excessive_precision)] // the digits as published
pub const CLIP_STD: [f32; 3] = [0.26862954, 0.26130258, 0.27577711];

/// How an image that is not square becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// Both sides are scaled to the target and the aspect ratio is lost: every pixel is seen, and maps
    /// scale straight back to the image. DAPO's way.
    #[default]
    Squash,
    /// The shorter side is scaled to the target and the longer one cut off around the centre. The way
    /// of OpenAI's CLIP.
    CropCentre,
}

/// The transform of an image into the network's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    /// Side of the square input in pixels, at least 1.
    pub size: u32,
    /// Subtracted per channel, on a scale of 0 to 1.
    pub mean: [f32; 3],
    /// Divided by per channel.
    pub std: [f32; 3],
    /// How the square is made.
    pub fit: Fit,
}

impl Preprocess {
    /// DAPO's transform: squash to `size`, CLIP's mean and standard deviation.
    pub fn clip(size: u32) -> Self {
        Self { size, mean: CLIP_MEAN, std: CLIP_STD, fit: Fit::Squash }
    }

    /// Bicubic to exactly `size` x `size` without regard to [`fit`](Self::fit), then to RGB.
    pub fn squash(&self, image: &Raster) -> RgbImage {
        resize(image, self.size, self.size, Filter::Bicubic).into_rgb()
    }

    /// `size` x `size` pixels by the chosen [`fit`](Self::fit), in RGB.
    pub fn resize(&self, image: &Raster) -> RgbImage {
        match self.fit {
            Fit::Squash => self.squash(image),
            Fit::CropCentre => self.crop_centre(image),
        }
    }

    fn crop_centre(&self, image: &Raster) -> RgbImage {
        let side = self.size as usize;
        let size = shortest_edge(image.width(), image.height(), self.size);
        let wanted = size.map(|long| {
            let start = crop_start(long, side);
            start..start + side
        });
        resize_part(image, size, wanted, Filter::Bicubic, PassOrder::default()).into_rgb()
    }

    /// `((x / 255) - mean) / std` in `f32`, in this order: `[3, height, width]`, channels first.
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

/// torchvision's `Resize(size)`: the shorter side becomes `size`, the longer one is truncated.
/// Returns `[width, height]`, which for a thin strip can exceed any `u32`.
fn shortest_edge(width: u32, height: u32, size: u32) -> [usize; 2] {
    let scaled = |long: u32, short: u32| {
        let product = u64::from(size) * u64::from(long);
        (product as f64 / f64::from(short)) as usize
    };
    if width <= height {
        [size as usize, scaled(height, width)]
    } else {
        [scaled(width, height), size as usize]
    }
}

/// torchvision's `CenterCrop`: half the surplus, where Python rounds .5 to the even neighbour.
fn crop_start(long: usize, side: usize) -> usize {
    ((long - side) as f64 / 2.0).round_ties_even() as usize
}

/// Which cells of a resized mask are defect. Bilinear resizing turns borders into fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskRule {
    /// More than half of the cell: the rule for testing.
    Half,
    /// The whole of it: the rule by which DAPO was trained. Small defects may vanish.
    Full,
}

/// Reads a ground-truth mask: gray, every value above zero is defect, bilinear to `size` x `size` (also where the
/// mask has another shape than its image), then 1 where `rule` says defect and 0 elsewhere. Returns `[size, size]`.
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
    use super::super::resize::tests::{checksum, noise};
    use super::*;

    #[test]
    fn crop_equals_torchvision() {
        // Image.resize and Image.crop of Pillow 13 with torchvision's sizes; both rounding cases of the
        // half-pixel surplus are among them (surplus 15 and 11).
        let cases = [
            (61, 40, 0x8173_3af5_f1d7_cc2e),
            (40, 61, 0x5e0c_fab4_f934_0369),
            (32, 47, 0xd23a_521a_2fe1_13ea),
            (20, 27, 0x8331_9686_c3a0_5e41_u64),
        ];
        let preprocess = Preprocess { fit: Fit::CropCentre, ..Preprocess::clip(32) };
        for (width, height, expected) in cases {
            let cropped = preprocess.resize(&noise(width, height, 3));
            assert_eq!(cropped.dimensions(), (32, 32));
            assert_eq!(checksum(cropped.as_raw()), expected, "{width}x{height}");
        }
    }

    #[test]
    fn crop_rounding_is_pythons() {
        assert_eq!(shortest_edge(500, 333, 224), [336, 224]);
        assert_eq!(shortest_edge(333, 500, 224), [224, 336]);
        assert_eq!([1, 3, 5].map(|surplus| crop_start(10 + surplus, 10)), [0, 2, 2]);
    }

    #[test]
    fn a_thin_strip_is_cropped_without_scaling_all_of_it() {
        // The whole of it scaled would be 26 gigapixels.
        let strip = Raster::from(GrayImage::from_pixel(1, 100_000, [9].into()));
        let preprocess = Preprocess { fit: Fit::CropCentre, ..Preprocess::clip(518) };
        let cropped = preprocess.resize(&strip);
        assert!(cropped.as_raw().iter().all(|&value| value == 9));
    }

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
