//! References on the device: distances of patches, and probabilities from words and distances together.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::usual::{Usual, log_odds, posterior, posterior_log_odds, probability, smooth, tempered, top_mean};
use crate::gpu::Gpu;
use crate::ops::{self, Bank, Element, Neighbour, OpError, Tensor};

/// The patch of a good photo that is nearest to a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NearestPatch {
    /// Which good photo, counted from 0 in the order in which they were added.
    pub photo: u32,
    /// Which input of it: 0 is the whole photo, others are tiles, or turned and mirrored copies.
    pub input: u32,
    /// Which cell of that input, row by row.
    pub cell: u32,
}

/// How one image compares with the good photos.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Cells along an edge.
    pub grid: usize,
    /// Distance of each cell from the nearest good patches, [grid, grid]: the mean over the layers, each in units of its
    /// median among good patches. 1 is usual.
    pub distances: Vec<f32>,
    /// The nearest good patch of each cell, at the middle layer.
    pub nearest: Vec<NearestPatch>,
    /// Good photos that it is compared with, without copies of one another.
    pub photos: usize,
    /// The score of the image by words alone, without references; NaN before it was scored.
    pub words: f32,
    /// The logarithmic pool of the probabilities of the most anomalous patches by words and distances together; NaN before
    /// it was scored.
    pub patches: f32,
    /// The mean probability of the most unusual patches by distances alone.
    pub distance: f32,
}

impl Comparison {
    /// The score of the image: of two opinions, its patches' by words and distances and the words' own of the whole
    /// image, the logarithmic pool (Genest and Zidek 1986). The words count as one photo more.
    pub fn score(&self) -> f32 {
        let share = self.photos as f64 / (self.photos + 1) as f64;
        let [patches, words] = [self.patches, self.words].map(|score| log_odds(score, SURE_IMAGE));
        let odds = share * patches + (1.0 - share) * words;
        probability(odds) as f32
    }
}

/// The patches of good photos, with what is usual among them.
#[derive(Debug, Clone)]
pub struct References {
    pub(super) element: Element,
    pub(super) width: usize,
    /// Rows of unit length of each layer, [origins, width].
    pub(super) rows: Vec<Vec<f16>>,
    pub(super) layers: Vec<usize>,
    pub(super) grid: usize,
    pub(super) photos: usize,
    pub(super) banks: Vec<Bank>,
    /// Where each row of the banks is from.
    pub(super) origins: Vec<NearestPatch>,
    /// The median distance of good patches at each layer.
    pub(super) units: Vec<f64>,
    /// Of the logarithm of a distance in these units, smoothed.
    pub(super) distance: Usual,
    /// Of the words' log-odds of any defect.
    pub(super) words: Usual,
    pub(super) notes: Vec<String>,
}

/// The least distance: cosines of float32 features are no finer.
const LEAST_DISTANCE: f64 = 1e-7;

/// Probabilities nearer to 0 and 1 are not told apart: that far out they say how sharp the model's softmax is.
const SURE: f64 = 1e-4;

/// Scores of images nearer to 0 and 1 than float32 tells apart.
const SURE_IMAGE: f64 = 1e-7;

/// 1 − cosine; NaN where no row is near.
pub(super) fn distance(neighbour: Neighbour) -> f64 {
    (1.0 - f64::from(neighbour.cosine)).max(LEAST_DISTANCE)
        + if neighbour.cosine.is_nan() { f64::NAN } else { 0.0 }
}

/// Logarithms of distances of each layer, averaged in units of that layer.
pub(super) fn log_distances(layers: &[Vec<f64>], units: &[f64]) -> Vec<f64> {
    let mean = |cell: usize| {
        let sum: f64 = layers.iter().zip(units).map(|(layer, unit)| layer[cell] / unit).sum();
        (sum / units.len() as f64).ln()
    };
    (0..layers.first().map_or(0, Vec::len)).map(mean).collect()
}

/// Log-odds of any defect from the probability of normal.
pub(super) fn defect_log_odds(normal: f32) -> f64 {
    -log_odds(normal, SURE)
}

impl References {
    /// The blocks whose hidden states are compared, counted from 1.
    pub fn layers(&self) -> &[usize] {
        &self.layers
    }

    /// Number of good photos, without copies of one another.
    pub fn photos(&self) -> usize {
        self.photos
    }

    /// Patches in the bank.
    pub fn rows(&self) -> usize {
        self.origins.len()
    }

    /// What the user should know of the good photos, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The banks of these rows on a device.
    ///
    /// # Errors
    /// Those of the device.
    pub(super) fn banks(
        gpu: &Gpu,
        rows: &[Vec<f16>],
        width: usize,
        element: Element,
    ) -> Result<Vec<Bank>, OpError> {
        let bank = |rows: &Vec<f16>| {
            let rows = rows.to_f32_vec();
            Bank::upload(gpu, &rows, width, element)
        };
        rows.iter().map(bank).collect()
    }

    /// The same on another device.
    ///
    /// # Errors
    /// Those of the device.
    pub(crate) fn on(&self, gpu: &Gpu) -> Result<Self, OpError> {
        let banks = Self::banks(gpu, &self.rows, self.width, self.element)?;
        Ok(Self { banks, ..self.clone() })
    }

    /// Compares the hidden states of images, [images, cells, width] at each layer.
    ///
    /// # Errors
    /// States of another model.
    pub(crate) fn compare(&self, gpu: &Gpu, states: &[Tensor]) -> Result<Vec<Comparison>, OpError> {
        let cells = self.grid * self.grid;
        // All searches are under way before the first is waited for.
        let searches: Vec<_> = states
            .iter()
            .zip(&self.banks)
            .map(|(state, bank)| ops::nearest(gpu, state, bank, 1))
            .collect::<Result<_, _>>()?;
        let layers: Vec<Vec<Neighbour>> =
            searches.iter().map(|search| search.read(gpu)).collect::<Result<_, _>>()?;
        let images = layers.first().map_or(0, |layer| layer.len() / cells);
        let middle = layers.len() / 2;
        let compare = |image: usize| {
            let place = |cell: usize| image * cells + cell;
            let distances = (0..cells).map(|cell| {
                let sum: f64 = layers
                    .iter()
                    .zip(&self.units)
                    .map(|(layer, unit)| distance(layer[place(cell)]) / unit)
                    .sum();
                (sum / layers.len() as f64) as f32
            });
            // A patch that is not finite has no neighbour; its distance says so.
            let nearest = (0..cells).map(|cell| {
                let row = layers[middle][place(cell)].row.min(self.origins.len() - 1);
                self.origins[row]
            });
            let distances: Vec<f32> = distances.collect();
            let distance = self.unusual(&distances);
            Comparison {
                grid: self.grid,
                distances,
                nearest: nearest.collect(),
                photos: self.photos,
                words: f32::NAN,
                patches: f32::NAN,
                distance,
            }
        };
        Ok((0..images).map(compare).collect())
    }

    /// By how many spreads the distance of each cell is above what is usual.
    fn departures(&self, distances: &[f32]) -> Vec<f64> {
        let logs: Vec<f64> = distances.iter().map(|&d| f64::from(d).ln()).collect();
        smooth(&logs, self.grid).into_iter().map(|log| self.distance.z(log)).collect()
    }

    /// The mean probability of a defect of the patches with the largest distances, by distance alone.
    fn unusual(&self, distances: &[f32]) -> f32 {
        let defect = |z: f64| posterior(&[z], self.grid * self.grid);
        top_mean(self.departures(distances).into_iter().map(defect).collect()) as f32
    }

    /// Puts the words' probabilities of one image, [cells, classes] with normal first, and its distances together. The
    /// defects keep their shares of what is not normal. What the most anomalous cells say is kept in the comparison.
    pub(crate) fn fuse(&self, compared: &mut Comparison, probabilities: &mut [f32], classes: usize) {
        let cells = probabilities.len() / classes;
        let edge = (cells as f64).sqrt().round() as usize;
        let departures = self.departures(&compared.distances);
        let departures = match edge == compared.grid {
            true => departures,
            false => enlarge(&departures, compared.grid, edge),
        };
        let mut odds = Vec::with_capacity(cells);
        for (cell, distance) in probabilities.chunks_mut(classes).zip(departures) {
            let words = self.words.z(defect_log_odds(cell[0]));
            let both = [tempered(words), tempered(distance)];
            let defect = posterior_log_odds(&both, self.grid * self.grid);
            odds.push(defect);
            let defect = probability(defect);
            let share = f64::from(cell[1..].iter().sum::<f32>());
            for p in &mut cell[1..] {
                *p = match share > 0.0 {
                    true => (f64::from(*p) / share * defect) as f32,
                    false => (defect / (classes - 1) as f64) as f32,
                };
            }
            cell[0] = (1.0 - defect) as f32;
        }
        compared.patches = probability(top_mean(odds)) as f32;
    }
}

/// Values [from, from] at each point of [to, to], bilinear with aligned corners, as maps are enlarged.
fn enlarge(values: &[f64], from: usize, to: usize) -> Vec<f64> {
    let place = |at: usize| {
        let place = at as f64 * (from - 1) as f64 / (to.max(2) - 1) as f64;
        let below = (place.floor() as usize).min(from - 1);
        (below, (below + 1).min(from - 1), place - below as f64)
    };
    let mut enlarged = Vec::with_capacity(to * to);
    for y in 0..to {
        let (top, bottom, down) = place(y);
        for x in 0..to {
            let (left, right, along) = place(x);
            let row = |y: usize| {
                values[y * from + left] + along * (values[y * from + right] - values[y * from + left])
            };
            enlarged.push(row(top) + down * (row(bottom) - row(top)));
        }
    }
    enlarged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_and_lines_survive_enlarging() {
        let enlarged = enlarge(&[0.0, 1.0, 2.0, 3.0], 2, 5);
        assert_eq!([enlarged[0], enlarged[4], enlarged[20], enlarged[24]], [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(enlarged[12], 1.5);
        assert_eq!(enlarge(&[7.0], 1, 3), [7.0; 9]);
    }

    fn references() -> References {
        let sample = |count: usize| (0..count).map(|i| 4.0 * (i as f64 / count as f64 - 0.5)).collect();
        References {
            element: Element::F32,
            width: 1,
            rows: Vec::new(),
            layers: vec![1],
            grid: 4,
            photos: 1,
            banks: Vec::new(),
            origins: Vec::new(),
            units: vec![0.1],
            distance: Usual::fit(sample(1000), 0.02).unwrap(),
            words: Usual::fit(sample(1000), 0.1).unwrap(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn either_evidence_finds_a_defect_and_shares_stay() {
        let origin = NearestPatch { photo: 0, input: 0, cell: 0 };
        let compared = |last: f32| {
            let mut distances = vec![1.0; 16];
            distances[15] = last;
            Comparison {
                grid: 4,
                distances,
                nearest: vec![origin; 16],
                photos: 1,
                words: f32::NAN,
                patches: f32::NAN,
                distance: 0.0,
            }
        };
        let usual = [0.5, 0.3, 0.2].repeat(16);
        let fused = |distances: f32, words: &[f32]| {
            let mut cells = words.to_vec();
            let mut compared = compared(distances);
            references().fuse(&mut compared, &mut cells, 3);
            let of = |cell: usize| -log_odds(cells[3 * cell], SURE_IMAGE);
            let pooled = top_mean((0..16).map(of).collect());
            // float32 has a score of 0.9999 to 6e-8, and its log-odds to 6e-4.
            let patches = log_odds(compared.patches, SURE_IMAGE);
            match pooled.is_nan() {
                true => assert!(patches.is_nan()),
                false => assert!((patches - pooled).abs() < 1e-3, "{patches} {pooled}"),
            }
            cells
        };
        let quiet = fused(1.0, &usual);
        assert!(quiet.chunks(3).all(|cell| cell[0] > 0.95), "{quiet:?}");
        let far = fused(1e30, &usual);
        assert!(far[45] < 0.1 && far[0] == quiet[0], "{far:?}");
        assert!((far[46] / far[47] - 1.5).abs() < 1e-5);
        let mut named = usual.clone();
        named[45..].copy_from_slice(&[0.0001, 0.0001, 0.9998]);
        let named = fused(1.0, &named);
        // Log-odds of 9.2 are 6.8 spreads here, which count as 3.9: odds of e to 2 · 3.9 − 4 − ln 15.
        assert!((named[45] - 0.263).abs() < 0.01 && named[47] > 0.99 * (1.0 - named[45]), "{named:?}");
        for cell in far.chunks(3).chain(named.chunks(3)) {
            assert!((cell.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        assert!(fused(f32::NAN, &usual)[45].is_nan());
    }

    #[test]
    fn words_count_as_one_photo_more() {
        let score = |photos: usize, patches: f32, words: f32| {
            let (grid, distances, nearest) = (0, Vec::new(), Vec::new());
            Comparison { grid, distances, nearest, photos, words, patches, distance: 0.0 }.score()
        };
        // Odds of 4 and of 1 to 4: with one photo even, with three the cube of 4 against 4, of four roots.
        assert!((score(1, 0.8, 0.2) - 0.5).abs() < 1e-6);
        assert!((score(3, 0.8, 0.2) - 2.0 / 3.0).abs() < 1e-6);
        for photos in [1, 4, 200] {
            assert!((score(photos, 0.3, 0.3) - 0.3).abs() < 1e-6, "opinions that agree stay");
            assert!((score(photos, 0.9, 0.4) + score(photos, 0.1, 0.6) - 1.0).abs() < 1e-6);
            assert!(score(photos, 1.0, 0.0).is_finite() && score(photos, f32::NAN, 0.5).is_nan());
        }
        assert!(score(1, 0.5, 0.9) > score(4, 0.5, 0.9));
    }
}
