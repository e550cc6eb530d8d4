//! Seeded random numbers: a PCG stream keyed by a seed and a tag, so that an image depends on its own key only.

use rand::RngCore;
use rand_pcg::Pcg64Mcg;

/// Folds `word` into the running hash `state` (SplitMix64's finaliser, which separates neighbouring inputs well).
pub(super) fn mix(state: u64, word: u64) -> u64 {
    let mut z = state.rotate_left(23) ^ word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Folds the bytes of `text` and its length into `state`.
pub(super) fn mix_text(state: u64, text: &str) -> u64 {
    text.bytes().fold(mix(state, text.len() as u64), |h, b| mix(h, u64::from(b)))
}

/// A seeded random number generator with the distributions that the image generator needs.
///
/// The conversions from bits to numbers are written out here rather than taken from `rand`'s distributions, because
/// those may change between releases while a seed must keep meaning the same image.
///
/// Random fields have a stream of their own: two instances make the same choices (colours, periods, shapes) and differ in
/// the noise of their surfaces, as two parts of one product do.
pub(super) struct SeededRng {
    choices: Pcg64Mcg,
    fields: Pcg64Mcg,
}

impl SeededRng {
    /// A stream for `seed` and `tag`; streams of different tags are unrelated.
    pub fn new(seed: u64, tag: &str) -> Self {
        Self::of_instance(seed, tag, 0)
    }

    /// The stream of `seed` and `tag` with the random fields of another instance.
    pub fn of_instance(seed: u64, tag: &str, instance: u64) -> Self {
        let stream = |low: u64| {
            let high = mix(low, seed);
            Pcg64Mcg::new((u128::from(high) << 64) | u128::from(low))
        };
        let low = mix_text(mix(0, seed), tag);
        SeededRng { choices: stream(low), fields: stream(mix(mix_text(low, "fields"), instance)) }
    }

    /// The stream that random fields are drawn from, as a generator of its own.
    pub fn fields(&mut self) -> Self {
        let seed = self.fields.next_u64();
        Self::new(seed, "field")
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.choices.next_u64()
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Log-uniform in `[low, high)`: small and large values are equally likely per octave. Both must be positive.
    pub fn log_range(&mut self, low: f32, high: f32) -> f32 {
        self.range(low.ln(), high.ln()).exp()
    }

    /// A whole number in `low..=high`.
    pub fn int(&mut self, low: usize, high: usize) -> usize {
        low + (((self.bits() >> 32) * (high - low + 1) as u64) >> 32) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One of `items`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.int(0, items.len() - 1)]
    }

    /// +1 or -1.
    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// An angle in `[0, 2π)`.
    pub fn angle(&mut self) -> f32 {
        self.range(0.0, std::f32::consts::TAU)
    }

    /// Two nearly normal numbers with mean 0 and deviation 1: each the sum of four bytes (Irwin-Hall), one draw for both.
    pub fn normal_pair(&mut self) -> (f32, f32) {
        let bits = self.bits();
        let sum = |word: u64| {
            let s = (word & 255) + ((word >> 8) & 255) + ((word >> 16) & 255) + ((word >> 24) & 255);
            // Mean 4 · 127.5; variance of a byte is (256² - 1) / 12.
            (s as f32 - 510.0) / 147.8
        };
        (sum(bits), sum(bits >> 32))
    }

    /// A nearly normal number with mean 0 and deviation 1.
    pub fn normal(&mut self) -> f32 {
        self.normal_pair().0
    }

    /// Weighted choice: an index into `weights` (all ≥ 0, not all zero).
    pub fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f32>();
        for (i, w) in weights.iter().enumerate() {
            left -= w;
            if left < 0.0 {
                return i;
            }
        }
        weights.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_stable_and_separate() {
        let first = SeededRng::new(1, "a").bits();
        assert_eq!(first, SeededRng::new(1, "a").bits());
        assert_ne!(first, SeededRng::new(2, "a").bits());
        assert_ne!(first, SeededRng::new(1, "b").bits());
        let (mut one, mut other) = (SeededRng::of_instance(1, "a", 1), SeededRng::of_instance(1, "a", 2));
        assert_ne!(one.fields().bits(), other.fields().bits());
        assert_eq!(one.bits(), other.bits());
    }

    #[test]
    fn normal_numbers_have_mean_0_and_deviation_1() {
        let mut rng = SeededRng::new(3, "moments");
        let n = 20_000;
        let (mut sum, mut square) = (0.0f64, 0.0f64);
        for _ in 0..n {
            let v = f64::from(rng.normal());
            sum += v;
            square += v * v;
        }
        // Standard error of the mean is 1/√n ≈ 0.007; five of them.
        assert!((sum / f64::from(n)).abs() < 0.035);
        assert!((square / f64::from(n) - 1.0).abs() < 0.05);
        assert!((0..1000).all(|_| (2..=5).contains(&rng.int(2, 5))));
    }
}
