//! Anomaly maps made by any program: where the map of an image lies, and how it is read.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::ImageDecoder as _;
use tiff::decoder::{Decoder, DecodingResult};

use crate::files::{BUDGET, contained, open_regular};
use crate::report::read_npy_as_f32;

/// Formats, in the order of the search.
const EXTENSIONS: [&str; 5] = ["npy", "npz", "png", "tiff", "tif"];
/// What may stand between the name of the image and the extension.
const SUFFIXES: [&str; 3] = ["", "_map", ".binary"];

/// Maps of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// 1 for how anomalous each pixel is; otherwise one for each class, normal first.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `[channels, height, width]`, all finite.
    pub values: Vec<f32>,
}

/// Why a map cannot be used; the message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct MapError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// Where the map of an image may lie: `folder` mirrors the folders of the data set, and the map has the name of the
/// image, see [`Plan::map_names`](super::Plan::map_names), with the extension of a map, or with `_map` or `.binary` before it.
pub fn candidates(folder: &Path, stem: &str) -> Vec<PathBuf> {
    let named = |extension: &str| {
        let extension = extension.to_owned();
        SUFFIXES.map(|suffix| folder.join(format!("{stem}{suffix}.{extension}")))
    };
    EXTENSIONS.into_iter().flat_map(named).collect()
}

/// The map of the image `file` with this name, unless there is none. The image itself is not a map. `path` is that of the
/// image relative to the data set: other programs name maps after it, whatever characters it has.
pub fn find(folder: &Path, name: &str, path: &str, file: &Path) -> Option<PathBuf> {
    let image = file.canonicalize().ok();
    let is_map = |path: &PathBuf| path.is_file() && path.canonicalize().ok() != image;
    let mut places = candidates(folder, name);
    let relative = Path::new(path);
    let is_below = relative.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    let extension = relative.extension().and_then(|e| e.to_str()).unwrap_or_default();
    // A name with the extension of the image is shared by others without it.
    if is_below && !name.ends_with(extension) {
        places.extend(candidates(
            folder,
            path.strip_suffix(extension).map_or(path, |stem| stem.trim_end_matches('.')),
        ));
    }
    places.into_iter().find(is_map)
}

impl Map {
    /// Reads a map: `.npy` and `.npz` (the first array) of integers or floats with the axes H×W, 1×H×W or C×H×W; PNG of
    /// 8 or 16 bits, gray; TIFF of integers or floats, gray. Values are taken as they are.
    ///
    /// # Errors
    /// [`MapError`]: a file that cannot be read, another shape, or a value that is not finite, with its position.
    pub fn read(path: &Path) -> Result<Self, MapError> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let read = || match extension.as_str() {
            "npy" => open(path).and_then(|file| read_npy_as_f32(&mut BufReader::new(file))),
            "npz" => npz(path),
            "png" => png(path),
            _ => tiff(path),
        };
        // Decoders are third-party code: a malformed file must not end the run by a panic.
        let read = contained(read).unwrap_or_else(|| Err("the decoder failed on it; save it again".into()));
        let wrong = |reason: String| MapError { path: path.into(), reason };
        let (shape, values) = read.map_err(|reason| wrong(format!("cannot be read as a map: {reason}")))?;
        let (channels, height, width) = match shape[..] {
            [height, width] => (1, height, width),
            [channels, height, width] => (channels, height, width),
            _ => return Err(wrong(format!("has the axes {shape:?}; expected H×W, 1×H×W or C×H×W"))),
        };
        if values.is_empty() {
            return Err(wrong(format!("has the axes {shape:?} and no value")));
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let (channel, row, column) = (at / (height * width), at / width % height, at % width);
            return Err(wrong(format!(
                "channel {channel}, row {row}, column {column} is {}, not a finite number; fix the program that wrote the map",
                values[at]
            )));
        }
        Ok(Self { channels, height, width, values })
    }

    /// How anomalous each pixel is: the only channel, or the sum of all but the normal one. `[height, width]`.
    pub fn anomaly(&self) -> Vec<f32> {
        let area = self.height * self.width;
        if self.channels == 1 {
            return self.values.clone();
        }
        let mut sum = vec![0.0; area];
        for channel in self.values[area..].chunks_exact(area) {
            for (total, value) in sum.iter_mut().zip(channel) {
                *total += value;
            }
        }
        sum
    }

    /// The same at `size` × `size`, bilinear between the centres of pixels, as
    /// `torch.nn.functional.interpolate(align_corners=False)`.
    pub fn resized(&self, size: usize) -> Self {
        if (self.height, self.width) == (size, size) {
            return self.clone();
        }
        // For each place along an axis: the two neighbours, and the share of the second.
        let places = |length: usize| -> Vec<(usize, usize, f32)> {
            let place = |at: usize| {
                let centre = (at as f64 + 0.5) * length as f64 / size as f64 - 0.5;
                let centre = centre.clamp(0.0, (length - 1) as f64);
                let first = centre as usize;
                (first, (first + 1).min(length - 1), centre.fract() as f32)
            };
            (0..size).map(place).collect()
        };
        let (rows, columns) = (places(self.height), places(self.width));
        let mut values = Vec::with_capacity(self.channels * size * size);
        for channel in self.values.chunks_exact(self.height * self.width) {
            for &(top, bottom, down) in &rows {
                let along = |row: usize, &(left, right, share): &(usize, usize, f32)| {
                    let (a, b) = (channel[row * self.width + left], channel[row * self.width + right]);
                    a + (b - a) * share
                };
                values.extend(columns.iter().map(|column| {
                    let (above, below) = (along(top, column), along(bottom, column));
                    above + (below - above) * down
                }));
            }
        }
        Self { channels: self.channels, height: size, width: size, values }
    }
}

type Array = (Vec<usize>, Vec<f32>);

/// The first array of NumPy's archive.
fn npz(path: &Path) -> Result<Array, String> {
    let text = |e: zip::result::ZipError| e.to_string();
    let mut archive = zip::ZipArchive::new(BufReader::new(open(path)?)).map_err(text)?;
    if archive.is_empty() {
        return Err("it holds no array".into());
    }
    read_npy_as_f32(&mut archive.by_index(0).map_err(text)?)
}

fn open(path: &Path) -> Result<File, String> {
    open_regular(path).map_err(|e| e.to_string())
}

/// The shape of a picture, within the budget.
fn picture_shape(width: u32, height: u32) -> Result<Vec<usize>, String> {
    let shape = vec![height as usize, width as usize];
    BUDGET.check_shape(&shape).map_err(|e| format!("{e}; save maps at the size of the model"))?;
    Ok(shape)
}

/// Gray samples with all of their bits.
fn png(path: &Path) -> Result<Array, String> {
    let text = |e: image::ImageError| e.to_string();
    let reader = image::ImageReader::new(BufReader::new(open(path)?));
    let decoder = reader.with_guessed_format().map_err(|e| e.to_string())?.into_decoder().map_err(text)?;
    let (width, height) = decoder.dimensions();
    let shape = picture_shape(width, height)?;
    match image::DynamicImage::from_decoder(decoder).map_err(text)? {
        image::DynamicImage::ImageLuma8(gray) => Ok((shape, gray.iter().map(|&v| f32::from(v)).collect())),
        image::DynamicImage::ImageLuma16(gray) => Ok((shape, gray.iter().map(|&v| f32::from(v)).collect())),
        other => Err(format!(
            "its pixels are {:?}; save the map in gray, not as a coloured picture",
            other.color()
        )),
    }
}

fn tiff(path: &Path) -> Result<Array, String> {
    let text = |e: tiff::TiffError| e.to_string();
    let mut decoder = Decoder::new(BufReader::new(open(path)?)).map_err(text)?;
    let (width, height) = decoder.dimensions().map_err(text)?;
    let shape = picture_shape(width, height)?;
    let color = decoder.colortype().map_err(text)?;
    if !matches!(color, tiff::ColorType::Gray(_)) {
        return Err(format!("its pixels are {color:?}; save the map in gray"));
    }
    let values: Vec<f32> = match decoder.read_image().map_err(text)? {
        DecodingResult::U8(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::U16(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::U32(v) => v.into_iter().map(|v| v as f32).collect(),
        DecodingResult::F16(v) => v.into_iter().map(f32::from).collect(),
        DecodingResult::F32(v) => v,
        DecodingResult::F64(v) => v.into_iter().map(|v| v as f32).collect(),
        _ => return Err("its samples are of a kind that is not read; save the map as float32".into()),
    };
    if values.len() != shape[0] * shape[1] {
        return Err("its pixels do not fill the frame; samples of less than 8 bits are not read".into());
    }
    Ok((shape, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_looked_for_beside_the_mirrored_image() {
        let folder = Path::new("maps");
        let found = candidates(folder, "bottle/test/a.b/000");
        assert_eq!(found.len(), 15);
        assert_eq!(found[0], Path::new("maps/bottle/test/a.b/000.npy"));
        assert!(found.contains(&"maps/bottle/test/a.b/000_map.png".into()));
        assert_eq!(candidates(folder, "a.b/plain")[1], Path::new("maps/a.b/plain_map.npy"));
    }

    #[test]
    fn resizing_is_torchs() {
        let map = Map { channels: 1, height: 2, width: 3, values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        // Centres of 4 pixels on 2 rows: -0.25, 0.25, 0.75, 1.25, clamped; on 3 columns: -0.125, 0.625, 1.375, 2.125.
        let rows = [0.0, 0.75, 2.25, 3.0];
        let columns = [0.0, 0.625, 1.375, 2.0];
        let expected: Vec<f32> = rows.iter().flat_map(|r| columns.map(|c| r + c)).collect();
        assert_eq!(map.resized(4).values, expected);
        let two = Map { channels: 2, height: 1, width: 1, values: vec![0.25, 0.75] };
        assert_eq!(two.resized(2).values, [[0.25; 4], [0.75; 4]].concat());
    }

    #[test]
    fn channels_add_up_to_an_anomaly() {
        let map = Map { channels: 3, height: 1, width: 2, values: vec![0.5, 0.1, 0.25, 0.5, 0.25, 0.25] };
        assert_eq!(map.anomaly(), [0.5, 0.75]);
    }
}
