//! TIFF files that [`image`] does not hand out: floating point and wide integer samples, planes in tiles, gray with
//! alpha, and colours as JPEG stores them.
//!
//! Samples become bytes by their white, the value that is shown as 255:
//!
//! * integers of 8 bits are taken as they are; wider ones up to 65535 by the rule of [`depth`](crate::data::depth), with
//!   the same notes; larger ones have the white of their type, if the image reaches a quarter of it;
//! * floating point samples from 0 to 1 have the white 1, those up to 255 the white 255, those up to 65535 are rounded
//!   and follow the rule of integers. The image has a note that says so. A hundredth of white below 0 or above it, as
//!   resampling leaves it, is cut off.
//!
//! Others have no white that could be known, and are refused.
//!
//! An image of more pixels than are kept is read strip by strip, or tile by tile, and squares of pixels become one.

use std::io::BufReader;
use std::path::Path;

use tiff::ColorType;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

use super::convert::Narrow;
use super::input::Input;
use crate::data::depth::{Depth, Values, depth, narrow};
use crate::data::error::ImageError;
use crate::data::raster::{Mode, Raster};
use crate::files::{BUDGET, Budget};

/// Bytes of a strip or tile.
const CHUNK_BYTES: usize = 1 << 30;

/// Kinds of samples.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of so many bits.
    Whole(u8),
    Float,
}

/// A TIFF of which the header was read.
pub(super) struct Samples {
    decoder: Decoder<BufReader<Input>>,
    colour: ColorType,
    mode: Mode,
    kind: Kind,
    planar: bool,
}

impl Samples {
    /// Reads the header; none for files that are read otherwise, and for what cannot be read at all.
    pub(super) fn open(file: BufReader<Input>) -> Option<Self> {
        let mut limits = Limits::default();
        // A strip may be the whole image.
        (limits.decoding_buffer_size, limits.intermediate_buffer_size) = (CHUNK_BYTES, CHUNK_BYTES);
        let mut decoder = Decoder::new(file).ok()?.with_limits(limits);
        let colour = decoder.colortype().ok()?;
        let mode = match colour {
            ColorType::Gray(_) => Mode::L,
            ColorType::Multiband { num_samples: 2, .. } => Mode::La,
            ColorType::RGB(_) | ColorType::YCbCr(8) => Mode::Rgb,
            ColorType::RGBA(_) => Mode::Rgba,
            _ => return None,
        };
        let tag = |decoder: &mut Decoder<_>, tag| decoder.find_tag_unsigned_vec::<u16>(tag).ok().flatten();
        let format = tag(&mut decoder, Tag::SampleFormat).and_then(|f| f.first().copied()).unwrap_or(1);
        let bits = colour.bit_depth();
        let kind = match format {
            1 | 2 if bits >= 8 => Kind::Whole(if format == 2 { bits - 1 } else { bits }),
            3 => Kind::Float,
            _ => return None,
        };
        let planar = mode.channels() > 1
            && tag(&mut decoder, Tag::PlanarConfiguration).is_some_and(|planar| planar.first() == Some(&2));
        // JPEG compression gives colours as they are; others may store fewer of them than pixels.
        let jpeg = tag(&mut decoder, Tag::Compression).is_some_and(|method| method.first() == Some(&7));
        let ordinary =
            matches!(colour, ColorType::Gray(8 | 16) | ColorType::RGB(8 | 16) | ColorType::RGBA(8 | 16));
        let tiled = decoder.get_chunk_type() == ChunkType::Tile;
        let (width, height) = decoder.dimensions().ok()?;
        let large = u64::from(width) * u64::from(height) > BUDGET.pixels;
        let wanted = match colour {
            ColorType::YCbCr(_) => jpeg && !planar,
            _ => large || !ordinary || format != 1 || (planar && tiled),
        };
        wanted.then_some(Self { decoder, colour, mode, kind, planar })
    }

    pub(super) fn dimensions(&mut self) -> (u32, u32) {
        self.decoder.dimensions().unwrap_or_default()
    }

    /// Decodes; also what samples of more than 8 bits were taken for. Squares of `reduce` pixels a side become one, their
    /// mean.
    pub(super) fn decode(
        mut self,
        path: &Path,
        rule: Narrow,
        reduce: u32,
    ) -> Result<(Raster, Option<Depth>), ImageError> {
        let (width, height) = self.dimensions();
        let mut samples = self.read(path, (width, height), reduce)?;
        let (width, height) = (width.div_ceil(reduce), height.div_ceil(reduce));
        if let ColorType::YCbCr(_) = self.colour {
            samples.chunks_exact_mut(3).for_each(to_rgb);
        }
        let (data, depth) = match rule {
            Narrow::Clip => (samples.iter().map(|v| v.ceil().clamp(0.0, 255.0) as u8).collect(), None),
            Narrow::Upper { .. } => self.scaled(path, &samples, rule)?,
        };
        let raster = Raster::new(width, height, self.mode, data).ok_or_else(|| ImageError::Corrupt {
            path: path.into(),
            detail: "the pixels do not fill the frame".into(),
        })?;
        Ok((raster, depth))
    }

    /// All samples, channels last, or the means of squares of them.
    fn read(
        &mut self,
        path: &Path,
        (width, height): (u32, u32),
        reduce: u32,
    ) -> Result<Vec<f32>, ImageError> {
        let channels = self.mode.channels();
        let length = u64::from(width.div_ceil(reduce)) * u64::from(height.div_ceil(reduce)) * channels as u64;
        let (width, height, reduce) = (width as usize, height as usize, reduce as usize);
        let mut samples =
            Budget::reserve(length).map_err(|source| ImageError::OverBudget { path: path.into(), source })?;
        samples.resize(length as usize, 0.0f32);
        let (across, down) = self.decoder.chunk_dimensions();
        let (across, down) = (across.max(1) as usize, (down.max(1) as usize).min(height));
        let columns = width.div_ceil(across);
        let each_plane = columns * height.div_ceil(down);
        let (planes, together) = if self.planar { (channels, 1) } else { (1, channels) };
        for chunk in 0..planes * each_plane {
            let (plane, place) = (chunk / each_plane, chunk % each_plane);
            let (left, top) = (place % columns * across, place / columns * down);
            let wrong = |e: tiff::TiffError| match e {
                tiff::TiffError::LimitsExceeded => ImageError::UnsupportedPixels {
                    path: path.into(),
                    detail: format!(
                        "a strip or tile of {across}x{down} pixels, too large to be read at once"
                    ),
                },
                e => ImageError::Corrupt { path: path.into(), detail: e.to_string() },
            };
            let index = u32::try_from(chunk).map_err(|_| wrong(tiff::TiffError::LimitsExceeded))?;
            let values = numbers(self.decoder.read_chunk(index).map_err(wrong)?);
            let values = values.ok_or_else(|| unsupported(path, "samples of a kind that is not read"))?;
            let (columns, rows) = (across.min(width - left), down.min(height - top));
            let of_row = columns * together;
            if values.len() < of_row * rows {
                let detail = "a strip or tile does not fill its place".into();
                return Err(ImageError::Truncated { path: path.into(), detail });
            }
            for (row, values) in values.chunks_exact(of_row).take(rows).enumerate() {
                let row_start = (top + row) / reduce * width.div_ceil(reduce);
                for (column, values) in values.chunks_exact(together).enumerate() {
                    let start = (row_start + (left + column) / reduce) * channels + plane;
                    for (sum, &value) in samples[start..].iter_mut().zip(values) {
                        *sum += value;
                    }
                }
            }
        }
        if reduce > 1 {
            let inside = |at: usize, length: usize| reduce.min(length - at * reduce);
            for (at, pixel) in samples.chunks_exact_mut(channels).enumerate() {
                let (column, row) = (at % width.div_ceil(reduce), at / width.div_ceil(reduce));
                let area = (inside(column, width) * inside(row, height)) as f32;
                pixel.iter_mut().for_each(|sum| *sum /= area);
            }
        }
        Ok(samples)
    }

    /// Bytes, by the rule of the [module](self).
    fn scaled(
        &self,
        path: &Path,
        samples: &[f32],
        rule: Narrow,
    ) -> Result<(Vec<u8>, Option<Depth>), ImageError> {
        let channels = self.mode.channels();
        let is_alpha = |at: usize| self.mode.has_alpha() && at % channels == channels - 1;
        let colours = || samples.iter().enumerate().filter(|(at, _)| !is_alpha(*at)).map(|(_, &v)| v);
        if samples.iter().any(|v| !v.is_finite()) {
            return Err(unsupported(path, "floating point samples of which some are NaN or infinite"));
        }
        let (least, most) = colours().fold((f32::INFINITY, 0.0f32), |(a, b), v| (a.min(v), b.max(v)));
        let whites: &[f32] = match self.kind {
            Kind::Whole(..=8) => &[255.0],
            Kind::Whole(bits) if bits <= 16 => &[65535.0],
            Kind::Whole(bits) => &[65535.0, 2f32.powi(i32::from(bits))],
            Kind::Float => &[1.0, 255.0, 65535.0],
        };
        let slack = if self.kind == Kind::Float { 0.01 } else { 0.0 };
        let white = whites.iter().copied().find(|white| most <= white * (1.0 + slack));
        let known =
            white.filter(|&white| least >= -slack * white && (white <= 65535.0 || most >= white / 4.0));
        let Some(white) = known else {
            let range = format!("samples from {least} to {most}, of which no value is known to be white");
            return Err(unsupported(path, &range));
        };
        if let (65535.0, Narrow::Upper { asked, stated, turned }) = (white, rule) {
            let turned = turned && self.kind == Kind::Whole(16);
            let (white, turn) = if turned { (u16::MAX, u8::MAX) } else { (0, 0) };
            let whole = |v: f32| v.round().clamp(0.0, 65535.0) as u16 ^ white;
            let depth = depth(&Values::new(colours().map(whole)), asked, stated);
            let byte =
                |(at, &v): (usize, &f32)| narrow(whole(v), if is_alpha(at) { 16 } else { depth.bits }) ^ turn;
            return Ok((samples.iter().enumerate().map(byte).collect(), Some(depth)));
        }
        let byte = |&v: &f32| (v / white * 255.0).round().clamp(0.0, 255.0) as u8;
        let note = format!(
            "floating point samples were read with {white} as white, because all lie from 0 to {white}"
        );
        let depth = (self.kind == Kind::Float).then_some(Depth { bits: 32, note: Some(note) });
        Ok((samples.iter().map(byte).collect(), depth))
    }
}

fn unsupported(path: &Path, detail: &str) -> ImageError {
    ImageError::UnsupportedPixels { path: path.into(), detail: detail.into() }
}

/// A pixel from the colours of JPEG, by ITU-R 601 in its full range.
fn to_rgb(pixel: &mut [f32]) {
    if let [y, cb, cr] = pixel {
        let (luma, blue, red) = (*y, *cb - 128.0, *cr - 128.0);
        let rgb = [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue];
        [*y, *cb, *cr] = rgb.map(|v| v.round().clamp(0.0, 255.0));
    }
}

fn numbers(found: DecodingResult) -> Option<Vec<f32>> {
    Some(match found {
        DecodingResult::U8(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::U16(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::U32(v) => v.into_iter().map(|v| v as f32).collect(),
        DecodingResult::I8(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::I16(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::I32(v) => v.into_iter().map(|v| v as f32).collect(),
        DecodingResult::F16(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::F32(v) => v,
        DecodingResult::F64(v) => v.into_iter().map(|v| v as f32).collect(),
        _ => return None,
    })
}
