//! Photos of good parts, read as photos are inspected, to compare others with.

use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};
use serde::{Deserialize, Serialize};

use super::batches::{Batches, Inspected, ReadPhoto, read_photos};
use super::inspector::{Inspector, READERS, preprocess};
use crate::dapo::learner::DapoError;
use crate::dapo::{
    GoodFeatures, NearestPatch, ReferenceBuilder, ReferenceError, ReferenceOptions, References, SCORING,
};
use crate::data::{ImageError, PhotoReader, Tile};
use crate::files::{digest, digest_of};
use crate::words::plural;

/// Why an inspector has no good photos to compare with.
#[derive(Debug, thiserror::Error)]
pub enum GoodError {
    /// None of the photos could be read.
    #[error("none of the {} could be read: {first}", plural(*.photos, "good photo"))]
    Unreadable {
        /// How many there are.
        photos: usize,
        /// What is wrong with the first.
        first: ImageError,
    },
    /// The photos do not make references.
    #[error(transparent)]
    References(#[from] ReferenceError),
    /// The model or the device failed.
    #[error(transparent)]
    Model(#[from] DapoError),
}

/// How good photos are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GoodOptions {
    /// Size and type of the bank.
    pub references: ReferenceOptions,
    /// Adds seven turned and mirrored copies of each photo, for parts that lie in any direction.
    pub turned: bool,
}

impl GoodOptions {
    /// What scores depend on besides model and names: a digest of these options and of the contents of photos, whatever their
    /// order and names, and of [`SCORING`]; 16 hexadecimal digits.
    pub fn digest(&self, photos: &[PathBuf]) -> String {
        let mut contents: Vec<String> = photos.iter().map(digest).collect();
        contents.sort_unstable();
        contents.dedup();
        digest_of(format!("{contents:?} {self:?} scoring {SCORING}").as_bytes())[..16].to_owned()
    }
}

/// The photos of good parts that others are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodPhotos {
    photos: Vec<GoodPhoto>,
    grid: u32,
    /// What could not be read, one sentence each.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GoodPhoto {
    path: PathBuf,
    size: (u32, u32),
    tiles: Vec<Tile>,
    /// A small JPEG of it, to be shown; may be empty.
    #[serde(skip)]
    picture: Vec<u8>,
}

/// A patch of a good photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodPatch<'a> {
    /// The photo.
    pub path: &'a Path,
    /// Its width and height.
    pub photo_size: (u32, u32),
    picture: &'a [u8],
    /// Left edge, top edge, width and height in its pixels.
    pub area: [u32; 4],
}

/// Ways to turn and mirror a square: none, and seven others.
const TURNS: u32 = 8;

/// Longest side of the pictures that are kept of good photos.
const PICTURE_SIDE: u32 = 320;

/// A cell of the grid that a tile is seen as, in pixels of its photo: left edge, top edge, width, height.
pub(super) fn cell_area(tile: Tile, grid: u32, column: u32, row: u32) -> [u32; 4] {
    let edge = |at: u32, extent: u32| (u64::from(at) * u64::from(extent) / u64::from(grid)) as u32;
    let (x, y) = (edge(column, tile.width), edge(row, tile.height));
    let (width, height) = (edge(column + 1, tile.width) - x, edge(row + 1, tile.height) - y);
    [tile.x + x, tile.y + y, width.max(1), height.max(1)]
}

impl GoodPatch<'_> {
    /// A small picture of the whole photo, if one was kept.
    pub fn picture(&self) -> Option<RgbImage> {
        let picture = image::load_from_memory_with_format(self.picture, ImageFormat::Jpeg);
        picture.ok().map(|picture| picture.into_rgb8())
    }
}

impl GoodPhotos {
    /// The small pictures, JPEG files in the order of the photos.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &[u8]> {
        self.photos.iter().map(|photo| &photo.picture[..])
    }

    /// With the small pictures that [`GoodPhotos::pictures`] gave.
    pub(super) fn with_pictures(mut self, pictures: impl Iterator<Item = Vec<u8>>) -> Self {
        self.photos.iter_mut().zip(pictures).for_each(|(photo, picture)| photo.picture = picture);
        self
    }

    /// Number of photos that were read.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// Whether these can be the photos of cells of a grid of `grid` × `grid`, and of the tiles that an image is cut into:
    /// what a file says may be anything.
    pub(super) fn fits(&self, grid: usize, origins: &[NearestPatch]) -> bool {
        let is_inside = |photo: &GoodPhoto, tile: &Tile| {
            let end = |at: u32, extent: u32| at.checked_add(extent);
            let (right, bottom) = (end(tile.x, tile.width), end(tile.y, tile.height));
            right.is_some_and(|at| at <= photo.size.0) && bottom.is_some_and(|at| at <= photo.size.1)
        };
        let inside = self.photos.iter().all(|photo| photo.tiles.iter().all(|tile| is_inside(photo, tile)));
        let cells = (grid * grid) as u64;
        let known = |origin: &NearestPatch| {
            let photo = self.photos.get(origin.photo as usize);
            let inputs = photo.map_or(0, |photo| TURNS as usize * (1 + photo.tiles.len()));
            (origin.input as usize) < inputs && u64::from(origin.cell) < cells
        };
        self.grid > 0 && self.grid as usize == grid && inside && origins.iter().all(known)
    }

    /// Where a patch is.
    pub fn place(&self, patch: NearestPatch) -> Option<GoodPatch<'_>> {
        let photo = self.photos.get(patch.photo as usize)?;
        let inputs = 1 + photo.tiles.len() as u32;
        let (turn, input) = (patch.input / inputs, patch.input % inputs);
        let tile = match input {
            0 => Tile { x: 0, y: 0, width: photo.size.0, height: photo.size.1 },
            _ => photo.tiles[input as usize - 1],
        };
        let (column, row) = turned(turn, self.grid, patch.cell % self.grid, patch.cell / self.grid);
        let area = cell_area(tile, self.grid, column, row);
        Some(GoodPatch { path: &photo.path, photo_size: photo.size, picture: &photo.picture, area })
    }
}

/// Where the place (x, y) of a square of `edge` that was turned lay before.
fn turned(turn: u32, edge: u32, x: u32, y: u32) -> (u32, u32) {
    let (x, y) = if turn & 1 == 0 { (x, y) } else { (edge - 1 - x, y) };
    let (x, y) = if turn & 2 == 0 { (x, y) } else { (x, edge - 1 - y) };
    if turn & 4 == 0 { (x, y) } else { (y, x) }
}

/// Pixels [inputs, 3, size, size], turned.
fn turn_pixels(pixels: &[f32], turn: u32, size: usize) -> Vec<f32> {
    let plane = |plane: &[f32]| -> Vec<f32> {
        let at = |place: usize| {
            let (x, y) = turned(turn, size as u32, (place % size) as u32, (place / size) as u32);
            plane[y as usize * size + x as usize]
        };
        (0..size * size).map(at).collect()
    };
    pixels.chunks(size * size).flat_map(plane).collect()
}

impl Inspector {
    /// Compares photos with these ones of good parts, too, see [`Inspector::learn`].
    ///
    /// # Errors
    /// [`GoodError`].
    pub fn with_good_photos(
        self,
        paths: Vec<PathBuf>,
        options: GoodOptions,
        seen: impl FnMut(&Path),
    ) -> Result<(Self, GoodPhotos), GoodError> {
        let (references, good) = self.learn(paths, options, seen)?;
        Ok((self.with_references(references), good))
    }

    /// References of photos of good parts. They are read as photos to be inspected are, in tiles if those are. `seen` is
    /// called with each one.
    ///
    /// # Errors
    /// [`GoodError`]; a photo that cannot be read is left out, with a note, unless none is left.
    pub fn learn(
        &self,
        paths: Vec<PathBuf>,
        options: GoodOptions,
        seen: impl FnMut(&Path),
    ) -> Result<(References, GoodPhotos), GoodError> {
        let photos = read_photos(paths, self.good_reader(), 2 * self.batch().max(READERS), READERS);
        self.learn_photos(photos, options, seen)
    }

    /// Reads good photos, with the small pictures that are shown of them.
    pub fn good_reader(&self) -> PhotoReader {
        self.reader().with_pictures(PICTURE_SIDE)
    }

    /// As [`Inspector::learn`], of photos that [`Inspector::good_reader`] has read.
    ///
    /// # Errors
    /// As [`Inspector::learn`].
    pub fn learn_photos(
        &self,
        photos: impl Iterator<Item = ReadPhoto<PathBuf>>,
        options: GoodOptions,
        mut seen: impl FnMut(&Path),
    ) -> Result<(References, GoodPhotos), GoodError> {
        let clip = self.detector().clip();
        let size = clip.vision().image_size();
        let turns = if options.turned { TURNS } else { 1 };
        let model = |pixels: &[f32], _: &[&PathBuf]| -> Result<Vec<Vec<GoodFeatures>>, DapoError> {
            let mut of_inputs =
                self.detector().good_features(pixels)?.into_iter().map(|f| vec![f]).collect::<Vec<_>>();
            for turn in 1..turns {
                let turned = self.detector().good_features(&turn_pixels(pixels, turn, size))?;
                of_inputs.iter_mut().zip(turned).for_each(|(all, features)| all.push(features));
            }
            Ok(of_inputs)
        };
        // Batches of one size: what a photo gives does not depend on how many there are.
        let batches = Batches::new(photos, preprocess(clip), self.batch(), model, join).padded();
        let mut builder = ReferenceBuilder::new(clip, options.references);
        let mut good = GoodPhotos { grid: clip.vision().grid() as u32, ..GoodPhotos::default() };
        let mut first_error = None;
        let mut count = 0;
        for inspected in batches {
            count += 1;
            let Inspected { job: path, outcome } = inspected?;
            match outcome {
                Ok((photo, inputs)) => {
                    let name = path.display().to_string();
                    let number = good.photos.len() as u32;
                    // All inputs as they are, then all of them turned in one way, and so on.
                    for turn in 0..turns as usize {
                        for features in inputs.iter().skip(turn).step_by(turns as usize) {
                            builder.add(number, &name, features).map_err(ReferenceError::from)?;
                        }
                    }
                    good.photos.push(GoodPhoto {
                        path: path.clone(),
                        size: photo.original_size,
                        picture: photo.picture.as_ref().map(jpeg).unwrap_or_default(),
                        tiles: photo.tiles,
                    });
                }
                Err(error) => {
                    good.notes.push(format!("a good photo is not used: {error}"));
                    first_error.get_or_insert(error);
                }
            }
            seen(&path);
        }
        if let (true, Some(error)) = (good.is_empty(), first_error) {
            return Err(GoodError::Unreadable { photos: count, first: error });
        }
        Ok((builder.finish()?, good))
    }
}

/// A picture as JPEG; without pixels, nothing: it is only shown.
fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    match JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(picture) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}

/// The whole photo's features, then its tiles'; of each all ways in which it was turned.
fn join(whole: Vec<GoodFeatures>, _: (u32, u32), tiles: Vec<(Tile, Vec<GoodFeatures>)>) -> Vec<GoodFeatures> {
    whole.into_iter().chain(tiles.into_iter().flat_map(|(_, features)| features)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_and_looking_back_agree() {
        let size = 3usize;
        let plane: Vec<f32> = (0..9).map(|v| v as f32).collect();
        let mut seen = std::collections::BTreeSet::new();
        for turn in 0..TURNS {
            let pixels = turn_pixels(&plane, turn, size);
            for (place, &value) in pixels.iter().enumerate() {
                let (x, y) = turned(turn, 3, place as u32 % 3, place as u32 / 3);
                assert_eq!(value, (y * 3 + x) as f32);
            }
            seen.insert(pixels.iter().map(|v| *v as u32).collect::<Vec<_>>());
        }
        assert_eq!(seen.len(), 8, "eight different squares");
    }

    #[test]
    fn a_patch_of_a_tile_lies_in_the_photo() {
        let tiles = vec![Tile { x: 100, y: 40, width: 60, height: 30 }];
        let photo = GoodPhoto { path: "a.png".into(), size: (160, 80), tiles, picture: Vec::new() };
        let good = GoodPhotos { photos: vec![photo], grid: 4, notes: Vec::new() };
        let area = |input, cell| good.place(NearestPatch { photo: 0, input, cell }).map(|p| p.area);
        assert_eq!(area(0, 5), Some([40, 20, 40, 20]));
        assert_eq!(area(1, 15), Some([145, 62, 15, 8]));
        // Mirrored left to right: the last column is the first.
        assert_eq!(area(2, 3), Some([0, 0, 40, 20]));
        assert_eq!(good.place(NearestPatch { photo: 1, input: 0, cell: 0 }), None);
    }
}
