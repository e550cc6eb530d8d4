//! How fast kernels, models and pipelines are, and what limits them: times against the device's own
//! ceilings.
//!
//! [`ceilings`] measures the device, [`measure`] times kernels, [`jobs`] times work of many launches;
//! [`request`] parses the user's choice of cases and variants. A [`BenchReport`] holds the result, [`formats`]
//! writes it, and a [`Comparison`] sets it against an older one.
//!
//! Functions that take a [`Gpu`](crate::gpu::Gpu) return the device's errors.

pub mod ceilings;
mod compare;
mod comparison;
pub mod errors;
pub mod formats;
pub mod jobs;
pub mod measure;
pub mod prepared;
mod report;
pub mod request;
mod roofline;
pub mod sensors;
pub mod sweep;
mod timing;
pub mod warmup;

pub use comparison::{Change, ComparedRow, Comparison, DEFAULT_THRESHOLD, Ratio};
pub use report::{BenchReport, OldReportError, SCHEMA};
pub use roofline::{Bound, Ceilings, Floor};
pub use timing::{KernelError, Kind, RunCounts, Spread, Timing};

#[cfg(test)]
mod tests;
