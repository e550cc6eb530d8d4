//! JPEG decoding that refuses damaged files, unless it is asked to be lenient.
//!
//! Lenient decoders fill what is missing with gray and report success, and defect detection must not run on
//! invented surfaces. So the decoder runs in its strict mode, after a walk through the marker structure has found the
//! end of the image. Some cameras leave out that end in every file, or put bytes of their own between the segments:
//! such files are read when it is asked for (`--lenient`), and then each says what was wrong with it.

use std::path::Path;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::error::ImageError;
use super::orientation::of_exif;
use super::raster::{Mode, Raster};
use crate::files::BUDGET;

/// Pixels that the scans of a progressive file go over, each over the whole image: a small file with very many would take
/// hours. Encoders write about ten scans.
const MAX_SCANNED: u64 = 1 << 32;
/// Scans of an image of any size.
const MAX_SCANS: u64 = 200;

/// A JPEG file in memory whose headers have been read.
pub(super) struct Jpeg {
    bytes: Vec<u8>,
    header: Header,
    /// What is wrong with the file, where it is read nevertheless.
    fault: Option<String>,
    lenient: bool,
}

#[derive(Clone, Copy)]
struct Header {
    width: u32,
    height: u32,
    colours: ColorSpace,
    exif: Option<u8>,
}

impl Jpeg {
    /// Reads the headers; decodes nothing yet.
    pub(super) fn new(path: &Path, bytes: Vec<u8>, lenient: bool) -> Result<Self, ImageError> {
        let structure = Structure::of(&bytes);
        if let Some(coding) = structure.coding.and_then(unread) {
            return Err(ImageError::UnsupportedCoding { path: path.into(), coding });
        }
        let strict = match headers(path, &bytes, true) {
            _ if !structure.has_end => {
                let detail = "the JPEG end marker is missing".into();
                Err(ImageError::Truncated { path: path.into(), detail })
            }
            header => header,
        };
        let error = match strict {
            Ok(header) => {
                check_scans(path, structure.scans, header)?;
                return Ok(Self { bytes, header, fault: None, lenient });
            }
            Err(error) => error,
        };
        let loose = headers(path, &bytes, false);
        if let Ok(header) = loose {
            check_scans(path, structure.scans, header)?;
        }
        match loose {
            Ok(header) if lenient => Ok(Self { bytes, header, fault: Some(fault(&error)), lenient }),
            Ok(header) => Err(offered(error, can_be_read(path, &bytes, header))),
            Err(_) => Err(error),
        }
    }

    pub(super) fn dimensions(&self) -> (u32, u32) {
        (self.header.width, self.header.height)
    }

    /// The EXIF orientation, if it has one.
    pub(super) fn exif(&self) -> Option<u8> {
        self.header.exif
    }

    /// Decodes to gray where the file is gray, else to RGB. CMYK and YCCK are assumed to be stored inverted
    /// (as Adobe does and Pillow assumes) and become `C·K/255` in the inverted values. Also what is wrong with the file,
    /// where that was passed over.
    pub(super) fn decode(self, path: &Path) -> Result<(Raster, Option<String>), ImageError> {
        let Self { bytes, header, fault: known, lenient } = self;
        let fault = match known {
            Some(fault) => fault,
            None => match pixels(path, &bytes, header, true) {
                Ok(raster) => return Ok((raster, None)),
                Err(error) if lenient => fault(&error),
                Err(error) => {
                    return Err(offered(error, can_be_read(path, &bytes, header)));
                }
            },
        };
        Ok((pixels(path, &bytes, header, false)?, Some(fault)))
    }
}

/// # Errors
/// More scans than a photo has.
fn check_scans(path: &Path, scans: usize, Header { width, height, .. }: Header) -> Result<(), ImageError> {
    let scans = scans as u64;
    if scans > MAX_SCANS || scans > 1 && scans * u64::from(width) * u64::from(height) > MAX_SCANNED {
        let reason = format!("in {scans} scans would take too long to decode; save it anew with fewer scans");
        return Err(ImageError::Implausible { path: path.into(), width, height, reason });
    }
    Ok(())
}

/// What is said of a file that was read in spite of an error.
fn fault(error: &ImageError) -> String {
    let detail = match error {
        ImageError::Truncated { detail, .. } | ImageError::Corrupt { detail, .. } => detail.clone(),
        other => other.to_string(),
    };
    format!("it is faulty and was read with --lenient ({detail}): parts of it may be gray or wrong")
}

/// Whether a lenient decoder reads the file. Large ones are not tried: this is for the words of an error.
fn can_be_read(path: &Path, bytes: &[u8], header: Header) -> bool {
    let is_small = u64::from(header.width) * u64::from(header.height) <= BUDGET.free_pixels;
    !is_small || pixels(path, bytes, header, false).is_ok()
}

/// The error, with the way out if there is one.
fn offered(error: ImageError, readable: bool) -> ImageError {
    if readable { ImageError::Faulty { error: Box::new(error) } } else { error }
}

fn headers(path: &Path, bytes: &[u8], strict: bool) -> Result<Header, ImageError> {
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options(strict));
    decoder.decode_headers().map_err(|e| damaged(path, &e))?;
    let (Some((width, height)), Some(colours)) = (decoder.dimensions(), decoder.input_colorspace()) else {
        return Err(damaged(path, &"no frame header"));
    };
    let exif = decoder.exif().and_then(|exif| of_exif(exif));
    Ok(Header { width: width as u32, height: height as u32, colours, exif })
}

fn pixels(path: &Path, bytes: &[u8], header: Header, strict: bool) -> Result<Raster, ImageError> {
    let (mode, target) = match header.colours {
        ColorSpace::Luma => (Mode::L, ColorSpace::Luma),
        _ => (Mode::Rgb, ColorSpace::RGB),
    };
    let options = options(strict).jpeg_set_out_colorspace(target);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|e| match e {
        DecodeErrors::ExhaustedData => ImageError::Truncated { path: path.into(), detail: e.to_string() },
        e => damaged(path, &e),
    })?;
    Raster::new(header.width, header.height, mode, pixels)
        .ok_or_else(|| damaged(path, &"the pixels do not fill the frame"))
}

fn options(strict: bool) -> DecoderOptions {
    // The size limit is ours (`MAX_PIXELS`), not the decoder's default of 16384 a side.
    DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
}

fn damaged(path: &Path, detail: &dyn std::fmt::Display) -> ImageError {
    ImageError::Corrupt { path: path.into(), detail: detail.to_string() }
}

/// How the image is coded: the number of its frame marker, and bits of a sample.
type Coding = (u8, u8);

/// The name of a coding that is not read.
fn unread((marker, bits): Coding) -> Option<String> {
    let name = match marker {
        0xC3 => "lossless JPEG",
        0xC5 | 0xC6 => "hierarchical JPEG",
        0xC7 => "hierarchical lossless JPEG",
        0xC9 | 0xCA => "JPEG with arithmetic coding",
        0xCB => "lossless JPEG with arithmetic coding",
        0xCD..=0xCF => "hierarchical JPEG with arithmetic coding",
        0xF7 => "JPEG-LS",
        _ if bits != 8 => return Some(format!("JPEG of {bits} bits a sample")),
        _ => return None,
    };
    Some(format!("{name}, {bits} bits a sample"))
}

/// The segments of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Structure {
    /// Of the first frame.
    coding: Option<Coding>,
    /// Scans of image data.
    scans: usize,
    /// Whether the image data are followed by the end marker.
    has_end: bool,
}

impl Structure {
    /// Walks through the segments.
    ///
    /// Searching for the two bytes of the end alone would find the end of an embedded thumbnail, so segments are
    /// stepped over by their length, and only entropy-coded data are searched: there a 0xFF byte is
    /// always escaped by a zero, which makes the next marker unmistakable.
    fn of(bytes: &[u8]) -> Self {
        const EOI: u8 = 0xD9;
        const SOS: u8 = 0xDA;
        const RST0: u8 = 0xD0;
        const RST7: u8 = 0xD7;
        const TEM: u8 = 0x01;
        let mut found = Self::default();
        let mut at = 2;
        loop {
            // To the next marker: a 0xFF followed by neither the escape zero nor another 0xFF.
            let Some(next) = bytes.get(at..).and_then(|rest| {
                let is_marker = |w: &[u8]| w[0] == 0xFF && !matches!(w[1], 0x00 | 0xFF);
                rest.windows(2).position(is_marker)
            }) else {
                return found;
            };
            at += next + 2;
            let marker = bytes[at - 1];
            match marker {
                EOI => return Self { has_end: true, ..found },
                RST0..=RST7 | TEM => continue,
                SOS => found.scans += 1,
                // Tables (C4, CC) and reserved (C8) have numbers among those of frames.
                0xC0..=0xCF | 0xF7 if !matches!(marker, 0xC4 | 0xC8 | 0xCC) && found.coding.is_none() => {
                    found.coding = bytes.get(at + 2).map(|&bits| (marker, bits));
                }
                _ => {}
            }
            let Some(&[high, low]) = bytes.get(at..at + 2) else {
                return found;
            };
            at += usize::from(u16::from_be_bytes([high, low])).max(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_distinguished_from_the_end_of_a_thumbnail() {
        // SOI, APP1 of 6 bytes that holds an EOI, SOS of 2 bytes, data with an escape, EOI.
        let image =
            [0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 0xFF, 0xD9, 0, 0, 0xFF, 0xDA, 0, 2, 1, 0xFF, 0, 2, 0xFF, 0xD9];
        assert!(Structure::of(&image).has_end);
        for cut in 2..image.len() {
            assert!(!Structure::of(&image[..cut]).has_end, "cut at {cut}");
        }
        assert!(Structure::of(&[&image[..], b"trailing bytes of a camera"].concat()).has_end);
    }
}
