//! Decoding an image file of any supported format into 8-bit pixels.
//!
//! Pixels are interpreted as Pillow does, with these rules:
//!
//! * The format is detected from the first bytes; the extension is ignored.
//! * 16-bit samples keep their high byte (`v >> 8`). Images widened from 8 bits come back unchanged.
//!   A 12-bit camera image stored in the low bits becomes dark: scale it to the full range first.
//! * Palettes, 1-, 2- and 4-bit gray, and CMYK are expanded before any resizing. (Pillow resizes
//!   palette images by nearest neighbour, which would add jagged edges.)
//! * Alpha of gray and RGB files is kept for resizing, then dropped without blending. Transparency
//!   that a PNG adds to a palette or to a single colour is ignored from the start.
//! * The EXIF orientation is ignored, as `Image.open` does, so that masks drawn on the stored pixels
//!   stay aligned. Rotate the file itself to change that.
//! * The first page or frame is read where there are several.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ::image::error::UnsupportedErrorKind;
use ::image::{
    ColorType, DynamicImage, ExtendedColorType, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits,
    RgbImage,
};

use super::error::ImageError;
use super::jpeg::Jpeg;
use super::raster::{Mode, Raster};

/// Images with more pixels than this are refused from their header, before memory is reserved for
/// them: 2^28, a square of 16,384. At 3 bytes a pixel that is 0.8 GB.
pub const MAX_PIXELS: u64 = 1 << 28;

/// How 16-bit samples become bytes.
#[derive(Clone, Copy)]
enum Narrow {
    /// `v >> 8`, for photographs.
    HighByte,
    /// `min(v, 255)`, for label images, where 1 of 65,535 is a label and not almost zero.
    Clip,
}

/// An image file whose header has been read and checked.
pub struct Source {
    path: PathBuf,
    width: u32,
    height: u32,
    kind: Kind,
}

enum Kind {
    Jpeg(Jpeg),
    Other {
        decoder: Box<dyn ImageDecoder>,
        /// Alpha that is not a channel of the file but derived from a transparent colour.
        drop_alpha: bool,
    },
}

impl Source {
    /// Opens `path` and reads its header; nothing is decoded yet.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let io = |e| ImageError::from_io(path, e);
        let metadata = fs::metadata(path).map_err(io)?;
        if !metadata.is_file() {
            return Err(ImageError::NotAFile { path: path.into() });
        }
        let mut file = File::open(path).map_err(io)?;
        let mut head = Vec::new();
        file.by_ref().take(64).read_to_end(&mut head).map_err(io)?;
        if head.is_empty() {
            return Err(ImageError::Empty { path: path.into() });
        }
        let format = sniff(path, &head)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;

        let (kind, (width, height)) = if format == ImageFormat::Jpeg {
            let mut bytes = Vec::with_capacity(metadata.len() as usize);
            file.read_to_end(&mut bytes).map_err(io)?;
            let jpeg = guarded(path, || Jpeg::new(path, bytes))?;
            let size = jpeg.dimensions();
            (Kind::Jpeg(jpeg), size)
        } else {
            let mut reader = ImageReader::with_format(BufReader::new(file), format);
            let mut limits = Limits::no_limits();
            // Room for the largest allowed image at 8 bytes a pixel and as much again for the decoder.
            limits.max_alloc = Some(MAX_PIXELS * 16);
            reader.limits(limits);
            let decoder = guarded(path, || reader.into_decoder().map_err(|e| image_error(path, e)))?;
            let size = decoder.dimensions();
            let kind = Kind::Other {
                decoder: Box::new(decoder),
                drop_alpha: format == ImageFormat::Png && !png_has_alpha_channel(&head),
            };
            (kind, size)
        };

        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(ImageError::TooLarge { path: path.into(), width, height, limit: MAX_PIXELS });
        }
        if width == 0 || height == 0 {
            return Err(ImageError::Corrupt {
                path: path.into(),
                detail: format!("its header says {width}x{height}"),
            });
        }
        Ok(Self { path: path.into(), width, height, kind })
    }

    /// Width and height in pixels, as stored.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Decodes the pixels; 16-bit samples keep their high byte.
    pub fn decode(self) -> Result<Raster, ImageError> {
        self.decode_as(Narrow::HighByte)
    }

    fn decode_as(self, narrow: Narrow) -> Result<Raster, ImageError> {
        let path = &self.path;
        match self.kind {
            Kind::Jpeg(jpeg) => guarded(path, || jpeg.decode(path)),
            Kind::Other { decoder, drop_alpha } => {
                if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
                    return Err(ImageError::UnsupportedPixels {
                        path: path.into(),
                        detail: "32-bit floating point samples".into(),
                    });
                }
                let image =
                    guarded(path, || DynamicImage::from_decoder(decoder).map_err(|e| image_error(path, e)))?;
                to_raster(path, image, narrow, drop_alpha)
            }
        }
    }
}

/// Decodes the image at `path` in the channels of its file; see the [module](self) for the rules.
///
/// # Errors
/// A missing, empty, truncated, damaged, oversized or unsupported file; see [`ImageError`].
pub fn load(path: impl AsRef<Path>) -> Result<Raster, ImageError> {
    Source::open(path.as_ref())?.decode()
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
/// std::fs::write(&path, b"P5 2 1 65535\n\x00\x01\x10\x00")?; // 16-bit gray: 1 and 4096
/// assert_eq!(load_labels(&path)?.as_raw(), &[1, 255]);
/// assert_eq!(load(&path)?.as_bytes(), [0, 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_labels(path: impl AsRef<Path>) -> Result<GrayImage, ImageError> {
    let source = Source::open(path.as_ref())?;
    source.decode_as(Narrow::Clip).map(Raster::into_gray)
}

/// Detects the format from the first bytes.
fn sniff(path: &Path, head: &[u8]) -> Result<ImageFormat, ImageError> {
    let not_an_image = |detail: &str| ImageError::NotAnImage { path: path.into(), detail: detail.into() };
    match ::image::guess_format(head) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::Bmp
            | ImageFormat::Tiff
            | ImageFormat::WebP
            | ImageFormat::Pnm),
        ) => Ok(format),
        Ok(other) => Err(not_an_image(&format!("its content is {other:?}"))),
        // Cloning a data set without its large files leaves small text files under the images' names.
        Err(_) if head.starts_with(b"version https://git-lfs") => {
            Err(not_an_image("it is a Git LFS pointer; run `git lfs pull` to fetch the image"))
        }
        Err(_) => Err(not_an_image("its content is of no known format")),
    }
}

/// Whether a PNG's own colour type (gray + alpha or RGBA) has alpha; byte 25, in the first chunk.
fn png_has_alpha_channel(head: &[u8]) -> bool {
    matches!(head.get(25), Some(4 | 6))
}

/// Runs a decoder so that a panic inside it becomes an error of the file: one malformed file in a folder of
/// thousands must not end the run.
fn guarded<T>(path: &Path, decode: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        Err(ImageError::Corrupt { path: path.into(), detail: "the decoder failed".into() })
    })
}

fn image_error(path: &Path, error: ::image::ImageError) -> ImageError {
    use ::image::ImageError as E;
    match error {
        E::IoError(e) => ImageError::from_io(path, e),
        E::Unsupported(e) => ImageError::UnsupportedPixels {
            path: path.into(),
            detail: match e.kind() {
                UnsupportedErrorKind::Color(ExtendedColorType::Unknown(bits)) => {
                    format!("{bits} bits a pixel in an unknown or floating point layout")
                }
                _ => e.to_string(),
            },
        },
        e => {
            // Some decoders wrap the end of the file in an error of their own.
            let mut cause: Option<&dyn std::error::Error> = Some(&e);
            while let Some(inner) = cause {
                let io = inner.downcast_ref::<std::io::Error>();
                if io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof) {
                    return ImageError::Truncated { path: path.into(), detail: e.to_string() };
                }
                cause = inner.source();
            }
            ImageError::Corrupt { path: path.into(), detail: e.to_string() }
        }
    }
}

fn to_raster(
    path: &Path,
    image: DynamicImage,
    narrow: Narrow,
    drop_alpha: bool,
) -> Result<Raster, ImageError> {
    let (width, height) = (image.width(), image.height());
    let bytes = |samples: Vec<u16>| -> Vec<u8> {
        let narrowed = samples.into_iter().map(|v| match narrow {
            Narrow::HighByte => (v >> 8) as u8,
            Narrow::Clip => v.min(255) as u8,
        });
        narrowed.collect()
    };
    let (mode, data) = match image {
        DynamicImage::ImageLuma8(i) => (Mode::L, i.into_raw()),
        DynamicImage::ImageLumaA8(i) => (Mode::La, i.into_raw()),
        DynamicImage::ImageRgb8(i) => (Mode::Rgb, i.into_raw()),
        DynamicImage::ImageRgba8(i) => (Mode::Rgba, i.into_raw()),
        DynamicImage::ImageLuma16(i) => (Mode::L, bytes(i.into_raw())),
        DynamicImage::ImageLumaA16(i) => (Mode::La, bytes(i.into_raw())),
        DynamicImage::ImageRgb16(i) => (Mode::Rgb, bytes(i.into_raw())),
        DynamicImage::ImageRgba16(i) => (Mode::Rgba, bytes(i.into_raw())),
        other => {
            return Err(ImageError::UnsupportedPixels {
                path: path.into(),
                detail: format!("{:?} samples", other.color()),
            });
        }
    };
    let raster = Raster::new(width, height, mode, data).ok_or_else(|| ImageError::Corrupt {
        path: path.into(),
        detail: "the pixels do not fill the frame".into(),
    })?;
    Ok(match mode {
        Mode::La if drop_alpha => raster.into_gray().into(),
        Mode::Rgba if drop_alpha => raster.into_rgb().into(),
        _ => raster,
    })
}

#[cfg(test)]
mod tests;
