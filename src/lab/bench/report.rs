//! The result of a benchmark run, and reading one from a file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::comparison::Comparison;
use super::roofline::Ceilings;
use super::sensors::Sensors;
use super::timing::{Spread, Timing};
use crate::files::read_unmarked;
use crate::gpu::{Clock, Gpu};
use crate::lab::{Device, Origin};

/// The schema of a report's JSON.
pub const SCHEMA: &str = "dapo-wgpu/bench/1";

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BenchReport {
    /// [`SCHEMA`]
    pub schema: String,
    /// Where it ran.
    pub device: Device,
    /// With which program, system and command, and when; `None` in reports of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The measured limits.
    pub ceilings: Ceilings,
    /// The limits after the last case, of which the rates of copy, read and multiply-add were measured again; `None` in reports of older versions and of runs that were stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceilings_after: Option<Ceilings>,
    /// Whether the run was stopped: cases are missing, or have fewer repetitions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Clock and power during the run, where the device tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensors: Option<Sensors>,
    /// In the order of the request.
    pub timings: Vec<Timing>,
    /// The comparison with an older report, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

impl BenchReport {
    /// What was measured on this device.
    pub fn new(gpu: &Gpu, ceilings: Ceilings, timings: Vec<Timing>) -> Self {
        let device = Device::of(gpu);
        Self {
            schema: SCHEMA.to_owned(),
            device,
            origin: None,
            ceilings,
            ceilings_after: None,
            partial: false,
            sensors: None,
            timings,
            comparison: None,
        }
    }

    /// What makes the figures doubtful: a run that was stopped, and ceilings that moved by more than a tenth meanwhile.
    pub fn warnings(&self) -> Vec<String> {
        let stopped = self.partial.then(|| "PARTIAL: the run was stopped before its end".to_owned());
        let after = self.ceilings_after.as_ref();
        let moved = after.map(|after| self.ceilings.moved(after)).unwrap_or_default();
        let moved = moved.into_iter().map(|(what, change)| {
            format!(
                "the device's {what} was {change:.2} times its first value at the end of the run: clock speed or load \
                 changed, and shares of the roofline may be off by as much"
            )
        });
        stopped.into_iter().chain(moved).collect()
    }

    /// The clock of all rows; `None` where they differ.
    pub fn clock(&self) -> Option<Clock> {
        let first = self.timings.first()?.clock;
        self.timings.iter().all(|t| t.clock == first).then_some(first)
    }
}

/// Why an older report cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OldReportError {
    /// The operating system could not read it.
    #[error("{path}: cannot read the file: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// It is not JSON, or is truncated.
    #[error("{path}: not valid JSON, or cut short: {source}; make it with `bench --out FILE.json`")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The parser's reason with line and column.
        source: serde_json::Error,
    },
    /// Its schema is another one.
    #[error(
        "{path}: its schema is {found}, not {SCHEMA}; make the file with `bench --out FILE.json` of this version"
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The schema in the file.
        found: String,
    },
    /// A field is missing or of the wrong kind.
    #[error("{path}: {problem}; make the file again with `bench --out FILE.json`")]
    Field {
        /// The file.
        path: PathBuf,
        /// Which field, and what is wrong.
        problem: String,
    },
}

impl BenchReport {
    /// Reads a report that was written as JSON.
    ///
    /// # Errors
    /// [`OldReportError`].
    pub fn load(path: &Path) -> Result<Self, OldReportError> {
        let bytes =
            read_unmarked(path).map_err(|source| OldReportError::Read { path: path.to_owned(), source })?;
        Self::from_json(path, &bytes)
    }

    /// Reads the contents of such a file; `path` stands for it in errors.
    ///
    /// # Errors
    /// [`OldReportError`], other than [`OldReportError::Read`].
    pub fn from_json(path: &Path, json: &[u8]) -> Result<Self, OldReportError> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|source| OldReportError::NotJson { path: path.to_owned(), source })?;
        let schema = value.get("schema").unwrap_or(&Value::Null);
        if schema != SCHEMA {
            let found = if schema.is_null() { "missing".to_owned() } else { schema.to_string() };
            return Err(OldReportError::Schema { path: path.to_owned(), found });
        }
        let bad = |problem: String| OldReportError::Field { path: path.to_owned(), problem };
        let report: Self = serde_json::from_value(value).map_err(|e| bad(e.to_string()))?;
        for timing in &report.timings {
            let Spread { median, quartiles: (low, high), .. } = timing.spread;
            if !(low > 0.0 && low <= median && median <= high) {
                return Err(bad(format!(
                    "times of '{}': a median of {median} s between quartiles of {low} and {high} s",
                    timing.case
                )));
            }
        }
        Ok(report)
    }
}
