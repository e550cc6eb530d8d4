//! From the features of good photos to references.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::coreset::coreset;
use super::layers;
use super::references::{NearestPatch, References, defect_log_odds, distance, log_distances};
use super::usual::{Usual, posterior, smooth, top_mean};
use crate::clip::Clip;
use crate::gpu::Gpu;
use crate::ops::{self, Bank, Element, OpError, Tensor};

/// Settings of references.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceOptions {
    /// Most patches in the bank: more are cut to those that stand for them best. Time and memory grow with it.
    pub bank_size: usize,
    /// How the bank is stored on the device: `f16` takes half the memory.
    pub element: Element,
}

impl Default for ReferenceOptions {
    /// 8192 patches in float32: those of six photos of ViT-L/14 at 518 px, of 32 of the embedded model.
    fn default() -> Self {
        Self { bank_size: 8192, element: Element::F32 }
    }
}

/// Why there are no references.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// No photo was added.
    #[error("no good photo could be read")]
    Empty,
    /// A single photo has too few patches to be compared with itself.
    #[error(
        "the model sees one good photo as {0} x {0} patches, too few to tell what is usual; add good photos"
    )]
    TooFewPatches(usize),
    /// The device, or features that are not finite.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// What one input of a good photo gives.
#[derive(Debug, Clone)]
pub struct GoodFeatures {
    /// Hidden states of the patches at each of [`layers`], [cells, width].
    pub(crate) states: Vec<Vec<f32>>,
    /// The words' probability of normal at each cell, or pixel.
    pub(crate) normal: Vec<f32>,
}

/// Most photos that are compared with the others to learn what is usual.
const QUERIES: usize = 16;
/// Blocks along an edge in which a single photo is compared with the rest of itself.
const BLOCKS: usize = 4;
/// Two photos whose mean features differ by less than this, as 1 − cosine, are copies of each other: photos of different
/// parts differ a thousand times as much.
const COPY: f64 = 1e-7;
/// The least spread of the logarithm of a distance: a fiftieth more or less is no difference.
const LEAST_LOG_DISTANCE: f64 = 0.02;
/// The least spread of log-odds: a tenth more or less is no difference.
const LEAST_LOG_ODDS: f64 = 0.1;
/// Most of the words' log-odds that are kept.
const MOST_ODDS: usize = 1 << 20;

/// A whole photo.
#[derive(Debug)]
struct Query {
    photo: u32,
    name: String,
    /// Rows of each layer.
    layers: Vec<Vec<f16>>,
}

/// Collects the features of good photos.
#[derive(Debug)]
pub struct ReferenceBuilder {
    gpu: Gpu,
    options: ReferenceOptions,
    layers: Vec<usize>,
    grid: usize,
    width: usize,
    origins: Vec<NearestPatch>,
    /// Rows of unit length of each layer, [origins, width].
    rows: Vec<Vec<f16>>,
    /// Whole photos, to be compared with the others.
    queries: Vec<Query>,
    log_odds: Vec<f64>,
    /// Mean feature of each photo that is no copy: its number, and the vector.
    means: Vec<(u32, Vec<f64>)>,
    notes: Vec<String>,
    current: Option<(u32, u32, bool)>,
}

impl ReferenceBuilder {
    /// For photos that this model sees.
    pub fn new(clip: &Clip, options: ReferenceOptions) -> Self {
        let layers = layers(clip.vision().depth());
        Self {
            gpu: clip.gpu().clone(),
            options: ReferenceOptions { bank_size: options.bank_size.max(1), ..options },
            rows: vec![Vec::new(); layers.len()],
            layers,
            grid: clip.vision().grid(),
            width: clip.vision().width(),
            origins: Vec::new(),
            queries: Vec::new(),
            log_odds: Vec::new(),
            means: Vec::new(),
            notes: Vec::new(),
            current: None,
        }
    }

    /// Adds an input of a photo. The first input of each photo is the whole of it; all inputs of a photo follow each other.
    /// `name` is used in remarks.
    ///
    /// # Errors
    /// [`OpError`] of the device, on which a bank that is full is cut.
    pub fn add(&mut self, photo: u32, name: &str, features: &GoodFeatures) -> Result<(), OpError> {
        let unit: Vec<Vec<f16>> = features.states.iter().map(|state| self.unit_rows(state)).collect();
        let input = match self.current {
            Some((current, input, copy)) if current == photo => {
                self.current = Some((photo, input + 1, copy));
                if copy {
                    return Ok(());
                }
                input + 1
            }
            _ => {
                let mean = mean_row(features.states.last().map_or(&[], Vec::as_slice), self.width);
                let copied = self.means.iter().any(|(_, other)| 1.0 - cosine(&mean, other) < COPY);
                self.current = Some((photo, 0, copied));
                if copied {
                    self.notes.push(format!("good photo {name} is a copy of another one and not used"));
                    return Ok(());
                }
                self.means.push((photo, mean));
                if self.queries.len() < QUERIES {
                    self.queries.push(Query { photo, name: name.to_owned(), layers: unit.clone() });
                }
                0
            }
        };
        let cells = (self.grid * self.grid) as u32;
        self.origins.extend((0..cells).map(|cell| NearestPatch { photo, input, cell }));
        self.rows.iter_mut().zip(unit).for_each(|(rows, unit)| rows.extend(unit));
        let step = features.normal.len().div_ceil(MOST_ODDS / QUERIES).max(1);
        if self.log_odds.len() < MOST_ODDS {
            self.log_odds.extend(features.normal.iter().step_by(step).map(|&normal| defect_log_odds(normal)));
        }
        if self.origins.len() > 2 * self.options.bank_size.max(cells as usize) {
            self.cut()?;
        }
        Ok(())
    }

    /// Uploads what was collected, and learns what is usual.
    ///
    /// # Errors
    /// [`ReferenceError`].
    pub fn finish(mut self) -> Result<References, ReferenceError> {
        if self.queries.is_empty() {
            return Err(ReferenceError::Empty);
        }
        self.cut()?;
        let samples = match self.queries.len() {
            1 => vec![self.within_one_photo()?],
            _ => self.between_photos()?,
        };
        let units: Vec<f64> = (0..self.layers.len()).map(|layer| median(&samples, layer)).collect();
        let logs: Vec<Vec<f64>> =
            samples.iter().map(|sample| smooth(&log_distances(sample, &units), self.grid)).collect();
        if self.queries.len() > 1 {
            self.notes.extend(self.unlike(&logs));
        }
        let not_finite = || {
            ReferenceError::Op(OpError::Shape {
                op: "references",
                expected: "finite features".into(),
                found: Vec::new(),
            })
        };
        let element = self.options.element;
        Ok(References {
            banks: References::banks(&self.gpu, &self.rows, self.width, element)?,
            element,
            width: self.width,
            rows: self.rows,
            distance: Usual::fit(logs.concat(), LEAST_LOG_DISTANCE).ok_or_else(not_finite)?,
            words: Usual::fit(self.log_odds, LEAST_LOG_ODDS).ok_or_else(not_finite)?,
            layers: self.layers,
            grid: self.grid,
            photos: self.means.len(),
            origins: self.origins,
            units,
            notes: self.notes,
        })
    }

    /// Rows divided by their norms.
    fn unit_rows(&self, rows: &[f32]) -> Vec<f16> {
        let unit = rows.chunks(self.width).flat_map(|row| {
            let norm = row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            row.iter().map(move |&v| f16::from_f64(f64::from(v) * scale))
        });
        unit.collect()
    }

    /// Keeps as many rows as the bank may have.
    fn cut(&mut self) -> Result<(), OpError> {
        if self.origins.len() <= self.options.bank_size {
            return Ok(());
        }
        let kept = coreset(&self.gpu, &self.rows, self.width, self.options.bank_size)?;
        self.origins = kept.iter().map(|&row| self.origins[row]).collect();
        for layer in &mut self.rows {
            *layer = kept.iter().flat_map(|&row| layer[row * self.width..][..self.width].to_vec()).collect();
        }
        Ok(())
    }

    /// Distances of the patches of each photo from those of the others.
    fn between_photos(&self) -> Result<Vec<Sample>, ReferenceError> {
        let sample = |query: &Query| {
            let others = self.select(|origin| origin.photo != query.photo);
            self.search(&query.layers, &others)
        };
        self.queries.iter().map(sample).collect()
    }

    /// Distances of the patches of one photo from those outside of the block that they lie in and its border; NaN where there
    /// are none.
    fn within_one_photo(&self) -> Result<Sample, ReferenceError> {
        let (grid, Query { photo, layers, .. }) = (self.grid, &self.queries[0]);
        let edges = |block: usize| block * grid / BLOCKS..(block + 1) * grid / BLOCKS;
        let mut sample = vec![vec![f64::NAN; grid * grid]; layers.len()];
        let mut found = false;
        for (rows, columns) in (0..BLOCKS).flat_map(|y| (0..BLOCKS).map(move |x| (edges(y), edges(x)))) {
            let cells: Vec<usize> =
                rows.clone().flat_map(|y| columns.clone().map(move |x| y * grid + x)).collect();
            let near = |at: usize, range: &std::ops::Range<usize>| at + 1 >= range.start && at <= range.end;
            let others = self.select(|origin| {
                let (y, x) = (origin.cell as usize / grid, origin.cell as usize % grid);
                (origin.photo, origin.input) == (*photo, 0) && !(near(y, &rows) && near(x, &columns))
            });
            if cells.is_empty() || others.is_empty() {
                continue;
            }
            found = true;
            let pick = |layer: &Vec<f16>| {
                cells.iter().flat_map(|cell| layer[cell * self.width..][..self.width].to_vec()).collect()
            };
            let of_block = self.search(&layers.iter().map(pick).collect::<Vec<_>>(), &others)?;
            for (all, block) in sample.iter_mut().zip(of_block) {
                cells.iter().zip(block).for_each(|(&cell, distance)| all[cell] = distance);
            }
        }
        if found { Ok(sample) } else { Err(ReferenceError::TooFewPatches(grid)) }
    }

    fn select(&self, keep: impl Fn(&NearestPatch) -> bool) -> Vec<usize> {
        (0..self.origins.len()).filter(|&row| keep(&self.origins[row])).collect()
    }

    /// Distances of queries, rows of each layer, from the nearest of these rows of the bank.
    fn search(&self, queries: &[Vec<f16>], among: &[usize]) -> Result<Sample, ReferenceError> {
        let mut sample = Vec::with_capacity(queries.len());
        for (queries, rows) in queries.iter().zip(&self.rows) {
            let bank: Vec<f32> =
                among.iter().flat_map(|&row| rows[row * self.width..][..self.width].to_f32_vec()).collect();
            let bank = Bank::upload(&self.gpu, &bank, self.width, Element::F32)?;
            let count = queries.len() / self.width;
            let queries = Tensor::upload(&self.gpu, &queries.to_f32_vec(), &[count, self.width])?;
            let near = ops::nearest(&self.gpu, &queries, &bank, 1)?.read(&self.gpu)?;
            sample.push(near.into_iter().map(distance).collect());
        }
        Ok(sample)
    }

    /// Remarks on photos that would be called defective by the others.
    fn unlike(&self, logs: &[Vec<f64>]) -> Vec<String> {
        let patches = self.grid * self.grid;
        let unusual = |photo: usize| {
            let others: Vec<f64> = logs
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != photo)
                .flat_map(|(_, log)| log.clone())
                .collect();
            let Some(usual) = Usual::fit(others, LEAST_LOG_DISTANCE) else { return false };
            top_mean(logs[photo].iter().map(|&log| posterior(&[usual.z(log)], patches)).collect()) > 0.5
        };
        let found = (0..logs.len()).filter(|&photo| unusual(photo));
        let note = |photo: usize| {
            format!("good photo {} is unlike the others; look whether it is good", self.queries[photo].name)
        };
        found.map(note).collect()
    }
}

/// Distances of patches at each layer.
type Sample = Vec<Vec<f64>>;

fn mean_row(rows: &[f32], width: usize) -> Vec<f64> {
    let mut mean = vec![0.0; width];
    for row in rows.chunks(width) {
        mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v));
    }
    mean
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}

fn median(samples: &[Sample], layer: usize) -> f64 {
    let mut all: Vec<f64> =
        samples.iter().flat_map(|sample| sample[layer].iter().copied()).filter(|d| d.is_finite()).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(1.0).max(1e-6)
}
