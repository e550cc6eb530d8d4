//! The distribution of a statistic among good patches, and how unusual a value is.

use serde::{Deserialize, Serialize};

/// Share of the sample that is the tail.
const SHARE: f64 = 0.1;
/// Steps of the quantiles below the tail.
const STEPS: usize = 64;
/// The least mean excess: float32 features tell values apart no better.
const LEAST_SCALE: f64 = 1e-4;

/// A sample's quantiles up to nine tenths, and an exponential tail beyond.
///
/// On a logarithmic statistic an exponential tail is a Pareto tail of the statistic itself, with Hill's estimate of its
/// index (B. M. Hill, "A simple general approach to inference about the tail of a distribution", 1975). The mean of few
/// excesses is uncertain: with n of them, of mean m, and the prior 1/m, the next one exceeds t with probability
/// (1 + t/(n·m))⁻ⁿ, which is exp(−t/m) for large n.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Quantiles 0 to 1 − SHARE in equal steps; the last is where the tail begins.
    quantiles: Vec<f64>,
    /// Mean of the excesses over it.
    scale: f64,
    /// Number of the excesses.
    excesses: usize,
}

impl Tail {
    /// From a sample; values that are not finite are left out. `None` where none is left.
    pub fn fit(mut sample: Vec<f64>) -> Option<Self> {
        sample.retain(|value| value.is_finite());
        sample.sort_unstable_by(f64::total_cmp);
        let last = sample.len().checked_sub(1)?;
        let quantile = |share: f64| {
            let place = share * last as f64;
            let (below, part) = (place.floor() as usize, place.fract());
            sample[below] + part * (sample[(below + 1).min(last)] - sample[below])
        };
        let quantiles: Vec<f64> =
            (0..=STEPS).map(|step| quantile((1.0 - SHARE) * step as f64 / STEPS as f64)).collect();
        let threshold = quantiles[STEPS];
        let excesses: Vec<f64> = sample.iter().filter(|&&v| v > threshold).map(|v| v - threshold).collect();
        let count = excesses.len().max(1);
        let scale = (excesses.iter().sum::<f64>() / count as f64).max(LEAST_SCALE);
        Some(Self { quantiles, scale, excesses: count })
    }

    /// Logarithm of the probability that a good patch has this value or a larger one.
    pub fn ln_p(&self, value: f64) -> f64 {
        let threshold = self.quantiles[STEPS];
        if value > threshold {
            let n = self.excesses as f64;
            return SHARE.ln() - n * ((value - threshold) / (n * self.scale)).ln_1p();
        }
        if value.is_nan() {
            return value;
        }
        // The first quantile that is not below it, and how far it is from the one before.
        let above = self.quantiles.partition_point(|&q| q < value);
        let place = match above {
            0 => 0.0,
            _ => {
                let (low, high) = (self.quantiles[above - 1], self.quantiles[above]);
                (above - 1) as f64 + (value - low) / (high - low)
            }
        };
        (1.0 - (1.0 - SHARE) * place / STEPS as f64).ln()
    }

    /// Whether it can be one that [`Tail::fit`] made.
    #[cfg(test)]
    fn is_valid(&self) -> bool {
        self.quantiles.len() == STEPS + 1
            && self.quantiles.iter().all(|q| q.is_finite())
            && self.quantiles.is_sorted()
            && self.scale.is_finite()
            && self.scale >= LEAST_SCALE
            && self.excesses > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of the exponential distribution with mean 1: its tail is what the fit assumes.
    fn exponential(count: usize) -> Vec<f64> {
        (0..count).map(|i| -((i as f64 + 0.5) / count as f64).ln()).collect()
    }

    #[test]
    fn p_values_of_a_known_distribution_are_right() {
        let tail = Tail::fit(exponential(100_000)).unwrap();
        assert!(tail.is_valid());
        for value in [0.01, 0.5, 1.0, 2.2, 2.4, 5.0, 20.0] {
            let ln_p = tail.ln_p(value);
            assert!((ln_p + value).abs() < 0.02 * (1.0 + value), "{value}: {ln_p}");
        }
        assert_eq!(tail.ln_p(-1.0), 0.0);
        assert!(tail.ln_p(f64::NAN).is_nan());
    }

    #[test]
    fn few_samples_make_the_tail_heavier() {
        let (few, many) = (Tail::fit(exponential(50)).unwrap(), Tail::fit(exponential(50_000)).unwrap());
        assert!(few.ln_p(20.0) > many.ln_p(20.0) / 2.0, "{} {}", few.ln_p(20.0), many.ln_p(20.0));
    }

    #[test]
    fn equal_values_and_single_ones_have_a_tail() {
        for sample in [vec![1.0], vec![1.0; 40], vec![1.0, f64::NAN, f64::INFINITY]] {
            let tail = Tail::fit(sample).unwrap();
            assert!(tail.is_valid());
            assert!(tail.ln_p(1.0) > -3.0 && tail.ln_p(2.0) < tail.ln_p(1.1));
        }
        assert_eq!(Tail::fit(vec![f64::NAN]), None);
    }
}
