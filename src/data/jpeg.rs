//! JPEG decoding that refuses damaged files.
//!
//! Lenient decoders fill what is missing with gray and report success, and defect detection must not run on
//! invented surfaces. So the decoder runs in its strict mode, after a walk through the marker structure has found the
//! end of the image.

use std::path::Path;

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::error::ImageError;
use super::raster::{Mode, Raster};

/// A JPEG file in memory whose headers have been read.
pub(super) struct Jpeg {
    bytes: Vec<u8>,
    width: u32,
    height: u32,
    colours: ColorSpace,
}

impl Jpeg {
    /// Reads the headers; decodes nothing yet.
    pub(super) fn new(path: &Path, bytes: Vec<u8>) -> Result<Self, ImageError> {
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes[..]), options());
        let header = decoder.decode_headers();
        if !has_end(&bytes) {
            return Err(ImageError::Truncated {
                path: path.into(),
                detail: "the JPEG end marker is missing".into(),
            });
        }
        header.map_err(|e| damaged(path, &e))?;
        let (Some((width, height)), Some(colours)) = (decoder.dimensions(), decoder.input_colorspace())
        else {
            return Err(damaged(path, &"no frame header"));
        };
        Ok(Self { bytes, width: width as u32, height: height as u32, colours })
    }

    pub(super) fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Decodes to gray where the file is gray, else to RGB. CMYK and YCCK are assumed to be stored inverted
    /// (as Adobe does and Pillow assumes) and become `C·K/255` in the inverted values.
    pub(super) fn decode(self, path: &Path) -> Result<Raster, ImageError> {
        let (mode, target) = match self.colours {
            ColorSpace::Luma => (Mode::L, ColorSpace::Luma),
            _ => (Mode::Rgb, ColorSpace::RGB),
        };
        let options = options().jpeg_set_out_colorspace(target);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&self.bytes[..]), options);
        let pixels = decoder.decode().map_err(|e| match e {
            DecodeErrors::ExhaustedData => ImageError::Truncated { path: path.into(), detail: e.to_string() },
            e => damaged(path, &e),
        })?;
        Raster::new(self.width, self.height, mode, pixels)
            .ok_or_else(|| damaged(path, &"the pixels do not fill the frame"))
    }
}

fn options() -> DecoderOptions {
    // The size limit is ours (`MAX_PIXELS`), not the decoder's default of 16384 a side.
    DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
}

fn damaged(path: &Path, detail: &dyn std::fmt::Display) -> ImageError {
    ImageError::Corrupt { path: path.into(), detail: detail.to_string() }
}

/// Whether the image data are followed by the end marker.
///
/// Searching for the two bytes alone would find the end of an embedded thumbnail, so segments are
/// stepped over by their length, and only entropy-coded data are searched: there a 0xFF byte is
/// always escaped by a zero, which makes the next marker unmistakable.
fn has_end(bytes: &[u8]) -> bool {
    const EOI: u8 = 0xD9;
    const RST0: u8 = 0xD0;
    const RST7: u8 = 0xD7;
    const TEM: u8 = 0x01;
    let mut at = 2;
    loop {
        // To the next marker: a 0xFF followed by neither the escape zero nor another 0xFF.
        let Some(found) = bytes.get(at..).and_then(|rest| {
            let is_marker = |w: &[u8]| w[0] == 0xFF && !matches!(w[1], 0x00 | 0xFF);
            rest.windows(2).position(is_marker)
        }) else {
            return false;
        };
        at += found + 2;
        match bytes[at - 1] {
            EOI => return true,
            RST0..=RST7 | TEM => {}
            _ => {
                let Some(&[high, low]) = bytes.get(at..at + 2) else {
                    return false;
                };
                at += usize::from(u16::from_be_bytes([high, low])).max(2);
            }
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
        assert!(has_end(&image));
        for cut in 2..image.len() {
            assert!(!has_end(&image[..cut]), "cut at {cut}");
        }
        assert!(has_end(&[&image[..], b"trailing bytes of a camera"].concat()));
    }
}
