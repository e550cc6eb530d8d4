//! Figures of pixels over any number of images in constant memory.

use super::bins::{Grid, add_counts, sums_from_top};
use super::error::Undefined;
use super::overlap::{Between, Point, thresholds};
use super::pixel::{PixelFigures, check};
use super::ranking::ranking;
use super::regions::Regions;
use super::state::{Reader, StateError, Writer, total};

/// Number of bins; three histograms of 64-bit numbers take 1.5 MiB.
const BINS: usize = 65536;
/// The weight of a region: each of its pixels has this divided by its area.
const ONE: u64 = 1 << 40;
/// As many regions as weights can be summed for in 64 bits.
const MAX_REGIONS: u64 = 1 << 23;
/// What the bytes begin with.
const KIND: u8 = b'p';

/// Pixels of a product, counted in 65536 equal bins of an interval: defective ones, normal ones, and the weight of
/// defective ones, one region weighing 1. The mean overlap of the regions above a threshold is then the weight above
/// it divided by the number of regions, without a list of regions.
///
/// All counts are integers: [`merge`](Self::merge) gives the same bytes in any order and with any division of the
/// images.
///
/// # Bounds
///
/// Values of different bins are ranked exactly; the order within a bin is lost. AUROC, AP and F1-max state what that
/// can change at most: a pair within a bin is wrong by at most one half; a positive's precision lies between that of
/// its bin's negatives all coming first and all coming last; and F1 at any threshold within a bin is at most that of
/// all its positives and none of its negatives.
///
/// AUPRO: the extremes of the maps are kept exactly, so the thresholds are exact too. Each falls in one bin, of whose
/// pixels it is not known which lie above: false-positive rate and overlap lie between those without and those with
/// the bin. (The estimate takes the share of the bin above the threshold.) To the overlap's interval comes the
/// rounding of the weights, at most half a unit of 2⁻⁴⁰ a pixel. The error of the area follows from both, over every
/// set of thresholds whose rate can be below 0.3. Where a bin holds the thresholds that matter, the bound is of no use
/// (0.5 and more), or the figure is [`Undefined::Coarse`]; where no area exists, it may go unnoticed, with such a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelCounts {
    grid: Grid,
    positives: Vec<u64>,
    negatives: Vec<u64>,
    weights: Vec<u64>,
    regions: u64,
    /// The least and the greatest value.
    extremes: Option<[f32; 2]>,
}

impl PixelCounts {
    /// No pixels yet, for maps with values in `range`, both ends included.
    ///
    /// # Errors
    /// [`Undefined::Interval`] unless both ends are finite and in order.
    pub fn new(range: [f32; 2]) -> Result<Self, Undefined> {
        let empty = || vec![0; BINS];
        Ok(Self {
            grid: Grid::new(range, BINS)?,
            positives: empty(),
            negatives: empty(),
            weights: empty(),
            regions: 0,
            extremes: None,
        })
    }

    /// Counts the pixels of one image: `map` and `mask` in the same order, in rows of `width`; `true` is defective.
    ///
    /// # Errors
    /// [`Undefined`] if the sizes differ, or a value is not finite or lies outside of the range (beyond rounding, by
    /// 1e-4 of its width), with its position; nothing of this image is counted then.
    pub fn add(&mut self, map: &[f32], mask: &[bool], width: usize) -> Result<(), Undefined> {
        check(map, 1, mask.len())?;
        self.grid.check(map)?;
        let found = Regions::of(mask, width)?;
        self.add_regions(found.areas.len() as u64)?;
        let bin = |value: f32| self.grid.bin(f64::from(value));
        for &value in map {
            self.negatives[bin(value)] += 1;
        }
        for &(at, region) in &found.pixels {
            let area = u64::from(found.areas[region as usize]);
            self.negatives[bin(map[at])] -= 1;
            self.positives[bin(map[at])] += 1;
            self.weights[bin(map[at])] += (ONE + area / 2) / area;
        }
        if let Some(&first) = map.first() {
            let range = map.iter().fold([first; 2], |[low, high], &v| [low.min(v), high.max(v)]);
            self.widen(range);
        }
        Ok(())
    }

    fn widen(&mut self, [low, high]: [f32; 2]) {
        let [least, most] = self.extremes.unwrap_or([low, high]);
        // Adding zero makes both zeros one, so that the bytes do not depend on the order.
        self.extremes = Some([least.min(low) + 0.0, most.max(high) + 0.0]);
    }

    fn add_regions(&mut self, more: u64) -> Result<(), Undefined> {
        if self.regions + more > MAX_REGIONS {
            return Err(Undefined::TooManyRegions { limit: MAX_REGIONS });
        }
        self.regions += more;
        Ok(())
    }

    /// Adds the counts of another, e.g. of other images.
    ///
    /// # Errors
    /// [`Undefined::Unlike`] if its range is another; nothing is added then.
    pub fn merge(&mut self, other: &Self) -> Result<(), Undefined> {
        if self.grid != other.grid {
            return Err(Undefined::Unlike);
        }
        self.add_regions(other.regions)?;
        add_counts(&mut self.positives, &other.positives);
        add_counts(&mut self.negatives, &other.negatives);
        add_counts(&mut self.weights, &other.weights);
        if let Some(range) = other.extremes {
            self.widen(range);
        }
        Ok(())
    }

    /// Number of pixels counted.
    pub fn pixels(&self) -> u64 {
        self.positives.iter().chain(&self.negatives).sum()
    }

    /// The figures of all pixels counted, each with its bound.
    pub fn figures(&self) -> PixelFigures {
        let groups = self.positives.iter().copied().zip(self.negatives.iter().copied()).rev();
        let (positives, negatives) = (self.positives.iter().sum(), self.negatives.iter().sum());
        PixelFigures::new(ranking(groups, positives, negatives), || self.curve(positives))
    }

    /// Overlap and false-positive rate at each threshold.
    fn curve(&self, positives: u64) -> Result<Vec<Point>, Undefined> {
        let [min, max] = self.extremes.ok_or(Undefined::Empty)?;
        let (alarms, weights) = (sums_from_top(&self.negatives), sums_from_top(&self.weights));
        let whole = self.regions as f64 * ONE as f64;
        let rounding = 0.5 * positives as f64 / whole;
        let point = |threshold: f64| {
            let bin = self.grid.bin(threshold);
            // A threshold at the very end of its bin leaves nothing of it above.
            let above = (1.0 - (self.grid.position(threshold) - bin as f64)).clamp(0.0, 1.0);
            let between = |sums: &[u64], whole: f64, rounding: f64| {
                let (low, high) = (sums[bin + 1] as f64, sums[bin] as f64);
                Between {
                    low: low / whole - rounding,
                    value: (low + above * (high - low)) / whole,
                    high: high / whole + rounding,
                }
            };
            Point {
                fpr: between(&alarms, alarms[0] as f64, 0.0),
                overlap: between(&weights, whole, rounding),
            }
        };
        Ok(thresholds(min, max)?.map(point).collect())
    }

    /// The counts as bytes, for a checkpoint: empty bins cost little.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::new(KIND);
        out.grid(&self.grid);
        out.integer(u64::from(self.extremes.is_some()));
        for value in self.extremes.into_iter().flatten() {
            out.float(value);
        }
        out.integer(self.regions);
        for histogram in [&self.positives, &self.negatives, &self.weights] {
            out.histogram(histogram);
        }
        out.finish()
    }

    /// The counts that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`StateError`] if the bytes are damaged, of another kind or of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut from = Reader::new(bytes, KIND)?;
        let grid = from.grid(BINS)?;
        let extremes = if from.integer()? > 0 { Some([from.float()?, from.float()?]) } else { None };
        if extremes.is_some_and(|[low, high]| !(low <= high && low.is_finite() && high.is_finite())) {
            return Err(StateError { reason: "its extremes are no range of values" });
        }
        let regions = from.integer()?;
        let (positives, negatives) = (from.pixels(BINS)?, from.pixels(BINS)?);
        let weights = from.histogram(BINS)?;
        from.finish()?;
        // A region weighs 1, apart from the rounding of its pixels' shares.
        let pixels = total(&positives).unwrap_or(u64::MAX);
        let most =
            regions.checked_mul(ONE).filter(|_| regions <= MAX_REGIONS).and_then(|w| w.checked_add(pixels));
        if total(&weights).zip(most).is_none_or(|(found, most)| found > most) {
            return Err(StateError { reason: "its regions weigh more than they can" });
        }
        Ok(Self { grid, positives, negatives, weights, regions, extremes })
    }
}
