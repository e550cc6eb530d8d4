//! The maps and the mask of one image, at one size.

use std::path::Path;

use super::maps::Map;
use super::plan::Item;
use super::remarks::{MISSHAPEN, TRANSPOSED};
use crate::data::image::Source;
use crate::data::samples::{Truth, same_shape};
use crate::data::{ImageError, MaskRule};
use crate::words::plural;

/// How the maps of a product are read.
pub struct MapReader {
    /// Maps are resized to this square; as they are if `None`.
    pub size: Option<u32>,
    /// Classes of the product, normal first: a map has one channel, or one for each.
    pub classes: Vec<String>,
}

/// Maps and mask of one image.
pub struct Loaded {
    /// The maps.
    pub map: Map,
    /// How anomalous each pixel is, `[height, width]`.
    pub anomaly: Vec<f32>,
    /// Which pixels are defective; `None` for a defective image without a mask.
    pub mask: Option<Vec<bool>>,
    /// What is odd about mask and map, by codes.
    pub remarks: Vec<String>,
    /// What a user should know of how they were put together.
    pub notes: Vec<String>,
}

/// What is odd about the shape of a map, by the width and height of its image and its own.
fn shape(image: (u32, u32), [width, height]: [u32; 2]) -> Option<&'static str> {
    if width == height || same_shape(image, (width, height)) {
        None
    } else if same_shape(image, (height, width)) {
        Some(TRANSPOSED)
    } else {
        Some(MISSHAPEN)
    }
}

impl MapReader {
    /// Reads a map.
    ///
    /// # Errors
    /// A message that names the file: it cannot be read, or has another number of channels.
    pub fn map(&self, path: &Path) -> Result<Map, String> {
        let map = Map::read(path).map_err(|e| e.to_string())?;
        let expected = self.classes.len();
        if ![1, expected].contains(&map.channels) {
            let (path, names) = (path.display(), self.classes.join(", "));
            let channels = plural(map.channels, "channel");
            return Err(format!("{path}: has {channels}; expected 1, or {expected} for {names}"));
        }
        Ok(match self.size {
            Some(size) => map.resized(size as usize),
            None => map,
        })
    }

    /// Reads a map and the mask that belongs to it, at the size of the map: a cell is defective if more than half of
    /// it is.
    ///
    /// # Errors
    /// Outside: a mask that cannot be read, which is a fault of the data set. Inside: as [`MapReader::map`].
    pub fn load(&self, path: &Path, item: &Item) -> Result<Result<Loaded, String>, ImageError> {
        let map = match self.map(path) {
            Ok(map) => map,
            Err(reason) => return Ok(Err(reason)),
        };
        let size = [map.width as u32, map.height as u32];
        let is_masked = item.mask.is_some() && item.class.is_some();
        // A square map fits any image; others are compared with theirs. An image need not be there.
        let of_image = is_masked || map.width != map.height;
        let photo = of_image.then(|| Source::open(&item.image).ok()).flatten();
        let mut notes = Vec::new();
        let frame = photo.map(|photo| photo.frame()).map(|upright| {
            let frame = upright.of_picture((size[0], size[1]));
            if upright.exif != 1 && is_masked {
                notes.push(match frame.turned {
                    true => "its photo has an EXIF orientation: its map was taken to show it upright, as those of eval do",
                    false => "its photo has an EXIF orientation: its map has the shape of the stored pixels",
                });
            }
            frame
        });
        let mut remarks = Vec::new();
        let mask = match (&item.mask, item.class) {
            (_, None) => {
                remarks.extend(frame.and_then(|frame| shape(frame.size, size)).map(str::to_owned));
                Some(vec![false; map.height * map.width])
            }
            (None, Some(_)) => None,
            (Some(mask), Some(_)) => {
                let Truth { cells, own_size, remarks: of_mask, .. } =
                    mask.truth(size, MaskRule::Half, frame.as_ref())?;
                remarks.extend(of_mask.iter().map(|remark| remark.code().to_owned()));
                match shape(own_size, size) {
                    Some(TRANSPOSED) => {
                        let (width, height) = own_size;
                        return Ok(Err(format!(
                            "{}: has {} and {}, and its mask is {width} wide and {height} high: it is \
                             transposed; save it as H×W",
                            path.display(),
                            plural(size[1], "row"),
                            plural(size[0], "column")
                        )));
                    }
                    other => remarks.extend(other.map(str::to_owned)),
                }
                Some(cells.into_iter().map(|cell| cell > 0.0).collect())
            }
        };
        let notes = notes.into_iter().map(str::to_owned).collect();
        Ok(Ok(Loaded { anomaly: map.anomaly(), map, mask, remarks, notes }))
    }
}
