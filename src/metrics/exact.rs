//! Figures of pixels from every value: one sort gives them all.

use rayon::prelude::*;

use super::error::Undefined;
use super::overlap::{Between, Point, thresholds};
use super::pixel::{PixelFigures, check};
use super::ranking::{both_classes, ranking};
use super::regions::Regions;

/// A number that orders as the float does; both zeros are one.
pub(super) fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The float of a key.
fn value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// The largest key that is not above a threshold.
fn floor_key(threshold: f64) -> u32 {
    let near = threshold as f32;
    key(if f64::from(near) > threshold { near.next_down() } else { near })
}

/// Sorts keys by three digits of 11 bits, the lowest first, which takes a few passes over memory where comparing takes
/// twenty or more. Needs as much memory again.
pub(super) fn sort(keys: &mut Vec<u32>) {
    const BITS: u32 = 11;
    let digit = |key: u32, place: u32| (key >> (BITS * place)) as usize % (1 << BITS);
    let mut spare = vec![0; keys.len()];
    for place in 0..3 {
        let mut next = [0_usize; 1 << BITS];
        for &key in keys.iter() {
            next[digit(key, place)] += 1;
        }
        if next.contains(&keys.len()) {
            continue; // they all share this digit
        }
        let mut start = 0;
        for count in &mut next {
            start += std::mem::replace(count, start);
        }
        for &key in keys.iter() {
            let at = &mut next[digit(key, place)];
            spare[*at] = key;
            *at += 1;
        }
        std::mem::swap(keys, &mut spare);
    }
}

/// Positives and negatives of each distinct key, highest first, of sorted lists.
pub(super) fn groups<P>(
    positives: &[P],
    key: impl Fn(&P) -> u32,
    negatives: &[u32],
) -> impl Iterator<Item = (u64, u64)> {
    let (mut p, mut n) = (positives.len(), negatives.len());
    std::iter::from_fn(move || {
        let top = positives[..p].last().map(&key).max(negatives[..n].last().copied())?;
        let (from_p, from_n) = (p, n);
        while p > 0 && key(&positives[p - 1]) == top {
            p -= 1;
        }
        while n > 0 && negatives[n - 1] == top {
            n -= 1;
        }
        Some(((from_p - p) as u64, (from_n - n) as u64))
    })
}

/// All pixels of a product: exact figures, for 4 bytes a normal pixel and 8 a defective one, and as much again while they
/// are sorted.
///
/// ```
/// use dapo_wgpu::metrics::PixelScores;
///
/// // Two regions: one of a single pixel in the corner, one of two pixels.
/// let mask = [1, 0, 0, 0, /**/ 0, 0, 0, 1, /**/ 0, 0, 0, 1].map(|m| m == 1);
/// let map = [0.9, 0.1, 0.1, 0.2, /**/ 0.1, 0.0, 0.1, 0.8, /**/ 0.1, 0.1, 0.1, 0.7];
/// let mut scores = PixelScores::new();
/// scores.add(&map, &mask, 4)?;
/// let figures = scores.figures();
/// // Every defective pixel lies above every normal one.
/// assert_eq!(figures.auroc?.value, 1.0);
/// assert_eq!(figures.f1_max?.value, 1.0);
/// // AUPRO: at some threshold both regions are covered completely without a false positive.
/// assert_eq!(figures.aupro?.value, 1.0);
/// # Ok::<(), dapo_wgpu::metrics::Undefined>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct PixelScores {
    /// Key in the high half, region in the low one.
    positives: Vec<u64>,
    negatives: Vec<u32>,
    /// Pixels of each region.
    areas: Vec<u32>,
}

impl PixelScores {
    /// No pixels yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the pixels of one image: `map` and `mask` in the same order, in rows of `width`; `true` is defective.
    ///
    /// # Errors
    /// [`Undefined`] if the sizes differ or a value is not finite, with its position; nothing of this image is added
    /// then.
    pub fn add(&mut self, map: &[f32], mask: &[bool], width: usize) -> Result<(), Undefined> {
        check(map, 1, mask.len())?;
        let regions = Regions::of(mask, width)?;
        let before = self.areas.len() as u64;
        let packed =
            |&(at, region): &(usize, u32)| u64::from(key(map[at])) << 32 | (before + u64::from(region));
        self.positives.extend(regions.pixels.iter().map(packed));
        if regions.areas.is_empty() {
            self.negatives.extend(map.iter().map(|&v| key(v)));
        } else {
            let normal = map.iter().zip(mask).filter(|(_, defective)| !**defective);
            self.negatives.extend(normal.map(|(&v, _)| key(v)));
        }
        self.areas.extend(regions.areas);
        Ok(())
    }

    /// Number of pixels added.
    pub fn pixels(&self) -> u64 {
        (self.positives.len() + self.negatives.len()) as u64
    }

    /// The figures of all pixels added.
    pub fn figures(mut self) -> PixelFigures {
        let (positives, negatives) = (self.positives.len() as u64, self.negatives.len() as u64);
        if let Err(reason) = both_classes(positives, negatives) {
            return PixelFigures::new(Err(reason), || Ok(Vec::new()));
        }
        rayon::join(|| self.positives.par_sort_unstable(), || sort(&mut self.negatives));
        let groups = groups(&self.positives, |p| (p >> 32) as u32, &self.negatives);
        PixelFigures::new(ranking(groups, positives, negatives).map(|r| r.exact()), || self.curve())
    }

    /// Overlap and false-positive rate at each threshold, of the sorted lists.
    fn curve(&self) -> Result<Vec<Point>, Undefined> {
        let keys = |end: fn(&[u64]) -> Option<&u64>, other: fn(&[u32]) -> Option<&u32>| {
            end(&self.positives).map(|p| (p >> 32) as u32).into_iter().chain(other(&self.negatives).copied())
        };
        let min = keys(<[_]>::first, <[_]>::first).min().ok_or(Undefined::Empty)?;
        let max = keys(<[_]>::last, <[_]>::last).max().ok_or(Undefined::Empty)?;
        let (mut left, mut overlap) = (self.positives.len(), 0.0);
        let mut points: Vec<Point> = thresholds(value(min), value(max))?
            .rev()
            .map(|threshold| {
                let floor = floor_key(threshold);
                while left > 0 && (self.positives[left - 1] >> 32) as u32 > floor {
                    left -= 1;
                    overlap += 1.0 / f64::from(self.areas[self.positives[left] as u32 as usize]);
                }
                let alarms = self.negatives.len() - self.negatives.partition_point(|&n| n <= floor);
                Point {
                    fpr: Between::exact(alarms as f64 / self.negatives.len() as f64),
                    overlap: Between::exact(overlap / self.areas.len() as f64),
                }
            })
            .collect();
        points.reverse();
        Ok(points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_by_digits_sorts() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state
        };
        let wide: Vec<u32> = (0..5000).map(|_| next()).collect();
        let shared: Vec<u32> = wide.iter().map(|k| 0xabc0_0000 | k >> 24).collect();
        for mut keys in [wide, shared, vec![7; 9], vec![u32::MAX, 0], Vec::new()] {
            let mut expected = keys.clone();
            expected.sort_unstable();
            sort(&mut keys);
            assert!(keys == expected);
        }
    }

    #[test]
    fn keys_order_as_floats_do() {
        let ascending = [f32::MIN, -1.5, -f32::MIN_POSITIVE, 0.0, 1e-40, 0.5, 1.0, f32::MAX];
        assert!(ascending.windows(2).all(|w| key(w[0]) < key(w[1])));
        assert!(ascending.iter().all(|&v| value(key(v)) == v));
        assert_eq!(key(-0.0), key(0.0));
        for threshold in [0.1_f64, -0.1, 0.5, 1e-50, -1e-50] {
            for v in [0.1_f32, 0.1_f32.next_down(), -0.1, (-0.1_f32).next_up(), 0.5, 0.0, -0.5] {
                assert_eq!(key(v) > floor_key(threshold), f64::from(v) > threshold, "{v} > {threshold}");
            }
        }
    }
}
