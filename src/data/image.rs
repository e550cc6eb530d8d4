//! Decoding an image file of any supported format into 8-bit pixels.
//!
//! Pixels are interpreted as Pillow does, with these rules:
//!
//! * The format is detected from the first bytes; the extension is ignored.
//! * 16-bit samples keep their high byte (`v >> 8`), those of a camera of fewer bits the upper byte of its bits, by the
//!   rule of [`depth`](super::depth). Images widened from 8 bits come back unchanged.
//! * Palettes, 1-, 2- and 4-bit gray, and CMYK are expanded before any resizing. (Pillow resizes
//!   palette images by nearest neighbour, which would add jagged edges.)
//! * Photos are read without alpha: each pixel has its colour, however transparent it is. [`load`] keeps the alpha of
//!   gray and RGB files. Transparency that a PNG adds to a palette or to a single colour is ignored from the start.
//! * Photos are turned upright by their EXIF orientation; see [`orientation`].
//! * The first page or frame is read where there are several.
//!
//! What a user would not expect is told with the photo, in [`ReadInfo::notes`].

use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::error::ImageError;
use super::jpeg::Jpeg;
use super::orientation::{self, Frame};
use super::raster::Raster;
use crate::files::{BUDGET, Budget, Held, open_regular};
use convert::{Narrow, guarded, to_raster};
use facts::Facts;
use format::{png_has_alpha_channel, sniff};
pub use info::{ReadInfo, ReadOptions};
use input::Input;
use samples::Samples;

mod convert;
mod facts;
mod format;
mod info;
mod input;
mod samples;

/// Images with more pixels than this are refused from their header, before memory is reserved for
/// them: 2^28, a square of 16,384. At 3 bytes a pixel that is 0.8 GB.
pub const MAX_PIXELS: u64 = BUDGET.pixels;

/// An image file whose header has been read and checked.
pub struct Source {
    path: PathBuf,
    options: ReadOptions,
    facts: Facts,
    frame: Frame,
    kind: Kind,
}

enum Kind {
    Jpeg(Jpeg),
    Samples(Box<Samples>),
    Other {
        decoder: Box<dyn ImageDecoder>,
        /// Alpha that is not a channel of the file but derived from a transparent colour.
        drop_alpha: bool,
    },
}

impl Source {
    /// Opens `path` and reads its header; nothing is decoded yet.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        Self::open_with(path, ReadOptions::default())
    }

    /// As [`Source::open`], to be read with these options.
    pub fn open_with(path: &Path, options: ReadOptions) -> Result<Self, ImageError> {
        let file = open_regular(path).map_err(|e| ImageError::from_io(path, e))?;
        Self::read(path, Input::File(file), options)
    }

    /// The image in the bytes of a file; `name` stands for it in errors.
    ///
    /// # Errors
    /// As [`Source::open_with`].
    pub fn from_bytes(name: &Path, bytes: Arc<[u8]>, options: ReadOptions) -> Result<Self, ImageError> {
        Self::read(name, Input::Memory(Cursor::new(bytes)), options)
    }

    fn read(path: &Path, mut file: Input, options: ReadOptions) -> Result<Self, ImageError> {
        let io = |e| ImageError::from_io(path, e);
        let length = file.length().map_err(io)?;
        let mut head = Vec::new();
        file.by_ref().take(64).read_to_end(&mut head).map_err(io)?;
        if head.is_empty() {
            return Err(ImageError::Empty { path: path.into() });
        }
        let format = sniff(path, &head)?;
        let mut facts = guarded(path, || Ok(Facts::read(format, &mut file)))?;

        let (kind, (width, height)) = if format == ImageFormat::Jpeg {
            file.seek(SeekFrom::Start(0)).map_err(io)?;
            let over = |source| ImageError::OverBudget { path: path.into(), source };
            BUDGET.check_file(length).map_err(over)?;
            let mut bytes = Budget::reserve(length).map_err(over)?;
            file.by_ref().take(length).read_to_end(&mut bytes).map_err(io)?;
            let jpeg = guarded(path, || Jpeg::new(path, bytes, options.lenient))?;
            facts.exif = jpeg.exif().unwrap_or(1);
            let size = jpeg.dimensions();
            (Kind::Jpeg(jpeg), size)
        } else if let Some(mut samples) = open_samples(path, format, &file)? {
            let size = samples.dimensions();
            (Kind::Samples(Box::new(samples)), size)
        } else {
            file.seek(SeekFrom::Start(0)).map_err(io)?;
            let mut reader = ImageReader::with_format(BufReader::new(file), format);
            let mut limits = Limits::no_limits();
            // Room for the largest allowed image at 8 bytes a pixel and as much again for the decoder.
            limits.max_alloc = Some(BUDGET.pixels * 16);
            reader.limits(limits);
            let decoder = guarded(path, || reader.into_decoder().map_err(|e| convert::image_error(path, e)))?;
            let size = decoder.dimensions();
            let kind = Kind::Other {
                decoder: Box::new(decoder),
                drop_alpha: format == ImageFormat::Png && !png_has_alpha_channel(&head),
            };
            (kind, size)
        };

        let pixels = u64::from(width) * u64::from(height);
        let most = if matches!(kind, Kind::Samples(_)) { BUDGET.pixels_in_strips } else { MAX_PIXELS };
        if pixels > most {
            return Err(ImageError::TooLarge { path: path.into(), width, height, limit: most });
        }
        if width == 0 || height == 0 {
            return Err(ImageError::Corrupt {
                path: path.into(),
                detail: format!("its header says {width}x{height}"),
            });
        }
        let implausible =
            |reason: String| Err(ImageError::Implausible { path: path.into(), width, height, reason });
        if width.max(height) > BUDGET.side {
            return implausible(format!("have a side above the limit of {}; cut it into parts", BUDGET.side));
        }
        if !BUDGET.is_plausible((width, height), length) {
            return implausible(format!(
                "in a file of {length} bytes are one uniform surface, or made to fill the memory; scale it down first"
            ));
        }
        let frame = Frame::new((width, height), facts.exif, options.orient);
        Ok(Self { path: path.into(), options, facts, frame, kind })
    }

    /// Width and height in pixels, the right way up.
    pub fn dimensions(&self) -> (u32, u32) {
        self.frame.size
    }

    /// Its size, and which way up it is read.
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// Decodes the pixels in the channels of the file, alpha included.
    pub fn decode(self) -> Result<Raster, ImageError> {
        self.check_whole()?;
        Ok(self.decoded(None)?.0)
    }

    /// # Errors
    /// An image that can only be kept reduced, which is good for photos alone.
    fn check_whole(&self) -> Result<(), ImageError> {
        let (width, height) = self.frame.size;
        match self.reduction() {
            1 => Ok(()),
            _ => Err(ImageError::TooLarge { path: self.path.clone(), width, height, limit: MAX_PIXELS }),
        }
    }

    /// Side of the squares of pixels that become one, so that few enough are kept.
    fn reduction(&self) -> u32 {
        let (width, height) = self.frame.size;
        let kept = |side: u32| u64::from(width.div_ceil(side)) * u64::from(height.div_ceil(side));
        match kept(1) > MAX_PIXELS {
            true => (2..).find(|&side| kept(side) <= BUDGET.reduced_pixels).unwrap_or(u32::MAX),
            false => 1,
        }
    }

    /// Decodes a photo: without alpha, and with what a user should know of it.
    pub fn decode_photo(self) -> Result<(Raster, ReadInfo), ImageError> {
        let (raster, mut info) = self.decoded(None)?;
        let (raster, hidden) = raster.without_alpha();
        info.add_hidden(hidden);
        Ok((raster, info))
    }

    fn decoded(self, labels: Option<Narrow>) -> Result<(Raster, ReadInfo), ImageError> {
        let reduced = self.reduction();
        let Self { path, options, facts, frame, kind } = self;
        let path = &path;
        let mut info = ReadInfo { reduced, frame, ..ReadInfo::plain(frame.size) };
        let narrow = labels.unwrap_or(Narrow::Upper {
            asked: options.bits,
            stated: facts.bits,
            turned: facts.white_is_zero,
        });
        let raster = match kind {
            Kind::Jpeg(jpeg) => {
                let (raster, fault) = guarded(path, || jpeg.decode(path))?;
                info.notes.extend(fault);
                raster
            }
            Kind::Samples(samples) => {
                let (raster, depth) = guarded(path, || samples.decode(path, narrow, reduced))?;
                info.add(depth);
                raster
            }
            Kind::Other { decoder, drop_alpha } => {
                let image = guarded(path, || {
                    DynamicImage::from_decoder(decoder).map_err(|e| convert::image_error(path, e))
                })?;
                let (raster, depth) = to_raster(path, image, narrow)?;
                info.add(depth);
                match drop_alpha {
                    true => {
                        let (raster, hidden) = raster.without_alpha();
                        info.add_hidden(hidden);
                        raster
                    }
                    false => raster,
                }
            }
        };
        info.notes.extend((reduced > 1).then(|| {
            format!(
                "it is too large to be kept: each {reduced}x{reduced} of its pixels were averaged into one"
            )
        }));
        info.notes.extend(orientation::note(&frame));
        Ok((orientation::upright(raster, &frame), info))
    }
}

/// Reads a photo and uses it. Meanwhile it counts among the pixels that may be decoded
/// [at once](crate::files::Budget::pixels_at_once), so that `then` must read no other one.
///
/// # Errors
/// See [`ImageError`].
pub fn with_photo<T>(
    path: &Path,
    options: ReadOptions,
    then: impl FnOnce(Raster, ReadInfo) -> T,
) -> Result<T, ImageError> {
    Source::open_with(path, options)?.with_photo(then)
}

impl Source {
    /// Decodes the photo and gives it to `then`, while its pixels are held in the budget.
    ///
    /// # Errors
    /// As [`Source::decode_photo`].
    pub fn with_photo<T>(self, then: impl FnOnce(Raster, ReadInfo) -> T) -> Result<T, ImageError> {
        let _held = self.hold();
        let (raster, info) = self.decode_photo()?;
        Ok(then(raster, info))
    }

    /// Waits until there is room for this image beside those that are in use, in the whole program: a dozen threads
    /// with a 200-megapixel scan each would need more memory than most machines have.
    fn hold(&self) -> Held {
        let (width, height) = self.frame.size;
        BUDGET.hold(u64::from(width) * u64::from(height))
    }
}

/// Decodes the image at `path` in the channels of its file; see the [module](self) for the rules.
///
/// # Errors
/// A missing, empty, truncated, damaged, oversized or unsupported file; see [`ImageError`].
pub fn load(path: impl AsRef<Path>) -> Result<Raster, ImageError> {
    let source = Source::open(path.as_ref())?;
    let _held = source.hold();
    source.decode()
}

/// [`load`], then [`Raster::into_rgb`]: for display, not for resizing (with alpha the order matters).
pub fn load_rgb(path: impl AsRef<Path>) -> Result<RgbImage, ImageError> {
    load(path).map(Raster::into_rgb)
}

/// Decodes a label or mask image to gray such that every label above zero stays above zero: 16-bit
/// samples are clipped to 255 instead of losing their low byte.
///
/// ```
/// use dapo_wgpu::data::{load, load_labels};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("labels.pgm");
/// std::fs::write(&path, b"P5 2 1 65535\n\x00\x01\x80\x00")?; // 16-bit gray: 1 and 32768
/// assert_eq!(load_labels(&path)?.as_raw(), &[1, 255]);
/// assert_eq!(load(&path)?.as_bytes(), [0, 128]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_labels(path: impl AsRef<Path>) -> Result<GrayImage, ImageError> {
    let source = Source::open(path.as_ref())?;
    let _held = source.hold();
    source.check_whole()?;
    source.decoded(Some(Narrow::Clip)).map(|(raster, _)| raster.into_gray())
}

/// A TIFF that `image` does not hand out.
fn open_samples(path: &Path, format: ImageFormat, file: &Input) -> Result<Option<Samples>, ImageError> {
    if format != ImageFormat::Tiff {
        return Ok(None);
    }
    let mut file = file.try_clone().map_err(|e| ImageError::from_io(path, e))?;
    let found = guarded(path, || {
        file.seek(SeekFrom::Start(0)).map_err(|e| ImageError::from_io(path, e))?;
        Ok(Samples::open(BufReader::new(file)))
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests;
