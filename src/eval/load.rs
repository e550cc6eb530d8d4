//! Images and masks from files, prepared ahead on threads of their own.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use rayon::prelude::*;

use super::plan::Item;
use crate::dapo::{Tile, Tiling};
use crate::data::image::Source;
use crate::data::{ImageError, MaskRule, Preprocess};

/// How images are prepared.
#[derive(Debug, Clone)]
pub(super) struct Preparation {
    pub preprocess: Preprocess,
    pub tiling: Option<Tiling>,
}

/// An image as the model takes it.
#[derive(Debug)]
pub(super) struct Inputs {
    /// Width and height of the file's picture.
    pub size: (u32, u32),
    /// The whole, then each tile: [3, size, size] each.
    pub pixels: Vec<Vec<f32>>,
    pub tiles: Vec<Tile>,
    /// Which pixels are defective, [size, size]; none where a defective image has no mask.
    pub mask: Option<Vec<bool>>,
}

/// One image, in order.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Position in the plan.
    pub index: usize,
    pub inputs: Result<Inputs, ImageError>,
}

/// Prepares images in order, at most two portions ahead.
pub(super) fn prepare(
    items: Vec<(usize, Item)>,
    portion: usize,
    how: Preparation,
) -> Receiver<Vec<Prepared>> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        for portion in items.chunks(portion.max(1)) {
            let prepared = portion
                .par_iter()
                .map(|(index, item)| Prepared { index: *index, inputs: load(item, &how) })
                .collect();
            // The receiver goes away when the run ends early.
            if sender.send(prepared).is_err() {
                return;
            }
        }
    });
    receiver
}

fn load(item: &Item, how: &Preparation) -> Result<Inputs, ImageError> {
    let raster = Source::open(&item.image)?.decode()?;
    let size = (raster.width(), raster.height());
    let preprocess = &how.preprocess;
    let whole = preprocess.normalise(&preprocess.resize(&raster));
    let tiles = how.tiling.map_or_else(Vec::new, |tiling| tiling.tiles(size));
    let cut = |t: &Tile| raster.part(t.x, t.y, t.width, t.height);
    let parts = tiles.iter().filter_map(cut).map(|part| preprocess.normalise(&preprocess.resize(&part)));
    let pixels = std::iter::once(whole).chain(parts).collect();
    let edge = preprocess.size;
    let mask = match (&item.mask, item.class) {
        (_, None) => Some(vec![false; edge as usize * edge as usize]),
        (None, Some(_)) => None,
        (Some(mask), Some(_)) => {
            Some(mask.load(edge, MaskRule::Half)?.into_iter().map(|value| value > 0.0).collect())
        }
    };
    Ok(Inputs { size, pixels, tiles, mask })
}
