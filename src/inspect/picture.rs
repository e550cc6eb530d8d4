//! From a photo and its detection to boxes, entries of results, overlays and map files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use image::{RgbImage, RgbaImage};

use super::boxes::{BoxOptions, least_cells, notes};
use super::good::{GoodPhotos, cell_area};
use crate::dapo::regions::{RegionError, RegionOptions, Regions, find_regions, restore_regions};
use crate::dapo::{Comparison, Detection};
use crate::data::{Photo, Tile};
use crate::report::overlay::{self, ALPHA};
use crate::report::results::{
    DefectBox, Evidence, MapFiles, NORMAL, NearestGood, ScoredImage, Unboxed, Verdict,
};
use crate::report::{MapView, NpyError, OverlayError, ReportImage, write_npy};

/// Longest side of an overlay.
pub const PICTURE_SIDE: u32 = overlay::MAX_SIDE;
/// Longest side of a picture in a report.
pub const THUMBNAIL_SIDE: u32 = 512;
/// Edge of the small per-class maps in a report.
const CLASS_MAP_SIDE: u32 = 96;
/// Longest side of the heat map in a page.
const HEAT_SIDE: u32 = 192;

/// Why a detection cannot be drawn or stored.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// No regions can be found in the map.
    #[error(transparent)]
    Regions(#[from] RegionError),
    /// The map cannot be drawn, or the picture not be stored.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A map cannot be stored.
    #[error(transparent)]
    Map(#[from] NpyError),
    /// A folder cannot be created.
    #[error("{}: cannot create this folder: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The photo was read without a picture.
    #[error("the photo has no picture to draw on; ask the inspector for one with `with_pictures`")]
    NoPicture,
}

type Result<T> = std::result::Result<T, PictureError>;

/// A photo and its detection, with the map of any defect and the boxes in it.
#[derive(Debug)]
pub struct Findings<'a> {
    photo: &'a Photo,
    detection: &'a Detection,
    defects: &'a [String],
    /// Probability of any defect, [size, size].
    binary: Vec<f32>,
    /// Regions of defects in original pixels.
    pub boxes: Vec<DefectBox>,
    /// Regions of the map without a box.
    pub unboxed: Unboxed,
    /// Boxes of regions that only the whole photo shows, and its tiles do not.
    restored: usize,
    /// Which regions have boxes.
    options: BoxOptions,
    /// The good photos that the photo was compared with.
    good: Option<&'a GoodPhotos>,
}

impl<'a> Findings<'a> {
    /// Finds the regions that `options` ask for. `defects` names the classes of the detection after normal.
    ///
    /// # Errors
    /// NaN in a map.
    pub fn new(
        photo: &'a Photo,
        detection: &'a Detection,
        defects: &'a [String],
        options: BoxOptions,
    ) -> Result<Self> {
        let binary = detection.binary_map();
        let size = (detection.size, detection.size);
        let least = least_cells(options.min_area, photo, detection.size);
        let wanted =
            RegionOptions { threshold: options.threshold, min_area: least.cells, ..RegionOptions::default() };
        let (shown, restored) = match &detection.whole {
            None => (Cow::Borrowed(&binary[..]), 0),
            Some(whole) => {
                let own = RegionOptions { min_area: least.whole_cells, ..wanted };
                let mut shown = binary.clone();
                let restored = restore_regions(&mut shown, whole, size, &wanted, &own);
                (Cow::Owned(shown), restored)
            }
        };
        let Regions { found, small, beyond } =
            find_regions(&shown, size, photo.original_size, Some(&detection.maps), &wanted)?;
        let name = |class: Option<usize>| defects[class.unwrap_or(detection.defect)].clone();
        let boxes = found.into_iter().map(|r| DefectBox {
            x: r.x,
            y: r.y,
            width: r.width,
            height: r.height,
            score: r.score.clamp(0.0, 1.0),
            area: r.area,
            defect_type: name(r.class),
            nearest: None,
        });
        let unboxed = Unboxed { small, least_area: least.area, beyond };
        let boxes = boxes.collect();
        Ok(Self { photo, detection, defects, boxes, binary, unboxed, restored, options, good: None })
    }

    /// Names the good patch that each box looks like, but not enough.
    pub fn with_good(mut self, good: &'a GoodPhotos) -> Self {
        if let Some(compared) = &self.detection.comparison {
            for found in &mut self.boxes {
                let cell = most_unusual(found, self.photo.original_size, compared);
                found.nearest = cell.and_then(|cell| nearest(cell, compared, good));
            }
        }
        self.good = Some(good);
        self
    }

    /// The most unusual place of each of the first boxes, and the place of a good photo that it looks like.
    fn likeness(&self) -> Vec<[RgbImage; 2]> {
        let (Some(good), Some(compared)) = (self.good, &self.detection.comparison) else { return Vec::new() };
        let (size, grid) = (self.photo.original_size, compared.grid as u32);
        let pair = |found: &DefectBox| {
            let cell = most_unusual(found, size, compared)?;
            let whole = Tile { x: 0, y: 0, width: size.0, height: size.1 };
            let here = cell_area(whole, grid, cell as u32 % grid, cell as u32 / grid);
            let there = good.place(compared.nearest[cell])?;
            Some([
                surroundings(self.photo.picture.as_ref()?, size, here),
                surroundings(&there.picture()?, there.photo_size, there.area),
            ])
        };
        self.boxes.iter().filter_map(pair).take(LIKENESSES).collect()
    }

    /// The image's entry in results, without files. It is called defective from a score of `alarm_threshold`.
    pub fn result(&self, path: String, alarm_threshold: f32) -> ScoredImage {
        let detection = self.detection;
        let names = std::iter::once(NORMAL.to_owned()).chain(self.defects.iter().cloned());
        let (width, height) = self.photo.original_size;
        let mut result = ScoredImage {
            path,
            width,
            height,
            score: detection.score,
            verdict: Some(Verdict::of(detection.score, alarm_threshold)),
            defect_type: self.defects[detection.defect].clone(),
            type_probability: detection.probabilities[1 + detection.defect],
            probabilities: names.zip(detection.probabilities.iter().copied()).collect(),
            boxes: self.boxes.clone(),
            evidence: detection
                .comparison
                .as_ref()
                .map(|compared| Evidence { words: compared.words, distance: compared.distance }),
            unboxed: (!self.unboxed.is_empty()).then_some(self.unboxed),
            notes: self.photo.info.notes.clone(),
            overlay: None,
            maps: None,
        };
        result.notes.extend(notes(&result, self.restored, self.options.threshold));
        result
    }

    /// Writes the overlay below `out` and returns its relative path.
    ///
    /// # Errors
    /// An unwritable file; a photo that was read without a picture.
    pub fn save_overlay(&self, out: &Path, stem: &str) -> Result<String> {
        let picture = picture(self.photo)?;
        let layer = view(self.detection, &self.binary)?.layer(picture.width(), picture.height());
        let mut overlay = overlay::blend(picture, &layer, ALPHA);
        overlay::draw_boxes(&mut overlay, &self.boxes, self.photo.original_size);
        let name = format!("overlays/{stem}.png");
        save(out, &name, |path| Ok(overlay::save_png(&overlay, path)?))?;
        Ok(name)
    }

    /// Writes the raw maps below `out` and returns their relative paths.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn save_maps(&self, out: &Path, stem: &str) -> Result<MapFiles> {
        let Detection { maps, size, layers, .. } = self.detection;
        let classes = maps.len() / (size * size);
        let names = [format!("maps/{stem}.binary.npy"), format!("maps/{stem}.multi.npy")];
        // The raw maps of a learner are the sums over its feature layers, as the method defines them.
        let raw = |values: &[f32]| values.iter().map(|p| p * *layers as f32).collect::<Vec<_>>();
        save(out, &names[0], |path| Ok(write_npy(path, &[*size, *size], &raw(&self.binary))?))?;
        save(out, &names[1], |path| Ok(write_npy(path, &[classes, *size, *size], &raw(maps))?))?;
        let [binary, multi] = names;
        Ok(MapFiles { binary: Some(binary), multi: Some(multi) })
    }

    /// The pictures that a report shows of the image.
    ///
    /// # Errors
    /// As [`report_image`].
    pub fn report_image(&self) -> Result<ReportImage> {
        let pictures = report_image(self.photo, self.detection, &self.binary, self.defects)?;
        Ok(ReportImage { likeness: self.likeness(), ..pictures })
    }
}

/// Boxes of an image that are shown beside good photos.
const LIKENESSES: usize = 3;

/// A part of a picture that shows a photo of `size`: an area of the photo in the middle of three times its extent.
fn surroundings(picture: &RgbImage, size: (u32, u32), area: [u32; 4]) -> RgbImage {
    // Start and extent along one axis, in pixels of the picture.
    let span = |start: u32, extent: u32, of: u32, shown: u32| {
        let scale = f64::from(shown) / f64::from(of.max(1));
        let wanted = (3.0 * f64::from(extent) * scale).round().max(12.0).min(f64::from(shown));
        let middle = (f64::from(start) + 0.5 * f64::from(extent)) * scale;
        let first = (middle - 0.5 * wanted).clamp(0.0, f64::from(shown) - wanted);
        (first as u32, (wanted as u32).max(1))
    };
    let (x, width) = span(area[0], area[2], size.0, picture.width());
    let (y, height) = span(area[1], area[3], size.1, picture.height());
    image::imageops::crop_imm(picture, x, y, width, height).to_image()
}

/// The cell of a box that is farthest from the good photos.
fn most_unusual(found: &DefectBox, (width, height): (u32, u32), compared: &Comparison) -> Option<usize> {
    let grid = compared.grid;
    // Cells that the box covers, at least one.
    let range = |start: u32, extent: u32, of: u32| {
        let cell = |at: u32| (u64::from(at) * grid as u64 / u64::from(of.max(1))) as usize;
        let first = cell(start).min(grid - 1);
        first..=cell((start + extent).saturating_sub(1)).clamp(first, grid - 1)
    };
    let columns = range(found.x, found.width, width);
    let cells = range(found.y, found.height, height)
        .flat_map(|row| columns.clone().map(move |column| row * grid + column));
    cells.max_by(|&a, &b| compared.distances[a].total_cmp(&compared.distances[b]))
}

/// The good patch that is nearest to a cell.
fn nearest(cell: usize, compared: &Comparison, good: &GoodPhotos) -> Option<NearestGood> {
    let patch = good.place(compared.nearest[cell])?;
    let [x, y, width, height] = patch.area;
    let photo = patch.path.display().to_string();
    Some(NearestGood { photo, x, y, width, height, distance: compared.distances[cell] })
}

/// The pictures that a report shows of an image: a thumbnail, the map of any defect, and one of each of `names`, the
/// classes of the detection after normal.
///
/// # Errors
/// NaN in a map; a photo that was read without a picture.
pub fn report_image(
    photo: &Photo,
    detection: &Detection,
    binary: &[f32],
    names: &[String],
) -> Result<ReportImage> {
    let thumbnail = overlay::fit(picture(photo)?, THUMBNAIL_SIDE);
    let (width, height) = thumbnail.dimensions();
    let area = detection.size * detection.size;
    let maps = detection.maps[area..]
        .chunks(area)
        .zip(names)
        .map(|(map, name)| Ok((name.as_str(), view(detection, map)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(ReportImage {
        heat: heat_layer(detection, binary, (width, height))?,
        truth: None,
        class_maps: overlay::small_multiples(&maps, (width, height), CLASS_MAP_SIDE),
        likeness: Vec::new(),
        thumbnail,
    })
}

/// The map as a layer of the page, which the browser enlarges: maps are smooth.
fn heat_layer(detection: &Detection, binary: &[f32], (width, height): (u32, u32)) -> Result<RgbaImage> {
    let scale = (f64::from(HEAT_SIDE) / f64::from(width.max(height).max(1))).min(1.0);
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    Ok(view(detection, binary)?.layer(scaled(width), scaled(height)))
}

fn picture(photo: &Photo) -> Result<&RgbImage> {
    photo.picture.as_ref().ok_or(PictureError::NoPicture)
}

fn view<'m>(detection: &Detection, map: &'m [f32]) -> Result<MapView<'m>> {
    Ok(MapView::new(map, detection.size, detection.size)?)
}

fn save(out: &Path, name: &str, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let path = out.join(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|source| PictureError::Folder { path: folder.into(), source })?;
    }
    write(&path)
}
