//! References on the device: distances of patches, and probabilities from words and distances together.

use half::f16;

use super::tail::Tail;
use super::{TOP_PATCHES, fisher, posterior};
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
    /// The score of the image by words alone, without references; NaN before it was scored.
    pub words: f32,
    /// The mean probability of the most unusual patches by distances alone.
    pub distance: f32,
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
    /// Of the logarithm of a distance in these units.
    pub(super) distance: Tail,
    /// Of the words' log-odds of any defect.
    pub(super) words: Tail,
    pub(super) notes: Vec<String>,
}

/// The least distance: cosines of float32 features are no finer.
const LEAST_DISTANCE: f64 = 1e-7;

/// 1 − cosine; NaN where no row is near.
pub(super) fn distance(neighbour: Neighbour) -> f64 {
    (1.0 - f64::from(neighbour.cosine)).max(LEAST_DISTANCE)
        + if neighbour.cosine.is_nan() { f64::NAN } else { 0.0 }
}

/// Log-odds of any defect from the probability of normal.
pub(super) fn log_odds(normal: f32) -> f64 {
    let normal = f64::from(normal);
    ((1.0 - normal).max(1e-12) / normal.max(1e-12)).ln()
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
            let rows: Vec<f32> = rows.iter().map(|v| v.to_f32()).collect();
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
            Comparison { grid: self.grid, distances, nearest: nearest.collect(), words: f32::NAN, distance }
        };
        Ok((0..images).map(compare).collect())
    }

    /// The mean probability of a defect of the patches with the largest distances.
    fn unusual(&self, distances: &[f32]) -> f32 {
        let mut largest = distances.to_vec();
        largest.sort_unstable_by(|a, b| b.total_cmp(a));
        largest.truncate(TOP_PATCHES);
        let defect = |&d: &f32| posterior(self.distance.ln_p(f64::from(d).ln()), self.grid * self.grid);
        (largest.iter().map(defect).sum::<f64>() / largest.len().max(1) as f64) as f32
    }

    /// Puts the words' probabilities of one image, [cells, classes] with normal first, and its distances together. The
    /// defects keep their shares of what is not normal.
    pub(crate) fn fuse(&self, compared: &Comparison, probabilities: &mut [f32], classes: usize) {
        let cells = probabilities.len() / classes;
        let edge = (cells as f64).sqrt().round() as usize;
        let ln_p: Vec<f64> =
            compared.distances.iter().map(|&d| self.distance.ln_p(f64::from(d).ln())).collect();
        let ln_p = match edge == compared.grid {
            true => ln_p,
            false => enlarge(&ln_p, compared.grid, edge),
        };
        for (cell, ln_p) in probabilities.chunks_mut(classes).zip(ln_p) {
            let words = self.words.ln_p(log_odds(cell[0]));
            let defect = posterior(fisher(words, ln_p), self.grid * self.grid);
            let share = f64::from(cell[1..].iter().sum::<f32>());
            for p in &mut cell[1..] {
                *p = match share > 0.0 {
                    true => (f64::from(*p) / share * defect) as f32,
                    false => (defect / (classes - 1) as f64) as f32,
                };
            }
            cell[0] = (1.0 - defect) as f32;
        }
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
        let sample = |count: usize| (0..count).map(|i| i as f64 / count as f64 - 0.5).collect();
        References {
            element: Element::F32,
            width: 1,
            rows: Vec::new(),
            layers: vec![1],
            grid: 2,
            photos: 1,
            banks: Vec::new(),
            origins: Vec::new(),
            units: vec![0.1],
            distance: Tail::fit(sample(1000)).unwrap(),
            words: Tail::fit(sample(1000)).unwrap(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn either_evidence_finds_a_defect_and_shares_stay() {
        let origin = NearestPatch { photo: 0, input: 0, cell: 0 };
        let compared = |d: f32| Comparison {
            grid: 2,
            distances: vec![1.0, 1.0, 1.0, d],
            nearest: vec![origin; 4],
            words: f32::NAN,
            distance: 0.0,
        };
        let usual = [0.5, 0.3, 0.2].repeat(4);
        let fused = |distances: f32, words: &[f32]| {
            let mut cells = words.to_vec();
            references().fuse(&compared(distances), &mut cells, 3);
            cells
        };
        let quiet = fused(1.0, &usual);
        assert!(quiet.chunks(3).all(|cell| cell[0] > 0.7), "{quiet:?}");
        let far = fused(20.0, &usual);
        assert!(far[9] < 0.01 && far[0] == quiet[0], "{far:?}");
        assert!((far[10] / far[11] - 1.5).abs() < 1e-5);
        let mut named = usual.clone();
        named[9..].copy_from_slice(&[0.001, 0.001, 0.998]);
        let named = fused(1.0, &named);
        assert!(named[9] < 0.05 && named[11] > 0.9, "{named:?}");
        for cell in far.chunks(3).chain(named.chunks(3)) {
            assert!((cell.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
}
