//! An image file, decoded once: the inputs of a model and a picture for display.

use std::path::Path;
use std::sync::Arc;

use ::image::RgbImage;

use super::error::ImageError;
use super::image::{ReadInfo, ReadOptions, Source, with_photo};
use super::preprocess::Preprocess;
use super::raster::{Mode, Raster};
use super::tiles::{Tile, Tiling};

/// An image ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Photo {
    /// Width and height in pixels, the right way up.
    pub original_size: (u32, u32),
    /// How it was read.
    pub info: ReadInfo,
    /// The original, no side longer than asked for; `None` when none was asked for.
    pub picture: Option<RgbImage>,
    /// The whole image and then each tile, resized to the network's square, before normalisation.
    pub inputs: Vec<RgbImage>,
    /// Where the tiles lie; empty when the image is not cut.
    pub tiles: Vec<Tile>,
}

/// How image files are read: decoded once, cut, resized, and scaled down for display.
#[derive(Debug)]
pub struct PhotoReader {
    preprocess: Preprocess,
    tiling: Option<Tiling>,
    /// Longest side of the pictures to keep; 0 for none.
    picture_side: u32,
    options: ReadOptions,
}

impl PhotoReader {
    /// Whole images, without pictures.
    pub fn new(preprocess: Preprocess) -> Self {
        Self { preprocess, tiling: None, picture_side: 0, options: ReadOptions::default() }
    }

    /// Reads with these options.
    pub fn with_options(self, options: ReadOptions) -> Self {
        Self { options, ..self }
    }

    /// Cuts images into tiles, too.
    pub fn with_tiling(self, tiling: Option<Tiling>) -> Self {
        Self { tiling, ..self }
    }

    /// Keeps a picture of each image, no side longer than this; 0 for none.
    pub fn with_pictures(self, side: u32) -> Self {
        Self { picture_side: side, ..self }
    }

    /// The transform of images.
    pub fn preprocess(&self) -> Preprocess {
        self.preprocess.clone()
    }

    /// Reads an image file. The file is decoded once for all outputs.
    ///
    /// # Errors
    /// See [`ImageError`].
    pub fn read(&self, path: &Path) -> Result<Photo, ImageError> {
        with_photo(path, self.options, |original, info| self.prepare(original, info))
    }

    /// As [`PhotoReader::read`], from the bytes of a file; `name` stands for it in errors.
    ///
    /// # Errors
    /// As [`PhotoReader::read`].
    pub fn read_bytes(&self, name: &Path, bytes: Arc<[u8]>) -> Result<Photo, ImageError> {
        let source = Source::from_bytes(name, bytes, self.options)?;
        source.with_photo(|original, info| self.prepare(original, info))
    }

    /// As [`PhotoReader::read`], of pixels that are in memory, the right way up.
    pub fn read_raster(&self, pixels: Raster) -> Photo {
        let info = ReadInfo::plain((pixels.width(), pixels.height()));
        self.prepare(pixels, info)
    }

    fn prepare(&self, original: Raster, info: ReadInfo) -> Photo {
        let (size, reduced) = (info.frame.size, info.reduced);
        let (mut inputs, mut tiles) = (vec![self.preprocess.resize(&original)], Vec::new());
        for tile in self.tiling.map_or_else(Vec::new, |tiling| tiling.tiles(size)) {
            if let Some(part) = original.part(
                tile.x / reduced,
                tile.y / reduced,
                tile.width.div_ceil(reduced),
                tile.height.div_ceil(reduced),
            ) {
                inputs.push(self.preprocess.resize(&part));
                tiles.push(tile);
            }
        }
        let picture = (self.picture_side > 0).then(|| scaled_down(original, self.picture_side));
        Photo { original_size: size, info, picture, inputs, tiles }
    }
}

/// The image in RGB, scaled down so that no side exceeds `side`.
fn scaled_down(image: Raster, side: u32) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let longest = width.max(height);
    if longest <= side {
        return image.into_rgb();
    }
    let scaled = |n: u32| (u64::from(n) * u64::from(side)).div_ceil(u64::from(longest)) as u32;
    match image.mode() {
        // Three channels only once it is small: the channels do not mix.
        Mode::L | Mode::La => {
            let small = ::image::imageops::thumbnail(&image.into_gray(), scaled(width), scaled(height));
            Raster::from(small).into_rgb()
        }
        Mode::Rgb | Mode::Rgba => {
            ::image::imageops::thumbnail(&image.into_rgb(), scaled(width), scaled(height))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_has_the_whole_its_tiles_and_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        // Left half black, right half white.
        RgbImage::from_fn(200, 100, |x, _| [if x < 100 { 0 } else { 255 }; 3].into()).save(&path).unwrap();
        let plain = PhotoReader::new(Preprocess::clip(8)).read(&path).unwrap();
        assert_eq!((plain.original_size, plain.inputs.len(), plain.picture), ((200, 100), 1, None));
        let tiling = Tiling { edge: 100, overlap: 0.0 };
        let reader = PhotoReader::new(Preprocess::clip(8)).with_tiling(Some(tiling)).with_pictures(50);
        let photo = reader.read(&path).unwrap();
        assert_eq!(photo.tiles.iter().map(|t| (t.x, t.width)).collect::<Vec<_>>(), [(0, 100), (100, 100)]);
        assert_eq!(photo.inputs[0], plain.inputs[0]);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(reader.read_bytes(&path, bytes.into()).unwrap(), photo);
        let pixels = Raster::from(::image::open(&path).unwrap().into_rgb8());
        assert_eq!(reader.read_raster(pixels).inputs, photo.inputs);
        assert!(photo.inputs[1].as_raw().iter().all(|&v| v == 0));
        assert!(photo.inputs[2].as_raw().iter().all(|&v| v == 255));
        assert_eq!(photo.picture.map(|p| p.dimensions()), Some((50, 25)));
    }

    #[test]
    fn a_gray_photo_is_scaled_as_its_copy_in_colour_is() {
        let gray = ::image::GrayImage::from_fn(301, 77, |x, y| [((x * 7 + y * 13) % 251) as u8].into());
        let colour = Raster::from(gray.clone()).into_rgb();
        for side in [400, 301, 64, 9] {
            assert_eq!(scaled_down(gray.clone().into(), side), scaled_down(colour.clone().into(), side));
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let reader = PhotoReader::new(Preprocess::clip(8));
        assert!(matches!(reader.read(&path), Err(ImageError::NotFound { .. })));
        std::fs::write(&path, b"\x89PNG\r\n\x1a\n").unwrap();
        assert!(reader.read(&path).is_err());
    }
}
