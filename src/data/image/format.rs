//! The format of a file, from its first bytes.

use std::path::Path;

use ::image::ImageFormat;

use crate::data::error::ImageError;

/// Detects the format from the first bytes.
pub(super) fn sniff(path: &Path, head: &[u8]) -> Result<ImageFormat, ImageError> {
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
        // TIFF for files over 4 GiB, which `image` does not recognise but reads.
        Err(_) if head.starts_with(b"II\x2b\0\x08\0\0\0") || head.starts_with(b"MM\0\x2b\0\x08\0\0") => {
            Ok(ImageFormat::Tiff)
        }
        // Cloning a data set without its large files leaves small text files under the images' names.
        Err(_) if head.starts_with(b"version https://git-lfs") => {
            Err(not_an_image("it is a Git LFS pointer; run `git lfs pull` to fetch the image"))
        }
        Err(_) => Err(not_an_image("its content is of no known format")),
    }
}

/// Whether a PNG's own colour type (gray + alpha or RGBA) has alpha; byte 25, in the first chunk.
pub(super) fn png_has_alpha_channel(head: &[u8]) -> bool {
    matches!(head.get(25), Some(4 | 6))
}
