//! Reads mask images as people save them: gray, coloured, transparent, lossy.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use image::{DynamicImage, GrayImage};

use super::remark::MaskRemark;
use crate::data::error::ImageError;
use crate::data::image::{load, load_labels};
use crate::data::raster::Raster;

/// Below this a lossy file holds noise only.
const NOISE: u8 = 16;

/// Which pixels of a mask are defective, as 0 and 255, and what is odd about it. In a lossless file without transparency
/// they are those of which any colour is above zero.
pub(super) fn read(path: &Path) -> Result<(GrayImage, Vec<MaskRemark>), ImageError> {
    let mut remarks = Vec::new();
    // Labels of 16 bits keep their low byte there.
    let mut values = load_labels(path)?;
    let kind = Kind::of(path);
    let coloured = if kind == Kind::Gray { None } else { Some(load(path)?) };
    // Another size would be another reading of the same file.
    let coloured = coloured.filter(|raster| (raster.width(), raster.height()) == values.dimensions());
    if let Some(raster) = &coloured {
        for (value, brightest) in values.iter_mut().zip(brightest(raster)) {
            *value = (*value).max(brightest);
        }
    }
    if kind == Kind::Lossless && coloured.is_some() {
        for (value, brightest) in values.iter_mut().zip(deep(path).unwrap_or_default()) {
            *value = (*value).max(brightest);
        }
    }
    let largest = values.iter().copied().max().unwrap_or(0);
    if kind == Kind::Lossy {
        remarks.push(MaskRemark::Lossy);
        let least = largest.div_ceil(2).max(NOISE);
        values.iter_mut().for_each(|value| *value = if *value >= least { 255 } else { 0 });
    }
    if let Some(alpha) = coloured.as_ref().and_then(alpha) {
        remarks.extend(apply_alpha(&mut values, &alpha));
    }
    if kind != Kind::Lossy && is_soft(&values) {
        remarks.push(MaskRemark::Soft);
    }
    values.iter_mut().for_each(|value| *value = if *value > 0 { 255 } else { 0 });
    Ok((values, remarks))
}

/// What the head of a file says about its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One channel, lossless: there is no other to look at.
    Gray,
    Lossless,
    Lossy,
}

impl Kind {
    fn of(path: &Path) -> Self {
        let mut head = Vec::new();
        if let Ok(file) = File::open(path) {
            // A file that cannot be read is reported by its decoder.
            let _ = file.take(1 << 16).read_to_end(&mut head);
        }
        let is_webp = head.get(8..12) == Some(b"WEBP");
        // Colour type 0 of a PNG is gray.
        let is_gray_png = head.starts_with(b"\x89PNG") && head.get(25) == Some(&0);
        if head.starts_with(b"\xff\xd8") || is_webp && !has_chunk(&head, b"VP8L") {
            Kind::Lossy
        } else if is_gray_png || head.starts_with(b"P5") || head.starts_with(b"P4") {
            Kind::Gray
        } else {
            Kind::Lossless
        }
    }
}

#[cfg(test)]
pub(super) fn is_lossy(path: &Path) -> bool {
    Kind::of(path) == Kind::Lossy
}

/// Whether the head of a WebP file has a chunk. That of the pixels follows small ones, but for a colour profile.
fn has_chunk(head: &[u8], name: &[u8; 4]) -> bool {
    let mut at = 12;
    while let Some(chunk) = head.get(at..at + 8) {
        let length = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]) as usize;
        if chunk.starts_with(name) {
            return true;
        }
        at = at.saturating_add(8 + length + length % 2);
    }
    false
}

/// The largest colour of each pixel.
fn brightest(raster: &Raster) -> impl Iterator<Item = u8> + '_ {
    let colours = raster.mode().channels() - usize::from(raster.mode().has_alpha());
    let pixels = raster.as_bytes().chunks_exact(raster.mode().channels());
    pixels.map(move |pixel| pixel[..colours].iter().copied().max().unwrap_or(0))
}

/// The largest colour of each pixel in a file of 16 bits a colour, of which eight do not tell small labels from zero; `None`
/// for other files.
fn deep(path: &Path) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(32).read_to_end(&mut head).ok()?;
    let is_deep_png = head.starts_with(b"\x89PNG") && head.get(24) == Some(&16);
    let is_tiff = head.starts_with(b"II") || head.starts_with(b"MM");
    if !is_deep_png && !is_tiff {
        return None;
    }
    let clip = |pixel: &[u16]| pixel.iter().copied().max().unwrap_or(0).min(255) as u8;
    // Its header has been checked, and damage is reported by the first reading.
    match image::ImageReader::open(path).ok()?.with_guessed_format().ok()?.decode().ok()? {
        DynamicImage::ImageRgb16(pixels) => Some(pixels.pixels().map(|pixel| clip(&pixel.0)).collect()),
        DynamicImage::ImageRgba16(pixels) => Some(pixels.pixels().map(|pixel| clip(&pixel.0[..3])).collect()),
        _ => None,
    }
}

/// Alpha of each pixel, where it is not the same for all.
fn alpha(raster: &Raster) -> Option<Vec<u8>> {
    let channels = raster.mode().channels();
    let alpha: Vec<u8> = raster.as_bytes().chunks_exact(channels).map(|pixel| pixel[channels - 1]).collect();
    (raster.mode().has_alpha() && alpha.iter().any(|a| *a != alpha[0])).then_some(alpha)
}

/// Where colours are the same everywhere, alpha is the mask; elsewhere what is transparent is no defect.
fn apply_alpha(values: &mut GrayImage, alpha: &[u8]) -> Option<MaskRemark> {
    let is_plain = values.iter().all(|value| *value == values.as_raw()[0]);
    let visible = |(value, alpha): (&u8, &u8)| *value > 0 && *alpha > 0;
    let both = values.iter().zip(alpha).filter(|pair| visible(*pair)).count();
    if !is_plain && both == values.iter().filter(|value| **value > 0).count() {
        return None;
    }
    let only_alpha = is_plain || both == 0;
    for (value, alpha) in values.iter_mut().zip(alpha) {
        *value = if only_alpha {
            *alpha
        } else if *alpha > 0 {
            *value
        } else {
            0
        };
    }
    Some(MaskRemark::Alpha)
}

/// Whether there are values between none and all, and only at borders: labels fill areas.
fn is_soft(values: &GrayImage) -> bool {
    let (width, height) = (values.width() as usize, values.height() as usize);
    let raw = values.as_raw();
    let largest = raw.iter().copied().max().unwrap_or(0);
    let between = |value: u8| value > 0 && value < largest;
    if largest < 128 || !raw.iter().any(|value| between(*value)) {
        return false;
    }
    let is_inner = |at: usize| {
        let (x, y) = (at % width, at / width);
        let rows = y.saturating_sub(1)..(y + 2).min(height);
        let columns = x.saturating_sub(1)..(x + 2).min(width);
        rows.into_iter().all(|row| columns.clone().all(|column| raw[row * width + column] == raw[at]))
    };
    !(0..raw.len()).any(|at| between(raw[at]) && is_inner(at))
}
