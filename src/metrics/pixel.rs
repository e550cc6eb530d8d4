//! Pixel AUROC over any number of images in constant memory.

use super::Undefined;
use super::roc::auroc_from_counts;

/// Number of equal bins on [0, 1]; two histograms of 64-bit counts take 1 MiB.
const BINS: usize = 65536;

/// How far outside [0, 1] a value may lie by rounding (a softmax sum, say) before it is refused.
const ROUNDING: f32 = 1e-4;

/// A value and how far the exact one can be from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    /// The estimate.
    pub value: f64,
    /// The exact value lies within `value ± max_error`.
    pub max_error: f64,
}

/// Streaming AUROC of map pixels against a mask, e.g. over all images of a product.
///
/// A ranking needs all scores at once, which at 518 × 518 pixels is a gigabyte per thousand images. Instead each
/// score in [0, 1] is counted in one of 65536 bins of width 1/65536, separately for defective and normal pixels.
/// Pairs in different bins are ranked exactly; a pair in the same bin is counted as a tie (one half), so that it is
/// wrong by at most one half:
///
/// `|AUROC − estimate| ≤ ½ · Σ_b P_b·N_b / (P·N)`
///
/// with `P_b`, `N_b` the positives and negatives in bin b. [`PixelAuroc::value`] returns this bound with the estimate.
#[derive(Debug, Clone)]
pub struct PixelAuroc {
    positives: Vec<u64>,
    negatives: Vec<u64>,
}

impl Default for PixelAuroc {
    fn default() -> Self {
        Self::new()
    }
}

impl PixelAuroc {
    /// An accumulator that has seen nothing.
    pub fn new() -> Self {
        Self { positives: vec![0; BINS], negatives: vec![0; BINS] }
    }

    /// Counts the pixels of one image: `map` in 0..=1, `mask` `true` where the pixel is defective, in the same order.
    ///
    /// # Errors
    /// [`Undefined`] if the lengths differ or a value is not finite or lies outside 0..=1 (beyond rounding); nothing
    /// of this image is counted then.
    pub fn add(&mut self, map: &[f32], mask: &[bool]) -> Result<(), Undefined> {
        if map.len() != mask.len() {
            return Err(Undefined::LengthMismatch { scores: map.len(), labels: mask.len() });
        }
        for (index, &value) in map.iter().enumerate() {
            if !value.is_finite() {
                return Err(Undefined::NotFinite { index, value });
            }
            if !(-ROUNDING..=1.0 + ROUNDING).contains(&value) {
                return Err(Undefined::OutOfRange { index, value });
            }
        }
        for (&value, &defective) in map.iter().zip(mask) {
            let bin = ((value.clamp(0.0, 1.0) * BINS as f32) as usize).min(BINS - 1);
            let histogram = if defective { &mut self.positives } else { &mut self.negatives };
            histogram[bin] += 1;
        }
        Ok(())
    }

    /// Adds what another accumulator has seen, e.g. one per thread or per product.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in
            [(&mut self.positives, &other.positives), (&mut self.negatives, &other.negatives)]
        {
            for (a, b) in mine.iter_mut().zip(theirs) {
                *a += b;
            }
        }
    }

    /// Number of pixels seen.
    pub fn pixels(&self) -> u64 {
        self.positives.iter().chain(&self.negatives).sum()
    }

    /// The AUROC of everything seen so far and its error bound.
    ///
    /// # Errors
    /// [`Undefined::Empty`] or [`Undefined::OneClass`], e.g. if no image had a defective pixel.
    pub fn value(&self) -> Result<Bounded, Undefined> {
        let positives: u64 = self.positives.iter().sum();
        let negatives: u64 = self.negatives.iter().sum();
        match (positives, negatives) {
            (0, 0) => return Err(Undefined::Empty),
            (0, count) => {
                return Err(Undefined::OneClass { positive: false, count });
            }
            (count, 0) => {
                return Err(Undefined::OneClass { positive: true, count });
            }
            _ => {}
        }
        let bins = || self.positives.iter().copied().zip(self.negatives.iter().copied()).rev();
        let value = auroc_from_counts(bins()).ok_or(Undefined::Empty)?;
        let same_bin: u128 = bins().map(|(p, n)| u128::from(p) * u128::from(n)).sum();
        let pairs = u128::from(positives) * u128::from(negatives);
        Ok(Bounded { value, max_error: 0.5 * same_bin as f64 / pairs as f64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::auroc;

    /// A linear congruential generator: values in [0, 1), the same on every run.
    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        (0..count).map(step).collect()
    }

    #[test]
    fn within_its_bound_of_the_exact_value() {
        let mut streaming = PixelAuroc::new();
        let (mut all_scores, mut all_labels) = (Vec::new(), Vec::new());
        for seed in 0..4 {
            // Squeezed into a hundredth of the range, where the bins are coarse.
            let scores: Vec<f32> = noise(5000, seed).iter().map(|v| 0.5 + 0.01 * v).collect();
            let labels: Vec<bool> =
                noise(5000, seed + 100).iter().zip(&scores).map(|(v, s)| v * 0.02 + 0.5 < *s).collect();
            streaming.add(&scores, &labels).expect("add");
            all_scores.extend(scores);
            all_labels.extend(labels);
        }
        let exact = auroc(&all_scores, &all_labels).expect("auroc");
        let found = streaming.value().expect("value");
        assert_eq!(streaming.pixels(), 20_000);
        assert!((found.value - exact).abs() <= found.max_error, "{found:?} against {exact}");
        // 655 occupied bins: about 1/655 of the pairs share one.
        assert!(found.max_error > 0.0 && found.max_error < 2e-3, "{found:?}");
    }

    #[test]
    fn exact_on_values_that_are_bins_of_their_own() {
        let mut streaming = PixelAuroc::new();
        streaming.add(&[0.0, 0.25, 0.5, 1.0], &[false, true, false, true]).expect("add");
        assert_eq!(streaming.value(), Ok(Bounded { value: 0.75, max_error: 0.0 }));
        let mut doubled = PixelAuroc::new();
        doubled.merge(&streaming);
        doubled.merge(&streaming);
        assert_eq!(doubled.pixels(), 8);
        assert_eq!(doubled.value().map(|b| b.value), Ok(0.75));
    }

    #[test]
    fn refuses_what_it_cannot_count() {
        let mut streaming = PixelAuroc::new();
        assert_eq!(streaming.value(), Err(Undefined::Empty));
        assert!(matches!(
            streaming.add(&[0.5, f32::NAN], &[true; 2]),
            Err(Undefined::NotFinite { index: 1, .. })
        ));
        assert!(matches!(streaming.add(&[1.5], &[true]), Err(Undefined::OutOfRange { .. })));
        assert!(matches!(streaming.add(&[0.5], &[]), Err(Undefined::LengthMismatch { .. })));
        assert_eq!(streaming.pixels(), 0, "a refused image leaves no trace");
        streaming.add(&[1.00005, -0.00005], &[true, true]).expect("rounding is forgiven");
        assert_eq!(streaming.value(), Err(Undefined::OneClass { positive: true, count: 2 }));
    }
}
