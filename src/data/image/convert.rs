//! From what decoders give to 8-bit pixels, and from their errors to ours.

use std::path::Path;

use ::image::error::UnsupportedErrorKind;
use ::image::{DynamicImage, ExtendedColorType};

use crate::data::depth::{Bits, Depth, Values, depth, narrow as narrowed};
use crate::data::error::ImageError;
use crate::data::raster::{Mode, Raster};
use crate::files::contained;

/// How 16-bit samples become bytes.
#[derive(Clone, Copy)]
pub(super) enum Narrow {
    /// The upper eight of the bits that hold the photo.
    Upper {
        /// Bits that were asked for.
        asked: Bits,
        /// Bits that the file states.
        stated: Option<u8>,
        /// Whether white was stored as zero, and samples were turned over within all 16 bits.
        turned: bool,
    },
    /// `min(v, 255)`, for label images, where 1 of 65,535 is a label and not almost zero.
    Clip,
}

/// The pixels, and for 16-bit photos what their samples were taken for.
pub(super) fn to_raster(
    path: &Path,
    image: DynamicImage,
    narrow: Narrow,
) -> Result<(Raster, Option<Depth>), ImageError> {
    let (width, height) = (image.width(), image.height());
    let mut found = None;
    let mut bytes = |mode: Mode, samples: Vec<u16>| {
        let (channels, alpha) = (mode.channels(), mode.has_alpha());
        let bytes = match narrow {
            Narrow::Clip => samples.into_iter().map(|v| v.min(255) as u8).collect(),
            Narrow::Upper { asked, stated, turned } => {
                // As stored, so that the bits are found; turned over again below.
                let samples: Vec<u16> =
                    if turned { samples.into_iter().map(|v| u16::MAX - v).collect() } else { samples };
                let is_alpha = |at: usize| alpha && at % channels == channels - 1;
                let colours = samples.iter().enumerate().filter(|(at, _)| !is_alpha(*at)).map(|(_, &v)| v);
                let depth = depth(&Values::new(colours), asked, stated);
                let bits = |at: usize| if is_alpha(at) { 16 } else { depth.bits };
                let turn = if turned { u8::MAX } else { 0 };
                let bytes =
                    samples.into_iter().enumerate().map(|(at, v)| narrowed(v, bits(at)) ^ turn).collect();
                found = Some(depth);
                bytes
            }
        };
        (mode, bytes)
    };
    let (mode, data) = match image {
        DynamicImage::ImageLuma8(i) => (Mode::L, i.into_raw()),
        DynamicImage::ImageLumaA8(i) => (Mode::La, i.into_raw()),
        DynamicImage::ImageRgb8(i) => (Mode::Rgb, i.into_raw()),
        DynamicImage::ImageRgba8(i) => (Mode::Rgba, i.into_raw()),
        DynamicImage::ImageLuma16(i) => bytes(Mode::L, i.into_raw()),
        DynamicImage::ImageLumaA16(i) => bytes(Mode::La, i.into_raw()),
        DynamicImage::ImageRgb16(i) => bytes(Mode::Rgb, i.into_raw()),
        DynamicImage::ImageRgba16(i) => bytes(Mode::Rgba, i.into_raw()),
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
    Ok((raster, found))
}

/// An error of a decoder, by its cause.
pub(super) fn image_error(path: &Path, error: ::image::ImageError) -> ImageError {
    use ::image::ImageError as E;
    match error {
        E::IoError(e) => ImageError::from_io(path, e),
        E::Unsupported(e) => ImageError::UnsupportedPixels {
            path: path.into(),
            detail: match e.kind() {
                UnsupportedErrorKind::Color(ExtendedColorType::Unknown(bits)) => {
                    format!("{bits} bits a pixel in a layout that is not read")
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

/// Runs a decoder so that a panic inside it becomes an error of the file: one malformed file in a folder of
/// thousands must not end the run.
pub(super) fn guarded<T>(
    path: &Path,
    decode: impl FnOnce() -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    contained(decode).unwrap_or_else(|| {
        Err(ImageError::Corrupt { path: path.into(), detail: "the decoder failed".into() })
    })
}
