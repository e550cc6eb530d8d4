//! Scores of good and defective images, and how many a threshold flags.

/// Scores of the images of one product, or of all.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    good: Vec<f32>,
    defective: Vec<f32>,
}

/// Images at or above a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flagged {
    /// Good ones: false alarms.
    pub good: usize,
    /// Defective ones.
    pub defective: usize,
}

impl Scores {
    pub(super) fn push(&mut self, score: f32, defective: bool) {
        if defective { self.defective.push(score) } else { self.good.push(score) }
    }

    pub(super) fn extend(&mut self, other: &Scores) {
        self.good.extend(&other.good);
        self.defective.extend(&other.defective);
    }

    /// The same, highest first: the other functions need it.
    pub(super) fn sorted(&self) -> Self {
        let mut scores = self.clone();
        for side in [&mut scores.good, &mut scores.defective] {
            side.sort_by(|a, b| b.total_cmp(a));
        }
        scores
    }

    /// Of good images.
    pub(super) fn good(&self) -> &[f32] {
        &self.good
    }

    /// Of defective images.
    pub(super) fn defective(&self) -> &[f32] {
        &self.defective
    }

    /// All scores, good images first.
    fn all(&self) -> impl Iterator<Item = f32> {
        self.good.iter().chain(&self.defective).copied()
    }

    /// The lowest and the highest score; (0, 1) where there is none.
    pub(super) fn range(&self) -> (f32, f32) {
        let (low, high) = (self.all().reduce(f32::min), self.all().reduce(f32::max));
        (low.unwrap_or(0.0), high.unwrap_or(1.0))
    }

    /// Images at or above `threshold`.
    pub(super) fn flagged(&self, threshold: f32) -> Flagged {
        let count = |side: &[f32]| side.partition_point(|score| *score >= threshold);
        Flagged { good: count(&self.good), defective: count(&self.defective) }
    }

    /// The images flagged at each distinct score as threshold, highest first: the corners of a ROC curve. Empty where
    /// all images are good or all are defective.
    pub(super) fn corners(&self) -> Vec<Flagged> {
        if self.good.is_empty() || self.defective.is_empty() {
            return Vec::new();
        }
        let mut thresholds: Vec<f32> = self.all().collect();
        thresholds.sort_by(|a, b| b.total_cmp(a));
        thresholds.dedup();
        let mut corners = vec![Flagged { good: 0, defective: 0 }];
        corners.extend(thresholds.into_iter().map(|threshold| self.flagged(threshold)));
        corners
    }

    /// Shares of the good and of the defective images.
    pub(super) fn rates(&self, flagged: Flagged) -> (f64, f64) {
        let share = |part: usize, of: &[f32]| part as f64 / of.len().max(1) as f64;
        (share(flagged.good, &self.good), share(flagged.defective, &self.defective))
    }
}

impl Flagged {
    /// Part of the flagged images that is defective.
    pub(super) fn precision(self) -> Option<f64> {
        let flagged = self.good + self.defective;
        (flagged > 0).then(|| self.defective as f64 / flagged as f64)
    }
}

/// The area under the ROC curve: of a defective and a good image drawn at random, how often the defective one has the
/// higher score; ties count half.
pub(super) fn roc_area(scores: &Scores, corners: &[Flagged]) -> f64 {
    let rates: Vec<(f64, f64)> = corners.iter().map(|corner| scores.rates(*corner)).collect();
    rates.windows(2).map(|w| (w[1].0 - w[0].0) * (w[0].1 + w[1].1) / 2.0).sum()
}

/// At most `most` of the corners, evenly spaced along the ROC curve; the first and the last are among them.
pub(super) fn thin(scores: &Scores, corners: Vec<Flagged>, most: usize) -> Vec<Flagged> {
    let Some(&last) = corners.last().filter(|_| corners.len() > most) else { return corners };
    // Along the curve both rates only grow: their sum goes from 0 to 2. One corner from each slot, and the last.
    let slots = (most - 1) as f64;
    let mut kept = Vec::with_capacity(most);
    let mut next = 0.0;
    for corner in corners {
        let (x, y) = scores.rates(corner);
        let slot = ((x + y) / 2.0 * slots).floor();
        if slot >= next && corner != last {
            kept.push(corner);
            next = slot + 1.0;
        }
    }
    kept.push(last);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(good: &[f32], defective: &[f32]) -> Scores {
        Scores { good: good.to_vec(), defective: defective.to_vec() }.sorted()
    }

    #[test]
    fn flagged_is_at_or_above() {
        let scores = scores(&[0.1, 0.5, 0.3], &[0.9, 0.5]);
        assert_eq!(scores.flagged(0.5), Flagged { good: 1, defective: 2 });
        assert_eq!(scores.flagged(0.51), Flagged { good: 0, defective: 1 });
        assert_eq!(scores.flagged(0.51).precision(), Some(1.0));
        assert_eq!(scores.flagged(1.0).precision(), None);
    }

    #[test]
    fn the_area_counts_pairs_and_ties_half() {
        // Pairs (defective, good): 0.9 beats both; 0.5 beats 0.1 and ties with 0.5: 3.5 of 4.
        let scores = scores(&[0.1, 0.5], &[0.9, 0.5]);
        let corners = scores.corners();
        assert_eq!(corners.len(), 4, "three distinct scores, and the start");
        assert_eq!(roc_area(&scores, &corners), 3.5 / 4.0);
        assert!(self::scores(&[0.5], &[]).corners().is_empty());
    }

    #[test]
    fn thinning_keeps_the_ends_and_hardly_the_area() {
        let dice = |i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
        let good: Vec<f32> = (0..5000).map(dice).collect();
        let defective: Vec<f32> = (5000..7000).map(|i| dice(i).sqrt()).collect();
        let scores = scores(&good, &defective);
        let corners = scores.corners();
        let thinned = thin(&scores, corners.clone(), 200);
        assert!((150..=200).contains(&thinned.len()), "{}", thinned.len());
        assert_eq!((thinned[0], thinned.last()), (corners[0], corners.last()));
        // Each piece cuts off less than a triangle with sides of 2/199 in all: 199 · (1/199)² / 2 = 0.0026.
        assert!((roc_area(&scores, &thinned) - roc_area(&scores, &corners)).abs() < 0.0026);
        assert_eq!(thin(&scores, corners[..5].to_vec(), 200), corners[..5]);
    }
}
