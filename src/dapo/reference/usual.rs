//! What is usual among good patches, and by how much a patch departs from it.

use serde::{Deserialize, Serialize};

use super::TOP_PATCHES;

/// The centre and the spread of a statistic among good patches: its median, and half the range that holds 68 of 100, which
/// of a normal distribution is the standard deviation. One defective photo among several good ones moves neither much.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    centre: f64,
    spread: f64,
}

/// Shares of a normal distribution below −1 and below 1 standard deviation.
const TAILS: [f64; 2] = [0.158_655, 0.841_345];

impl Usual {
    /// From a sample; values that are not finite are left out. `least` is the smallest spread that can be told from none.
    /// `None` where no value is left.
    pub fn fit(mut sample: Vec<f64>, least: f64) -> Option<Self> {
        sample.retain(|value| value.is_finite());
        sample.sort_unstable_by(f64::total_cmp);
        let last = sample.len().checked_sub(1)?;
        let quantile = |share: f64| {
            let place = share * last as f64;
            let (below, part) = (place.floor() as usize, place.fract());
            sample[below] + part * (sample[(below + 1).min(last)] - sample[below])
        };
        let spread = (quantile(TAILS[1]) - quantile(TAILS[0])) / 2.0;
        Some(Self { centre: quantile(0.5), spread: spread.max(least) })
    }

    /// Whether it can be one that [`Usual::fit`] made.
    pub(super) fn is_valid(&self) -> bool {
        self.centre.is_finite() && self.spread.is_finite() && self.spread > 0.0
    }

    /// By how many spreads a value is above the centre.
    pub fn z(&self, value: f64) -> f64 {
        (value - self.centre) / self.spread
    }
}

/// Probability of a defect in one of `patches`, of which one is expected to be defective, from independent departures from
/// what is usual.
///
/// Stouffer's sum (1949): the departures add up. With normal distributions of equal spread under both hypotheses, and
/// defective patches so far above good ones that the middle between the two is one spread from each, the logarithm of
/// the likelihood ratio of a departure z is 2·z − 2; one defective patch an image beforehand gives the rest.
pub fn posterior(departures: &[f64], patches: usize) -> f64 {
    probability(posterior_log_odds(departures, patches))
}

/// The same as log-odds, ln(p / (1 − p)).
pub fn posterior_log_odds(departures: &[f64], patches: usize) -> f64 {
    let likelihood: f64 = departures.iter().map(|z| 2.0 * z - 2.0).sum();
    likelihood - ((patches.max(2) - 1) as f64).ln()
}

/// The probability that has these log-odds.
pub fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// The log-odds of a probability; one nearer to 0 or 1 than `least` has those of `least` or 1 − `least`.
pub fn log_odds(probability: f32, least: f64) -> f64 {
    let probability = f64::from(probability).clamp(least, 1.0 - least);
    (probability / (1.0 - probability)).ln()
}

/// The mean of the [`TOP_PATCHES`] largest values.
pub fn top_mean(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values.truncate(TOP_PATCHES);
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// A departure as it counts beside another one: as it is up to about two spreads, where defective patches are expected, and
/// beyond as its logarithm. The tails of real samples are heavier than a normal distribution's; where they fall like a
/// power, the logarithm of the likelihood ratio grows like a logarithm. So one extreme departure does not outvote the
/// other evidence, and what is far out still differs.
pub fn tempered(z: f64) -> f64 {
    2.0 * (z / 2.0).asinh()
}

/// Values [edge, edge] averaged over 3 × 3 places with weights ¼, ½, ¼ along each axis. Neighbours that are not finite are
/// left out; a place that is not finite itself stays so.
pub fn smooth(values: &[f64], edge: usize) -> Vec<f64> {
    let at = |y: usize, x: usize| {
        let own = values[y * edge + x];
        if !own.is_finite() {
            return own;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for v in y.saturating_sub(1)..=(y + 1).min(edge - 1) {
            for u in x.saturating_sub(1)..=(x + 1).min(edge - 1) {
                let weight = if v == y { 2.0 } else { 1.0 } * if u == x { 2.0 } else { 1.0 };
                let value = values[v * edge + u];
                if value.is_finite() {
                    sum += weight * value;
                    weights += weight;
                }
            }
        }
        sum / weights
    };
    (0..edge * edge).map(|place| at(place / edge, place % edge)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centre_and_spread_are_those_of_a_normal_distribution_whatever_a_tenth_of_the_sample_is() {
        // Quantiles of the logistic distribution, which are written down easily: the spread of 68 of 100 is ln(0.8413/0.1587).
        let logistic = |count: usize| -> Vec<f64> {
            (0..count).map(|i| (i as f64 + 0.5) / count as f64).map(|p| 3.0 + (p / (1.0 - p)).ln()).collect()
        };
        let usual = Usual::fit(logistic(10_001), 0.1).expect("a sample");
        assert!((usual.z(3.0)).abs() < 1e-3);
        assert!((usual.z(3.0 + 1.668_5) - 1.0).abs() < 1e-3, "{}", usual.z(4.6685));
        let mut spoilt = logistic(9_000);
        spoilt.extend([1e6; 500]);
        let spoilt = Usual::fit(spoilt, 0.1).expect("a sample");
        assert!((spoilt.z(4.6685) - 1.0).abs() < 0.2, "{}", spoilt.z(4.6685));
    }

    #[test]
    fn equal_values_have_the_least_spread_and_what_is_not_finite_none() {
        for sample in [vec![2.0], vec![2.0; 9], vec![2.0, f64::NAN, f64::INFINITY]] {
            assert_eq!(Usual::fit(sample, 0.5).expect("a value").z(3.0), 2.0);
        }
        assert_eq!(Usual::fit(vec![f64::NAN], 0.5), None);
        assert!(Usual::fit(vec![1.0], 0.5).expect("a value").z(f64::NAN).is_nan());
    }

    #[test]
    fn departures_add_up_and_one_patch_an_image_is_expected() {
        // Nothing unusual: less than one of 255.
        assert!(posterior(&[0.0, 0.0], 256) < 1.0 / 255.0);
        // ln 255 is 5.54: as likely as not where twice the departures are that much above twice their number.
        let even = posterior(&[3.0, 2.0 + 255f64.ln() / 2.0 - 3.0], 256);
        assert!((even - 0.5).abs() < 1e-12, "{even}");
        assert!(posterior(&[6.0, 6.0], 256) > 0.99);
        assert!((posterior(&[1.0, 5.0], 64) - posterior(&[4.0, 2.0], 64)).abs() < 1e-12);
        assert!(posterior(&[f64::NAN, 0.0], 256).is_nan());
        assert_eq!(posterior(&[f64::INFINITY], 256), 1.0);
    }

    #[test]
    fn small_departures_count_as_they_are_and_large_ones_by_their_logarithm() {
        assert!((tempered(0.5) - 0.5).abs() < 0.01);
        assert!((tempered(1e4) - tempered(1e3) - 2.0 * 10f64.ln()).abs() < 1e-4);
        assert_eq!(tempered(-3.0), -tempered(3.0));
        assert!(tempered(f64::NAN).is_nan());
        // Three spreads of both are as likely a defect as not, and more than eleven of one alone.
        assert!((posterior(&[tempered(3.0), tempered(3.0)], 256) - 0.5).abs() < 0.01);
        assert!(posterior(&[tempered(10.0), 0.0], 256) < 0.5 && posterior(&[tempered(11.0), 0.0], 256) > 0.5);
        // Far out on both sides a float32 still tells them apart.
        let far = |z: f64| posterior(&[tempered(z), tempered(z)], 256) as f32;
        assert!(far(15.0) < far(20.0) && far(20.0) < 1.0);
    }

    #[test]
    fn log_odds_end_where_probabilities_say_no_more() {
        assert_eq!(log_odds(0.0, 1e-4), log_odds(0.000_01, 1e-4));
        assert!((log_odds(0.8, 1e-4) - 4f64.ln()).abs() < 1e-6);
        assert!(log_odds(f32::NAN, 1e-4).is_nan());
        assert!((probability(log_odds(0.3, 1e-7)) - 0.3).abs() < 1e-7);
    }

    #[test]
    fn the_largest_are_averaged_and_fewer_as_they_are() {
        assert_eq!(top_mean(vec![1.0, 5.0, 2.0, 4.0, 3.0]), 3.5);
        assert_eq!(top_mean(vec![1.0, 2.0]), 1.5);
        assert!(top_mean(vec![1.0, f64::NAN]).is_nan());
    }

    #[test]
    fn smoothing_keeps_a_constant_and_spreads_a_peak() {
        assert_eq!(smooth(&[3.0; 9], 3), [3.0; 9]);
        let mut peak = [0.0; 9];
        peak[4] = 16.0;
        assert_eq!(smooth(&peak, 3)[4], 4.0);
        // A corner has weights 4, 2, 2 and 1.
        assert!((smooth(&peak, 3)[0] - 16.0 / 9.0).abs() < 1e-12);
        peak[4] = f64::NAN;
        let holed = smooth(&peak, 3);
        assert!(holed[4].is_nan() && holed.iter().filter(|v| v.is_nan()).count() == 1);
        assert_eq!(smooth(&[5.0], 1), [5.0]);
    }
}
