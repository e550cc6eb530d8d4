//! How much arithmetic goes into one submit: enough to keep a device busy, and not so much that a watchdog takes it for
//! a hang (Windows resets a GPU after two seconds).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::Instant;
use super::summary::AdapterSummary;

/// Floating-point operations of the largest submit: more gains nothing, and the device waits while it is recorded.
const MOST: f64 = 2e11;
/// The first submits to a device that may be slow: a third of a second at 60 GFLOP/s.
const FIRST: f64 = 2e10;
/// Seconds that a submit should take at most.
const SECONDS: f64 = 0.25;
/// A submit with less is no measure of the rate.
const LEAST_MEASURED: f64 = 1e9;

/// The budget of a device's submits.
#[derive(Debug)]
pub(super) struct Pace {
    /// Floating-point operations a second, the most seen in a submit, as bits of an f64.
    rate: AtomicU64,
    /// The budget before any rate is known.
    first: f64,
}

impl Pace {
    /// A discrete GPU does 2·10¹¹ operations in a fifth of a second or less, and a software device has no watchdog.
    pub(super) fn new(adapter: &AdapterSummary) -> Self {
        let fast = adapter.software || adapter.kind == "discrete gpu";
        Self { rate: AtomicU64::new(0.0f64.to_bits()), first: if fast { MOST } else { FIRST } }
    }

    /// Floating-point operations after which the pending launches are submitted.
    pub(super) fn budget(&self) -> f64 {
        (SECONDS * f64::from_bits(self.rate.load(Ordering::Relaxed))).clamp(self.first, MOST)
    }

    /// Measures how long the device takes for what was just submitted.
    pub(super) fn submitted(self: &Arc<Self>, queue: &wgpu::Queue, flops: f64) {
        if self.first >= MOST || flops < LEAST_MEASURED {
            return;
        }
        let (pace, started) = (Arc::clone(self), Instant::now());
        queue.on_submitted_work_done(move || pace.finished(flops, started.elapsed().as_secs_f64()));
    }

    /// Waiting behind earlier submits, and for the host to notice, make `seconds` longer and the rate lower: the
    /// largest is the closest, and never too large.
    fn finished(&self, flops: f64, seconds: f64) {
        let rate = flops / seconds.max(1e-6);
        // Bits of positive floats are in the order of their values.
        self.rate.fetch_max(rate.to_bits(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::named;
    use super::*;

    fn pace(kind: &str) -> Pace {
        Pace::new(&AdapterSummary { kind: kind.to_owned(), software: false, ..named(0, "a GPU") })
    }

    #[test]
    fn a_slow_device_gets_small_submits_and_a_fast_one_the_largest() {
        let slow = pace("integrated gpu");
        assert_eq!(slow.budget(), 2e10, "nothing is known yet");
        slow.finished(2e10, 0.5);
        assert_eq!(slow.budget(), 2e10, "40 GFLOP/s: never less than the first");
        slow.finished(2e10, 0.05);
        assert_eq!(slow.budget(), 1e11, "400 GFLOP/s: a quarter of a second");
        slow.finished(2e10, 1.0);
        assert_eq!(slow.budget(), 1e11, "a wait of the host is no slower device");
        slow.finished(2e10, 0.001);
        assert_eq!(slow.budget(), 2e11, "20 TFLOP/s");
        assert_eq!(pace("discrete gpu").budget(), 2e11);
    }
}
