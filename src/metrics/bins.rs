//! Histograms over an interval: integer counts, so that sums do not depend on order or on how the work was divided.

use super::error::Undefined;

/// How far outside of the interval a value may lie by rounding (a softmax sum, say), as a part of its width.
const ROUNDING: f32 = 1e-4;

/// An interval in equal bins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grid {
    pub low: f32,
    pub high: f32,
    pub bins: usize,
    /// Bins a unit.
    scale: f64,
}

impl Grid {
    /// `bins` bins on `low..=high`. If both are one value, everything falls in the first bin.
    pub fn new([low, high]: [f32; 2], bins: usize) -> Result<Self, Undefined> {
        if !low.is_finite() || !high.is_finite() || low > high {
            return Err(Undefined::Interval { low, high });
        }
        let width = f64::from(high) - f64::from(low);
        Ok(Self { low, high, bins, scale: if width > 0.0 { bins as f64 / width } else { 0.0 } })
    }

    /// Where a value lies, in bins from 0. It never falls as the value rises, so that bins order as values do.
    pub fn position(&self, value: f64) -> f64 {
        ((value - f64::from(self.low)) * self.scale).clamp(0.0, self.bins as f64)
    }

    /// The bin of a value.
    pub fn bin(&self, value: f64) -> usize {
        (self.position(value) as usize).min(self.bins - 1)
    }

    /// An error unless all values lie in the interval, apart from rounding.
    pub fn check(&self, values: &[f32]) -> Result<(), Undefined> {
        let slack = ROUNDING * (self.high - self.low);
        let allowed = self.low - slack..=self.high + slack;
        match values.iter().position(|v| !allowed.contains(v)) {
            Some(index) => {
                Err(Undefined::OutOfRange { index, value: values[index], low: self.low, high: self.high })
            }
            None => Ok(()),
        }
    }
}

/// Adds one histogram to another of the same length.
pub(super) fn add_counts(mine: &mut [u64], theirs: &[u64]) {
    for (a, b) in mine.iter_mut().zip(theirs) {
        *a += b;
    }
}

/// What lies in each bin and above it, and 0 at the end.
pub(super) fn sums_from_top(counts: &[u64]) -> Vec<u64> {
    let mut sums = vec![0; counts.len() + 1];
    for at in (0..counts.len()).rev() {
        sums[at] = sums[at + 1] + counts[at];
    }
    sums
}
