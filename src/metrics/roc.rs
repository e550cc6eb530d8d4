//! Ranking metrics of scores against yes/no labels: AUROC, average precision and the best F1.

use super::error::Undefined;
use super::ranking::{Ranking, both_classes, ranking};

/// Samples with the same score: `(score, positives, negatives)`.
pub(super) type Group = (f32, u64, u64);

/// Groups equal scores, highest score first, after checking that the metrics are defined.
pub(super) fn descending_groups(scores: &[f32], labels: &[bool]) -> Result<Vec<Group>, Undefined> {
    if scores.len() != labels.len() {
        return Err(Undefined::LengthMismatch { scores: scores.len(), labels: labels.len() });
    }
    if let Some(index) = scores.iter().position(|s| !s.is_finite()) {
        return Err(Undefined::NotFinite { index, value: scores[index] });
    }
    let positives = labels.iter().filter(|&&l| l).count();
    both_classes(positives as u64, (labels.len() - positives) as u64)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut groups: Vec<Group> = Vec::new();
    for index in order {
        let (score, label) = (scores[index], labels[index]);
        let (yes, no) = (u64::from(label), u64::from(!label));
        match groups.last_mut() {
            // `==` and not the total order: -0.0 and 0.0 are the same score.
            Some(last) if last.0 == score => {
                last.1 += yes;
                last.2 += no;
            }
            _ => groups.push((score, yes, no)),
        }
    }
    Ok(groups)
}

/// Positives and negatives of all groups.
pub(super) fn totals(groups: &[Group]) -> (u64, u64) {
    groups.iter().fold((0, 0), |(p, n), g| (p + g.1, n + g.2))
}

/// The figures of groups.
pub(super) fn ranked(groups: &[Group]) -> Result<Ranking, Undefined> {
    let (positives, negatives) = totals(groups);
    ranking(groups.iter().map(|g| (g.1, g.2)), positives, negatives)
}

/// Exact area under the ROC curve; `labels[i]` is `true` for a defective sample. Ties count one half, as in
/// `sklearn.metrics.roc_auc_score`: the probability that a random positive scores above a random negative.
///
/// # Errors
/// [`Undefined`] for one class only, no samples, NaN or infinite scores, or different lengths.
///
/// ```
/// # use dapo_wgpu::metrics::auroc;
/// assert_eq!(auroc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Ok(0.75));
/// ```
pub fn auroc(scores: &[f32], labels: &[bool]) -> Result<f64, Undefined> {
    Ok(ranked(&descending_groups(scores, labels)?)?.auroc.value)
}

/// Average precision `Σ (R_n − R_{n−1}) P_n` over the distinct scores as thresholds, highest first, without
/// interpolation, as `sklearn.metrics.average_precision_score`.
///
/// # Errors
/// As [`auroc`]. (scikit-learn returns 0 without positives and 1 without negatives.)
///
/// ```
/// # use dapo_wgpu::metrics::average_precision;
/// // Recall rises from 0 to 1/2 with precision 1, and from 1/2 to 1 with precision 2/3.
/// let found = average_precision(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
/// assert!((found - (0.5 * 1.0 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
/// # Ok::<(), dapo_wgpu::metrics::Undefined>(())
/// ```
pub fn average_precision(scores: &[f32], labels: &[bool]) -> Result<f64, Undefined> {
    Ok(ranked(&descending_groups(scores, labels)?)?.ap.value)
}

/// The best F1 over all thresholds and where it is reached; see [`f1_max`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct F1Max {
    /// The best F1, in 0..=1.
    pub f1: f64,
    /// A sample counts as defective if its score is at least this.
    pub threshold: f32,
    /// Precision at the threshold.
    pub precision: f64,
    /// Recall at the threshold.
    pub recall: f64,
}

/// Largest F1 over all thresholds "score ≥ t", i.e. the maximum along `sklearn.metrics.precision_recall_curve`.
/// Of several equally good thresholds the highest is returned, the one that raises the fewest alarms.
///
/// The threshold is chosen on the very samples it is measured on, so this is an upper bound, not the F1 to expect on
/// new images.
///
/// # Errors
/// As [`auroc`].
///
/// ```
/// # use dapo_wgpu::metrics::f1_max;
/// let best = f1_max(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])?;
/// assert_eq!((best.f1, best.threshold), (0.8, 0.35));
/// # Ok::<(), dapo_wgpu::metrics::Undefined>(())
/// ```
pub fn f1_max(scores: &[f32], labels: &[bool]) -> Result<F1Max, Undefined> {
    let groups = descending_groups(scores, labels)?;
    let positives: u64 = groups.iter().map(|g| g.1).sum();
    let (mut hits, mut alarms) = (0_u64, 0_u64);
    let mut best = F1Max { f1: -1.0, threshold: 0.0, precision: 0.0, recall: 0.0 };
    for &(threshold, yes, no) in &groups {
        hits += yes;
        alarms += yes + no;
        // 2PR/(P+R) = 2·hits/(alarms + positives), which needs no case for P = R = 0.
        let f1 = 2.0 * hits as f64 / (alarms + positives) as f64;
        if f1 > best.f1 {
            let (precision, recall) = (hits as f64 / alarms as f64, hits as f64 / positives as f64);
            best = F1Max { f1, threshold, precision, recall };
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve samples with ties inside and across the classes.
    const SCORES: [f32; 12] = [0.9, 0.5, 0.5, 0.5, 0.25, 0.75, 0.125, 0.25, 0.875, 0.5, 0.0, 0.25];
    const LABELS: [bool; 12] =
        [true, false, true, false, true, true, false, false, false, true, false, false];

    /// Sums of at most twelve terms in f64: a few units in the last place.
    const TOLERANCE: f64 = 1e-12;

    #[test]
    fn agrees_with_scikit_learn() {
        // scikit-learn 1.9.1 on SCORES, LABELS: roc_auc_score, average_precision_score, and
        // max(2PR/(P+R)) with its threshold from precision_recall_curve.
        assert!((auroc(&SCORES, &LABELS).expect("auroc") - 0.7428571428571429).abs() < TOLERANCE);
        assert!((average_precision(&SCORES, &LABELS).expect("ap") - 0.6619047619047618).abs() < TOLERANCE);
        let best = f1_max(&SCORES, &LABELS).expect("f1");
        assert!((best.f1 - 0.6666666666666666).abs() < TOLERANCE, "{best:?}");
        assert_eq!(best.threshold, 0.5);
        assert!(
            (best.precision - 0.5714285714285714).abs() < TOLERANCE && (best.recall - 0.8).abs() < TOLERANCE
        );
    }

    #[test]
    fn extremes() {
        let labels = [false, false, true, true];
        assert_eq!(auroc(&[0.0, 0.1, 0.2, 0.3], &labels), Ok(1.0));
        assert_eq!(auroc(&[0.3, 0.2, 0.1, 0.0], &labels), Ok(0.0));
        assert_eq!(auroc(&[0.5; 4], &labels), Ok(0.5));
        assert_eq!(auroc(&[-0.0, 0.0, 0.0, -0.0], &labels), Ok(0.5), "both zeros are one score");
        assert_eq!(average_precision(&[0.5; 4], &labels), Ok(0.5), "no ranking: the share of positives");
        assert_eq!(f1_max(&[0.0, 0.1, 0.2, 0.3], &labels).map(|b| (b.f1, b.threshold)), Ok((1.0, 0.2)));
    }

    #[test]
    fn equals_counting_every_pair() {
        // Few distinct values, so that ties abound.
        let scores: Vec<f32> = (0..200_u32).map(|i| (i * 7919 % 23) as f32 / 23.0).collect();
        let labels: Vec<bool> = (0..200_u32).map(|i| i * i % 7 < 3).collect();
        let (mut twice_wins, mut pairs) = (0_u32, 0_u32);
        for (s, _) in scores.iter().zip(&labels).filter(|(_, l)| **l) {
            for (t, _) in scores.iter().zip(&labels).filter(|(_, l)| !**l) {
                twice_wins += if s > t { 2 } else { u32::from(s == t) };
                pairs += 1;
            }
        }
        let expected = f64::from(twice_wins) / f64::from(2 * pairs);
        assert_eq!(auroc(&scores, &labels), Ok(expected));
    }

    #[test]
    fn undefined_with_a_reason() {
        for metric in [auroc, average_precision, |s: &[f32], l: &[bool]| f1_max(s, l).map(|b| b.f1)] {
            assert_eq!(metric(&[], &[]), Err(Undefined::Empty));
            assert_eq!(metric(&[0.1], &[false]), Err(Undefined::OneClass { positive: false, count: 1 }));
            assert_eq!(metric(&[0.1; 2], &[true; 2]), Err(Undefined::OneClass { positive: true, count: 2 }));
            assert_eq!(
                metric(&[0.1], &[true, false]),
                Err(Undefined::LengthMismatch { scores: 1, labels: 2 })
            );
            let error = metric(&[0.1, f32::NAN], &[true, false]).expect_err("NaN");
            assert!(matches!(error, Undefined::NotFinite { index: 1, .. }));
        }
        let text = Undefined::OneClass { positive: false, count: 3 }.to_string();
        assert!(text.contains("all 3 samples are normal"), "{text}");
    }
}
