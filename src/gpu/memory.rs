//! Device memory in bytes by purpose, now and at its peak.
//!
//! Counted are the buffers of the pool and the staging memory of transfers, but not parameters and the buffers of
//! profiles, which are small.

use serde::Serialize;

/// What a buffer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Uploaded once and kept.
    Weights,
    /// Uploaded for one piece of work.
    Inputs,
    /// Results of launches.
    Activations,
    /// Copies on their way to the device or back. Host memory on most devices.
    Staging,
}

impl Purpose {
    /// Every purpose, in the order in which they are reported.
    pub const ALL: [Self; 4] = [Self::Weights, Self::Inputs, Self::Activations, Self::Staging];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Inputs => "inputs",
            Self::Activations => "activations",
            Self::Staging => "staging",
        }
    }
}

/// Bytes by purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ByPurpose {
    /// See [`Purpose::Weights`].
    pub weights: u64,
    /// See [`Purpose::Inputs`].
    pub inputs: u64,
    /// See [`Purpose::Activations`].
    pub activations: u64,
    /// See [`Purpose::Staging`].
    pub staging: u64,
}

impl ByPurpose {
    /// The bytes of one purpose.
    pub fn of(mut self, purpose: Purpose) -> u64 {
        *self.slot(purpose)
    }

    /// The bytes of all purposes.
    pub fn total(self) -> u64 {
        Purpose::ALL.iter().map(|&purpose| self.of(purpose)).sum()
    }

    fn slot(&mut self, purpose: Purpose) -> &mut u64 {
        match purpose {
            Purpose::Weights => &mut self.weights,
            Purpose::Inputs => &mut self.inputs,
            Purpose::Activations => &mut self.activations,
            Purpose::Staging => &mut self.staging,
        }
    }
}

/// Memory of a device, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PoolStats {
    /// In use now.
    pub live: ByPurpose,
    /// The peak of each purpose by itself; the peaks may be at different times.
    pub peak: ByPurpose,
    /// The peak of the sum of all purposes.
    pub peak_total: u64,
    /// Kept for reuse now.
    pub idle: u64,
    /// The peak of memory in use or idle: what the driver had to provide.
    pub peak_held: u64,
}

impl PoolStats {
    /// Bytes in use or kept for reuse now.
    pub fn held(&self) -> u64 {
        self.live.total() + self.idle
    }

    pub(super) fn add(&mut self, purpose: Purpose, bytes: u64) {
        *self.live.slot(purpose) += bytes;
        let live = self.live.of(purpose);
        let peak = self.peak.slot(purpose);
        *peak = live.max(*peak);
        self.peak_total = self.peak_total.max(self.live.total());
        self.peak_held = self.peak_held.max(self.held());
    }

    pub(super) fn sub(&mut self, purpose: Purpose, bytes: u64) {
        *self.live.slot(purpose) -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The total's peak is the largest sum at one time, not the sum of the peaks.
    #[test]
    fn peaks_are_of_one_time() {
        let mut stats = PoolStats::default();
        stats.add(Purpose::Weights, 100);
        stats.add(Purpose::Staging, 80);
        stats.sub(Purpose::Staging, 80);
        stats.add(Purpose::Activations, 60);
        stats.sub(Purpose::Activations, 60);
        stats.idle += 60;
        stats.add(Purpose::Inputs, 10);
        assert_eq!(stats.live, ByPurpose { weights: 100, inputs: 10, activations: 0, staging: 0 });
        assert_eq!(stats.peak, ByPurpose { weights: 100, inputs: 10, activations: 60, staging: 80 });
        assert_eq!((stats.peak_total, stats.peak_held, stats.held()), (180, 180, 170));
        stats.add(Purpose::Inputs, 15);
        assert_eq!((stats.peak_total, stats.peak_held), (180, 185), "idle memory is held too");
    }
}
