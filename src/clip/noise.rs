//! Seeded random numbers in place of trained weights.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A source of random numbers that depend on its seed only, so that the parts of a model can be generated in any
/// order and need not be in memory together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    seed: u64,
}

impl Noise {
    /// The source of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// An independent source for each number.
    pub fn part(self, number: u64) -> Self {
        // An odd factor keeps different numbers different; the generator mixes its seed thoroughly.
        let seed = (self.seed.rotate_left(23) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { seed: seed ^ (seed >> 29) }
    }

    /// `count` uniformly distributed numbers with mean 0 and this standard deviation.
    pub fn values(self, count: usize, deviation: f32) -> Vec<f32> {
        let half_width = deviation * 3f32.sqrt();
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        (0..count).map(|_| half_width * (2.0 * rng.random::<f32>() - 1.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_deviation_and_depend_on_the_seed_only() {
        let noise = Noise::new(1);
        let values = noise.values(100_000, 0.5);
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
        let variance = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 1e5;
        // Six standard errors of each: σ/√n, and σ²·√(4/5)/√n for a uniform distribution.
        assert!(mean.abs() < 6.0 * 0.5 / 1e5f64.sqrt(), "{mean}");
        assert!((variance - 0.25).abs() < 6.0 * 0.25 * 0.9 / 1e5f64.sqrt(), "{variance}");
        assert_eq!(values, Noise::new(1).values(100_000, 0.5));
        assert_ne!(noise.part(0).values(8, 1.0), noise.part(1).values(8, 1.0));
        assert_ne!(noise.part(0).part(1), noise.part(1).part(0));
    }
}
