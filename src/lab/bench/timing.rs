//! One timed kernel, model or pipeline: a row of a report.

use serde::{Deserialize, Serialize};

use super::roofline::Bound;
use crate::gpu::Clock;
use crate::kernels::Cost;

/// What a row times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One launch.
    Kernel,
    /// One forward of a tower, its input on the device beforehand.
    Model,
    /// From files to results on the host.
    Pipeline,
}

/// Statistics of repeated times, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The first and third quartile.
    pub quartiles: (f64, f64),
    /// The least.
    pub best: f64,
    /// Number of times.
    pub repetitions: usize,
}

impl Spread {
    /// Of at least one time. Quantiles are interpolated linearly.
    ///
    /// # Panics
    /// When `times` is empty.
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

/// One row of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timing {
    /// Kernel, model or pipeline.
    pub kind: Kind,
    /// The family of a kernel; `vision`, `text`, `embed` or `detect` of a model.
    pub kernel: String,
    /// The case in words.
    pub case: String,
    /// The variant of a kernel; how a model's weights are stored.
    pub variant: String,
    /// How it was timed.
    pub clock: Clock,
    /// Floating-point operations and bytes, at least.
    pub work: Cost,
    /// Median, quartiles and least.
    #[serde(flatten)]
    pub spread: Spread,
    /// 10⁹ operations a second, by the median.
    pub gflops: f64,
    /// 10⁹ bytes a second, by the median.
    pub gbytes: f64,
    /// Least possible time by the ceilings / median, 0 to 1.
    pub roofline: f64,
    /// What sets the least possible time.
    pub bound: Bound,
    /// Seconds spent on creating its pipelines (some drivers compile later). Of a model only the pipelines that no
    /// earlier row created.
    pub compile: f64,
    /// Seconds until the first result, compilation included.
    pub cold: f64,
    /// Counts of one run of a model or pipeline.
    pub run: Option<RunCounts>,
    /// The largest errors of a kernel's variant, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<KernelError>,
}

/// The largest errors of all elements, against the float64 reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KernelError {
    /// |error| / derived bound; at most 1 is right.
    pub of_bound: f64,
    /// |error| in units of u·Σ|a||b|, u = 2⁻²⁴, of sums of products.
    pub units: Option<f64>,
}

/// Counts of one run of a model or pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Seconds, the median, in which the host records and submits a model's run, before it waits for the device; `None`
    /// for pipelines, which wait in between, and in reports of older versions. On a software device the host computes
    /// at the same time, so there it is an upper limit.
    #[serde(default)]
    pub host: Option<f64>,
}
