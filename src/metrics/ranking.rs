//! AUROC, average precision and the best F1 from counts, highest score first.

use super::error::Undefined;

/// A value and how far the exact one can be from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    /// The estimate.
    pub value: f64,
    /// The exact value lies within `value ± max_error`, beside float64 rounding (below 1e-9); 0 if `value` is exact.
    pub max_error: f64,
}

impl Bounded {
    /// An exact value.
    pub fn exact(value: f64) -> Self {
        Self { value, max_error: 0.0 }
    }

    /// The mean of some values: its error is at most the mean of theirs. `None` without values.
    pub fn mean(values: &[Self]) -> Option<Self> {
        let mean = |of: fn(&Self) -> f64| values.iter().map(of).sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then(|| Self { value: mean(|b| b.value), max_error: mean(|b| b.max_error) })
    }
}

/// The three figures of a ranking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranking {
    pub auroc: Bounded,
    pub ap: Bounded,
    pub f1_max: Bounded,
}

impl Ranking {
    /// The same figures where each group was one score, so that nothing is uncertain.
    pub fn exact(self) -> Self {
        let exact = |b: Bounded| Bounded::exact(b.value);
        Self { auroc: exact(self.auroc), ap: exact(self.ap), f1_max: exact(self.f1_max) }
    }
}

/// An error unless there are samples of both classes.
pub(super) fn both_classes(positives: u64, negatives: u64) -> Result<(), Undefined> {
    match (positives, negatives) {
        (0, 0) => Err(Undefined::Empty),
        (0, count) => Err(Undefined::OneClass { positive: false, count }),
        (count, 0) => Err(Undefined::OneClass { positive: true, count }),
        _ => Ok(()),
    }
}

/// The figures of `groups`, the positives and negatives of each distinct score or bin of scores, highest first.
///
/// The values are those of all scores in a group being tied. If a group is a bin, the order in it is unknown. With
/// `T` positives and `F` negatives above it, `p` and `n` in it and `P`, `N` in all:
///
/// * AUROC: a pair within a bin counts one half and is wrong by at most one half: `½·Σ p·n / (P·N)`.
/// * AP: the j-th positive of a bin has a precision of at least `(T+j)/(T+j+F+n)`, where every negative of the bin
///   comes first, and of at most `(T+p)/(T+p+F)`, where all positives are tied and come first. The sum of the lower
///   ends is `p − c·Σ_j 1/(m+j) ≥ p − c·ln(1 + p/m)` with `c = F+n` and `m = T+c`.
/// * F1: the edges of bins are thresholds too, so the estimate, the best over edges, is never too large. A threshold
///   in a bin hits at most `T+p` and raises at least `F` false alarms: F1 is at most `2(T+p)/(T+p+F+P)`.
pub(super) fn ranking(
    groups: impl Iterator<Item = (u64, u64)>,
    positives: u64,
    negatives: u64,
) -> Result<Ranking, Undefined> {
    both_classes(positives, negatives)?;
    let (mut hits, mut alarms) = (0_u64, 0_u64);
    let (mut twice_u, mut tied) = (0_u128, 0_u128);
    let (mut ap, mut ap_low, mut ap_high) = (0.0, 0.0, 0.0);
    let (mut best, mut best_high) = (0.0_f64, 0.0_f64);
    for (p, n) in groups {
        // Each negative here loses against every positive above and ties with those in its group.
        twice_u += u128::from(n) * (2 * u128::from(hits) + u128::from(p));
        if p > 0 {
            tied += u128::from(p) * u128::from(n);
            let (share, after) = (p as f64, (hits + p) as f64);
            let (above, below) = (alarms as f64, (alarms + n) as f64);
            ap += share * (after / (after + below));
            ap_high += share * (after / (after + above));
            ap_low += share;
            if below > 0.0 {
                ap_low -= below * (share / (hits as f64 + below)).ln_1p();
            }
            best = best.max(2.0 * after / (after + below + positives as f64));
            best_high = best_high.max(2.0 * after / (after + above + positives as f64));
        }
        hits += p;
        alarms += n;
    }
    let pairs = (u128::from(positives) * u128::from(negatives)) as f64;
    let of_positives = |sum: f64| sum / positives as f64;
    let ap_error = (ap_high - ap).max(ap - ap_low);
    Ok(Ranking {
        auroc: Bounded { value: twice_u as f64 / 2.0 / pairs, max_error: tied as f64 / 2.0 / pairs },
        ap: Bounded { value: of_positives(ap), max_error: of_positives(ap_error) },
        f1_max: Bounded { value: best, max_error: best_high - best },
    })
}
