//! The maps and the mask of one image, at one size.

use std::path::Path;

use super::maps::Map;
use super::plan::Item;
use crate::data::image::Source;
use crate::data::{ImageError, MaskRule};

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
    /// What a user should know of how they were put together.
    pub notes: Vec<String>,
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
            let (path, channels, names) = (path.display(), map.channels, self.classes.join(", "));
            return Err(format!("{path}: has {channels} channels; expected 1, or {expected} for {names}"));
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
        let mut notes = Vec::new();
        let mask = match (&item.mask, item.class) {
            (_, None) => Some(vec![false; map.height * map.width]),
            (None, Some(_)) => None,
            (Some(mask), Some(_)) => {
                let (width, height) = (map.width as u32, map.height as u32);
                // A photo that cannot be opened need not be: maps may lie where the photos are not.
                let frame = Source::open(&item.image).ok().map(|photo| photo.frame());
                let cells = match frame.filter(|frame| frame.exif != 1) {
                    None => mask.load_as([width, height], MaskRule::Half)?,
                    Some(upright) => {
                        let frame = upright.of_picture((width, height));
                        notes.push(match frame.turned {
                            true => "its photo has an EXIF orientation: its map was taken to show it upright, as those \
                                     of eval do",
                            false => "its photo has an EXIF orientation: its map has the shape of the stored pixels",
                        });
                        mask.load_for(&frame, [width, height], MaskRule::Half)?.0
                    }
                };
                Some(cells.into_iter().map(|cell| cell > 0.0).collect())
            }
        };
        let notes = notes.into_iter().map(str::to_owned).collect();
        Ok(Ok(Loaded { anomaly: map.anomaly(), map, mask, notes }))
    }
}
