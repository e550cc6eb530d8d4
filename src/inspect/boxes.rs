//! Which regions of a map have boxes, and what is said of the others.

use crate::dapo::regions::RegionOptions;
use crate::data::Photo;
use crate::report::results::{ScoredImage, Unboxed, Verdict};
use crate::words::{agree, plural};

/// Which regions of a map have boxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxOptions {
    /// Defect probability from which a pixel belongs to a region.
    pub threshold: f32,
    /// Least area of a region in pixels of the photo. `None` for what 16 pixels of the model's map show: of the photo, or
    /// of one of its tiles, where it is cut.
    pub min_area: Option<u64>,
}

impl From<f32> for BoxOptions {
    /// This threshold, and the least area that follows from the map.
    fn from(threshold: f32) -> Self {
        Self { threshold, min_area: None }
    }
}

/// The least region that has a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Least {
    /// In pixels of the map.
    pub cells: usize,
    /// The same for what the whole photo shows by itself, however it is cut.
    pub whole_cells: usize,
    /// In pixels of the photo, rounded up.
    pub area: u64,
}

/// The least region of a map of `size` × `size` that has a box.
///
/// What is noise depends on how finely the model saw the photo. A tile's map has as many pixels as that of the whole photo,
/// and shows less of it, so that a region as large in the photo has more of them.
pub(super) fn least_cells(min_area: Option<u64>, photo: &Photo, size: usize) -> Least {
    let pixels = |(width, height): (u32, u32)| u128::from(width) * u128::from(height);
    let whole = pixels(photo.original_size).max(1);
    let cells = (size * size).max(1) as u128;
    let noise = RegionOptions::default().min_area as u128;
    // Tiles are all of one size.
    let seen = photo.tiles.first().map_or(whole, |tile| pixels((tile.width, tile.height)).min(whole));
    let (least, least_whole, area) = match min_area {
        Some(area) => {
            let least = (u128::from(area) * cells).div_ceil(whole);
            (least, least, u128::from(area))
        }
        None => ((noise * seen).div_ceil(whole), noise, (noise * seen).div_ceil(cells)),
    };
    let count = |cells: u128| usize::try_from(cells).unwrap_or(usize::MAX).max(1);
    Least {
        cells: count(least),
        whole_cells: count(least_whole),
        area: u64::try_from(area).unwrap_or(u64::MAX),
    }
}

/// What is to be said of an image's boxes.
pub(super) fn notes(image: &ScoredImage, restored: usize, threshold: f32) -> Vec<String> {
    let mut notes = Vec::new();
    if image.verdict == Some(Verdict::Good) && !image.boxes.is_empty() {
        notes.push(format!(
            "good by the score of the whole image, although {} of its map reached {threshold}: look at {}",
            plural(image.boxes.len(), "region"),
            agree(image.boxes.len(), "the box", "the boxes")
        ));
    }
    if restored > 0 {
        notes.push(format!("{} that the whole photo shows and its tiles do not", plural(restored, "box")));
    }
    if let Some(Unboxed { small, least_area, beyond }) = image.unboxed {
        if small > 0 {
            notes.push(format!(
                "{} of the map without a box, of less than {least_area} px of the photo; see --min-area",
                plural(small, "region")
            ));
        }
        if beyond > 0 {
            notes.push(format!(
                "{} of the map without a box: only the {} with the highest values have one",
                plural(beyond, "region"),
                image.boxes.len()
            ));
        }
    }
    notes
}

/// What is to be said of the boxes of all images of a run, a line for each kind.
pub fn box_remarks<'a>(images: impl Iterator<Item = &'a ScoredImage>) -> Vec<String> {
    let (mut good, mut small, mut beyond) = (0, (0, 0), (0, 0));
    for image in images {
        good += usize::from(image.verdict == Some(Verdict::Good) && !image.boxes.is_empty());
        let unboxed = image.unboxed.unwrap_or_default();
        small = (small.0 + unboxed.small, small.1 + usize::from(unboxed.small > 0));
        beyond = (beyond.0 + unboxed.beyond, beyond.1 + usize::from(unboxed.beyond > 0));
    }
    let mut lines = Vec::new();
    if good > 0 {
        lines.push(format!(
            "{} called good by the score of the whole image, with boxes where the map is above the threshold: look at them",
            plural(good, "image")
        ));
    }
    if small.0 > 0 {
        lines.push(format!(
            "{} in {} without a box, because of too small an area; --min-area 0 shows all",
            plural(small.0, "region"),
            plural(small.1, "image")
        ));
    }
    if beyond.0 > 0 {
        lines.push(format!(
            "{} in {} without a box, because an image has at most {} of them",
            plural(beyond.0, "region"),
            plural(beyond.1, "image"),
            RegionOptions::default().max_regions
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ReadInfo, Tiling};

    fn photo(size: (u32, u32), tiling: Option<Tiling>) -> Photo {
        Photo {
            original_size: size,
            info: ReadInfo::plain(size),
            picture: None,
            inputs: Vec::new(),
            tiles: tiling.map(|tiling| tiling.tiles(size)).unwrap_or_default(),
        }
    }

    #[test]
    fn the_least_area_follows_the_scale_at_which_the_model_saw_the_photo() {
        let (size, tiling) = ((2000, 3000), Tiling { edge: 500, overlap: 0.25 });
        assert_eq!(
            least_cells(None, &photo(size, None), 128),
            Least { cells: 16, whole_cells: 16, area: 5860 }
        );
        // 16 pixels of a map of 128 pixels over 500 × 500 are 244.1 of the photo: less than one of the whole map.
        let tiled = photo(size, Some(tiling));
        assert_eq!(least_cells(None, &tiled, 128), Least { cells: 1, whole_cells: 16, area: 245 });
        assert_eq!(least_cells(Some(1000), &tiled, 128), Least { cells: 3, whole_cells: 3, area: 1000 });
        assert_eq!(
            least_cells(Some(0), &photo(size, None), 128),
            Least { cells: 1, whole_cells: 1, area: 0 }
        );
        assert_eq!(least_cells(Some(u64::MAX), &photo((1, 1), None), 1 << 20).cells, usize::MAX);
        // With tiles it is never more.
        for edge in [400, 1999, 2500, 2999] {
            let tiled = photo(size, Some(Tiling { edge, overlap: 0.0 }));
            assert!(least_cells(None, &tiled, 128).cells <= 16);
        }
        // A photo smaller than its map is as before.
        assert_eq!(least_cells(None, &photo((40, 30), None), 128).cells, 16);
    }
}
