//! Tiles of one image that is at hand; see [`crate::dapo::tiles`] for the rule.

use crate::dapo::learner::DapoError;
use crate::dapo::tiles::{Tiling, merge};
use crate::dapo::{Detection, Looker, Maps};
use crate::data::{Preprocess, Raster};

/// The result of a whole image together with those of its tiles, looked at in batches.
///
/// # Errors
/// Those of the device.
pub fn with_tiles(
    looker: &Looker,
    image: &Raster,
    whole: Detection,
    preprocess: &Preprocess,
    tiling: Tiling,
    batch: usize,
) -> Result<Detection, DapoError> {
    let size = (image.width(), image.height());
    let mut found = Vec::new();
    for tiles in tiling.tiles(size).chunks(batch.max(1)) {
        let parts = tiles.iter().filter_map(|t| image.part(t.x, t.y, t.width, t.height));
        let pixels: Vec<f32> =
            parts.flat_map(|part| preprocess.normalise(&preprocess.resize(&part))).collect();
        let judged = looker.judge(&looker.look(&pixels)?, looker.classes(), Maps::Types)?;
        found.extend(tiles.iter().copied().zip(judged));
    }
    Ok(merge(whole, size, &found))
}
