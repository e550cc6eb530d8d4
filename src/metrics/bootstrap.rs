//! Bootstrap intervals of image figures; mean and standard deviation over seeds.

use rand::Rng;
use rand_pcg::Pcg32;
use rayon::prelude::*;

use super::error::Undefined;
use super::ranking::{Ranking, ranking};
use super::roc::{Group, descending_groups, ranked, totals};

/// Resamples that intervals are taken from.
pub const RESAMPLES: usize = 1000;

/// AUROC, AP and F1-max of image scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageFigures {
    /// Area under the ROC curve.
    pub auroc: f64,
    /// Average precision.
    pub ap: f64,
    /// Largest F1 over all thresholds.
    pub f1_max: f64,
}

impl From<Ranking> for ImageFigures {
    fn from(found: Ranking) -> Self {
        Self { auroc: found.auroc.value, ap: found.ap.value, f1_max: found.f1_max.value }
    }
}

/// The three image figures from one sort.
///
/// # Errors
/// As [`auroc`](super::auroc).
pub fn image_figures(scores: &[f32], labels: &[bool]) -> Result<ImageFigures, Undefined> {
    ranked(&descending_groups(scores, labels)?).map(ImageFigures::from)
}

/// The figures of [`RESAMPLES`] resamples of the images: as many defective and as many good ones, each drawn with
/// replacement. The same seed gives the same resamples, on any number of threads.
///
/// # Errors
/// As [`auroc`](super::auroc).
pub fn image_resamples(scores: &[f32], labels: &[bool], seed: u64) -> Result<Vec<ImageFigures>, Undefined> {
    let groups = descending_groups(scores, labels)?;
    let (positives, negatives) = totals(&groups);
    // The group of each defective image, then of each good one: drawing an image is drawing from these.
    let members = |count: fn(&Group) -> u64| -> Vec<u32> {
        let of = |(at, g): (usize, &Group)| std::iter::repeat_n(at as u32, count(g) as usize);
        groups.iter().enumerate().flat_map(of).collect()
    };
    let (defective, good) = (members(|g| g.1), members(|g| g.2));
    let resample = |index: usize| {
        let mut random = Pcg32::new(seed, index as u64);
        let mut counts = vec![(0_u64, 0_u64); groups.len()];
        for _ in &defective {
            counts[defective[random.random_range(0..defective.len())] as usize].0 += 1;
        }
        for _ in &good {
            counts[good[random.random_range(0..good.len())] as usize].1 += 1;
        }
        ranking(counts.into_iter(), positives, negatives).map(ImageFigures::from)
    };
    (0..RESAMPLES).into_par_iter().map(resample).collect()
}

/// The 2.5th and 97.5th percentile, linear between neighbours as `numpy.percentile`; `None` without values.
///
/// ```
/// # use dapo_wgpu::metrics::{image_resamples, interval};
/// let scores = [0.1, 0.4, 0.35, 0.8];
/// let defective = [false, false, true, true];
/// let aurocs: Vec<f64> = image_resamples(&scores, &defective, 7)?.iter().map(|f| f.auroc).collect();
/// assert_eq!(interval(&aurocs), Some([0.0, 1.0]), "four images say little");
/// # Ok::<(), dapo_wgpu::metrics::Undefined>(())
/// ```
pub fn interval(values: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * (sorted.len() - 1) as f64;
        let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    (!sorted.is_empty()).then(|| [at(0.025), at(0.975)])
}

/// Mean and sample standard deviation (divided by n − 1), e.g. over seeds. The deviation of a single value is `None`;
/// without values all is `None`.
///
/// ```
/// # use dapo_wgpu::metrics::mean_and_std;
/// assert_eq!(mean_and_std(&[1.0, 3.0, 5.0]), Some((3.0, Some(2.0))));
/// ```
pub fn mean_and_std(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    (!values.is_empty()).then_some((mean, deviation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::roc::{auroc, average_precision, f1_max};

    const SCORES: [f32; 8] = [0.9, 0.5, 0.5, 0.3, 0.7, 0.6, 0.1, 0.5];
    const LABELS: [bool; 8] = [true, true, false, false, true, false, false, true];

    #[test]
    fn one_sort_gives_the_same_figures() {
        let all = image_figures(&SCORES, &LABELS).expect("figures");
        assert_eq!(Ok(all.auroc), auroc(&SCORES, &LABELS));
        assert_eq!(Ok(all.ap), average_precision(&SCORES, &LABELS));
        assert_eq!(Ok(all.f1_max), f1_max(&SCORES, &LABELS).map(|best| best.f1));
    }

    #[test]
    fn resamples_scatter_as_the_deviation_of_auroc_does() {
        // 200 of each kind, shifted normals by sums of uniforms. Hanley and McNeil's formula for the standard error of
        // an AUROC A: sqrt((A(1−A) + (n−1)(Q1−A²) + (n−1)(Q2−A²)) / n²), Q1 = A/(2−A), Q2 = 2A²/(1+A).
        let mut random = Pcg32::new(1, 1);
        let labels: Vec<bool> = (0..400).map(|i| i < 200).collect();
        let normal = |random: &mut Pcg32| (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0;
        let scores: Vec<f32> =
            labels.iter().map(|&l| normal(&mut random) + if l { 1.0 } else { 0.0 }).collect();
        let found = auroc(&scores, &labels).expect("both");
        let resamples: Vec<f64> =
            image_resamples(&scores, &labels, 7).expect("both").iter().map(|f| f.auroc).collect();
        let (mean, deviation) = mean_and_std(&resamples).expect("values");
        let (q1, q2) = (found / (2.0 - found), 2.0 * found * found / (1.0 + found));
        let square = found * found;
        let expected = ((found * (1.0 - found) + 199.0 * (q1 - square + q2 - square)) / 40_000.0).sqrt();
        // The formula is an approximation, and the deviation of 1000 resamples scatters by 1/√2000 = 2 %.
        let ratio = deviation.expect("many") / expected;
        assert!((0.85..1.15).contains(&ratio), "{ratio}");
        assert!((mean - found).abs() < 5.0 * expected / 1000_f64.sqrt(), "{mean} against {found}");
        let [low, high] = interval(&resamples).expect("values");
        assert!((high - low - 2.0 * 1.96 * expected).abs() < 0.2 * (high - low), "{low} {high}");
    }

    #[test]
    fn seeded_and_stratified() {
        let once = image_resamples(&SCORES, &LABELS, 3).expect("both kinds");
        assert_eq!(once.len(), RESAMPLES);
        assert_eq!(once, image_resamples(&SCORES, &LABELS, 3).expect("both kinds"));
        assert_ne!(once, image_resamples(&SCORES, &LABELS, 4).expect("both kinds"));
        // With one of each kind every resample is the sample: an unstratified one would lack a kind.
        let two = image_resamples(&[0.2, 0.8], &[false, true], 1).expect("both kinds");
        assert!(two.iter().all(|f| f.auroc == 1.0));
        assert!(image_resamples(&[0.2], &[false], 1).is_err());
    }

    #[test]
    fn percentiles_and_deviation_are_numpys() {
        // numpy.percentile([4, 1, 3, 2], [2.5, 97.5]); numpy.std(ddof=1).
        let found = interval(&[4.0, 1.0, 3.0, 2.0]).expect("values");
        assert!((found[0] - 1.075).abs() < 1e-12 && (found[1] - 3.925).abs() < 1e-12, "{found:?}");
        let (mean, deviation) = mean_and_std(&[1.0, 2.0, 4.0]).expect("values");
        assert!((mean - 7.0 / 3.0).abs() < 1e-12);
        assert!((deviation.expect("three values") - 1.5275252316519468).abs() < 1e-12);
        assert_eq!((mean_and_std(&[5.0]), mean_and_std(&[]), interval(&[])), (Some((5.0, None)), None, None));
    }
}
