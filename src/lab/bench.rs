//! How fast kernels, models and pipelines are, and what holds them back: times against the device's own
//! ceilings.
//!
//! [`ceilings`] measures the device, [`measure`] times kernels, [`jobs`] times what consists of many launches;
//! [`request`] turns words into cases and variants. A [`BenchReport`] holds the result, [`formats`]
//! writes it, and [`compare`] sets it against an older one.

pub mod busy;
pub mod ceilings;
pub mod compare;
pub mod formats;
mod grid;
pub mod jobs;
pub mod measure;
pub mod request;

use serde::{Deserialize, Serialize};

use super::Device;
use crate::gpu::{Clock, Gpu};
use crate::kernels::Cost;
use compare::Comparison;

/// The schema of a report's JSON.
pub const SCHEMA: &str = "dapo-wgpu/bench/1";

/// What bounds a kernel on the roofline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The multiply-add rate.
    Arithmetic,
    /// The bandwidth.
    Memory,
    /// The cost of a launch.
    Launch,
}

impl Bound {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arithmetic => "arithmetic",
            Self::Memory => "memory",
            Self::Launch => "launch",
        }
    }
}

/// The device's own limits, as measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Multiply-adds, two operations each, in FLOP/s.
    pub multiply_add: f64,
    /// Bytes read and written by a copy, per second.
    pub copy: f64,
    /// Bytes read, per second.
    pub read: f64,
    /// Seconds of a nearly empty launch among others.
    pub launch: f64,
    /// Seconds from a submit of one nearly empty launch to the end of the wait for it.
    pub submit: f64,
}

/// The least time that the ceilings allow, and what sets it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Seconds.
    pub seconds: f64,
    /// The scarcest resource.
    pub bound: Bound,
}

impl Ceilings {
    /// The floor of one launch with this work.
    pub fn floor(&self, work: Cost) -> Floor {
        let arithmetic = work.flops / self.multiply_add;
        // A kernel that only reads may beat the copy; then reading is the ceiling.
        let memory = work.bytes / self.copy.max(self.read);
        let (seconds, bound) = if self.launch > arithmetic.max(memory) {
            (self.launch, Bound::Launch)
        } else if arithmetic > memory {
            (arithmetic, Bound::Arithmetic)
        } else {
            (memory, Bound::Memory)
        };
        Floor { seconds, bound }
    }

    /// The floor of launches one after the other: the sum of theirs, bound by what most of it is due to.
    pub fn floor_of_all(&self, launches: impl Iterator<Item = Cost>) -> Floor {
        let mut by_bound = [Bound::Arithmetic, Bound::Memory, Bound::Launch].map(|bound| (0.0, bound));
        for work in launches {
            let floor = self.floor(work);
            by_bound.iter_mut().filter(|(_, b)| *b == floor.bound).for_each(|(s, _)| *s += floor.seconds);
        }
        let seconds = by_bound.iter().map(|(s, _)| s).sum();
        let largest = by_bound.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        Floor { seconds, bound: largest.map_or(Bound::Launch, |(_, bound)| bound) }
    }
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One launch.
    Kernel,
    /// One forward of a tower, its input on the device beforehand.
    Model,
    /// From files to results on the host.
    Pipeline,
}

/// Repeated times of one thing, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half of the times are below it.
    pub median: f64,
    /// A quarter of the times are below the first, three quarters below the second.
    pub quartiles: (f64, f64),
    /// The least.
    pub best: f64,
    /// How many there are.
    pub repetitions: usize,
}

impl Spread {
    /// Of at least one time; quantiles between two times are interpolated.
    pub fn of(times: &[f64]) -> Self {
        let mut times = times.to_vec();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * times.len().saturating_sub(1) as f64;
            let (low, high) = (times[place.floor() as usize], times[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Self { median: at(0.5), quartiles: (at(0.25), at(0.75)), best: at(0.0), repetitions: times.len() }
    }
}

/// One thing, timed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// What it is.
    pub kind: Kind,
    /// The family of a kernel; `vision`, `text`, `embed` or `detect` of a model.
    pub kernel: String,
    /// The case in words.
    pub case: String,
    /// The variant of a kernel; how a model's weights are stored.
    pub variant: String,
    /// How it was timed.
    pub clock: Clock,
    /// Arithmetic and traffic at least.
    pub work: Cost,
    /// Median, quartiles and least.
    #[serde(flatten)]
    pub spread: Spread,
    /// 10⁹ operations a second, by the median.
    pub gflops: f64,
    /// 10⁹ bytes a second, by the median.
    pub gbytes: f64,
    /// Least possible time by the ceilings over the median.
    pub roofline: f64,
    /// What sets the least possible time.
    pub bound: Bound,
    /// Seconds that making its pipelines took, as far as the driver compiles then. Of a model only the
    /// pipelines that no row above had made.
    pub compile: f64,
    /// Seconds until the first result, compilation included.
    pub cold: f64,
    /// Of a model or pipeline: what one run consists of.
    pub run: Option<RunCounts>,
}

/// What one run of a model or pipeline consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Images or texts.
    pub items: usize,
    /// `images` or `texts`.
    pub unit: String,
    /// Images or texts a second, by the median.
    pub per_second: f64,
    /// Kernel launches.
    pub launches: u64,
    /// Submits with work in them.
    pub submits: u64,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// [`SCHEMA`]
    pub schema: String,
    /// Where it ran.
    pub device: Device,
    /// The measured limits.
    pub ceilings: Ceilings,
    /// In the order in which they were asked for.
    pub timings: Vec<Timing>,
    /// Against an older report, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

impl BenchReport {
    /// What was measured on this device.
    pub fn new(gpu: &Gpu, ceilings: Ceilings, timings: Vec<Timing>) -> Self {
        Self { schema: SCHEMA.to_owned(), device: Device::of(gpu), ceilings, timings, comparison: None }
    }

    /// The clock of all rows, where they have one in common.
    pub fn clock(&self) -> Option<Clock> {
        let first = self.timings.first()?.clock;
        self.timings.iter().all(|t| t.clock == first).then_some(first)
    }
}

#[cfg(test)]
mod tests;
