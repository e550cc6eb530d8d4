//! A new report against an old one: what became slower beyond the noise of both?
//!
//! **The rule.** Rows are matched by case and variant. The ratio is new median / old median. Its noise
//! reaches from new first quartile / old third quartile to new third quartile / old first quartile: so
//! much the ratio could be if each run had come out at the unlucky end of the middle half of its times.
//! Unlike an error of the mean it does not shrink with repetitions, because what differs between two
//! runs (temperature, load, placement in memory) is the same throughout each of them. A row is *slower*
//! when its whole noise interval lies above 1 and the ratio exceeds 1 by at least the threshold, and
//! *faster* when the same holds with old and new exchanged.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BenchReport, SCHEMA, Spread, Timing};

/// The least change that counts, unless said otherwise.
pub const DEFAULT_THRESHOLD: f64 = 0.05;
/// Rates of two runs' ceilings that differ by more than this are worth a warning.
const CEILING_CHANGE: f64 = 0.1;
/// Below so many repetitions quartiles say little.
const FEW: usize = 5;

/// Why an old report cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OldReportError {
    /// The operating system could not read it.
    #[error("{path}: cannot read the file: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// It is not JSON, or was cut short.
    #[error("{path}: not valid JSON, or cut short: {source}; make it with `bench --out FILE.json`")]
    NotJson {
        /// The file.
        path: PathBuf,
        /// The parser's reason with line and column.
        source: serde_json::Error,
    },
    /// It is something else.
    #[error(
        "{path}: its schema is {found}, not {SCHEMA}; make the file with `bench --out FILE.json` of this version"
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// What stands there.
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
            std::fs::read(path).map_err(|source| OldReportError::Read { path: path.to_owned(), source })?;
        let value: Value = serde_json::from_slice(&bytes)
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

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Beyond noise and threshold.
    Slower,
    /// Beyond noise and threshold.
    Faster,
    /// Within either.
    Same,
    /// Only the old report has it.
    OnlyOld,
    /// Only the new report has it.
    OnlyNew,
}

impl Verdict {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slower => "SLOWER",
            Self::Faster => "faster",
            Self::Same => "same",
            Self::OnlyOld => "only old",
            Self::OnlyNew => "only new",
        }
    }
}

/// New over old.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// Of the medians.
    pub value: f64,
    /// Lower end of the noise: new first quartile / old third quartile.
    pub low: f64,
    /// Upper end of the noise: new third quartile / old first quartile.
    pub high: f64,
}

impl Ratio {
    fn of(old: &Spread, new: &Spread) -> Self {
        Self {
            value: new.median / old.median,
            low: new.quartiles.0 / old.quartiles.1,
            high: new.quartiles.1 / old.quartiles.0,
        }
    }

    /// By the rule at the top of this file.
    fn verdict(self, threshold: f64) -> Verdict {
        if self.low > 1.0 && self.value >= 1.0 + threshold {
            Verdict::Slower
        } else if self.high < 1.0 && 1.0 / self.value >= 1.0 + threshold {
            Verdict::Faster
        } else {
            Verdict::Same
        }
    }
}

/// One row of either report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedRow {
    /// The case in words.
    pub case: String,
    /// The variant.
    pub variant: String,
    /// Old median in seconds.
    pub old: Option<f64>,
    /// New median in seconds.
    pub new: Option<f64>,
    /// New over old, where there are both.
    pub ratio: Option<Ratio>,
    /// What became of it.
    pub verdict: Verdict,
}

/// Two reports, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the old report.
    pub old: String,
    /// The least change that counts: 0.05 is 5 %.
    pub threshold: f64,
    /// What makes the two hard to compare, in words.
    pub warnings: Vec<String>,
    /// Rows of the new report in its order, then those that only the old one has.
    pub rows: Vec<ComparedRow>,
}

impl Comparison {
    /// Compares `new` with `old`, which is called `name`.
    pub fn new(old: &BenchReport, new: &BenchReport, name: String, threshold: f64) -> Self {
        let by_key: HashMap<_, _> = old.timings.iter().map(|t| (key(t), t)).collect();
        let new_keys: HashMap<_, _> = new.timings.iter().map(|t| (key(t), t)).collect();
        let mut rows: Vec<ComparedRow> =
            new.timings.iter().map(|t| compared(by_key.get(&key(t)).copied(), Some(t), threshold)).collect();
        let gone = old.timings.iter().filter(|t| !new_keys.contains_key(&key(t)));
        rows.extend(gone.map(|t| compared(Some(t), None, threshold)));
        Self { old: name, threshold, warnings: warnings(old, new, &new_keys), rows }
    }

    /// Whether any row became slower.
    pub fn regressed(&self) -> bool {
        self.rows.iter().any(|row| row.verdict == Verdict::Slower)
    }

    /// Whether the reports have no row in common.
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(|row| row.ratio.is_none())
    }

    /// The row of a timing of the new report.
    pub fn row(&self, timing: &Timing) -> Option<&ComparedRow> {
        self.rows.iter().find(|row| row.new.is_some() && (&*row.case, &*row.variant) == key(timing))
    }

    /// What was compared and how it is judged, in a line.
    pub fn rule(&self) -> String {
        format!(
            "against {}: new/old by medians, noise by the quartiles of both; counts from {:.1}% beyond noise",
            self.old,
            100.0 * self.threshold
        )
    }

    /// The outcome in a line.
    pub fn verdict(&self) -> String {
        let count = |verdict| self.rows.iter().filter(|row| row.verdict == verdict).count();
        let [slower, faster, same, old, new] =
            [Verdict::Slower, Verdict::Faster, Verdict::Same, Verdict::OnlyOld, Verdict::OnlyNew].map(count);
        let word = if self.is_empty() {
            "NOTHING TO COMPARE"
        } else if slower > 0 {
            "REGRESSION"
        } else {
            "NO REGRESSION"
        };
        format!("{word}: {slower} slower, {faster} faster, {same} the same, {old} only old, {new} only new")
    }
}

fn key(timing: &Timing) -> (&str, &str) {
    (&timing.case, &timing.variant)
}

fn compared(old: Option<&Timing>, new: Option<&Timing>, threshold: f64) -> ComparedRow {
    let (case, variant) = old.or(new).map(key).unwrap_or_default();
    let ratio = old.zip(new).map(|(old, new)| Ratio::of(&old.spread, &new.spread));
    let verdict = match ratio {
        Some(ratio) => ratio.verdict(threshold),
        None if new.is_some() => Verdict::OnlyNew,
        None => Verdict::OnlyOld,
    };
    ComparedRow {
        case: case.to_owned(),
        variant: variant.to_owned(),
        old: old.map(|t| t.spread.median),
        new: new.map(|t| t.spread.median),
        ratio,
        verdict,
    }
}

/// Whatever else differs between two reports, so that the kernels' code may not be the cause.
fn warnings(
    old: &BenchReport,
    new: &BenchReport,
    new_timings: &HashMap<(&str, &str), &Timing>,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, old: String, new: String| {
        if old != new {
            found.push(format!("another {what}: '{old}' then, '{new}' now"));
        }
    };
    let (then, now) = (&old.device, &new.device);
    let name = |d: &super::Device| format!("{} ({}, {})", d.adapter.name, d.adapter.backend, d.adapter.kind);
    differ("adapter", name(then), name(now));
    let driver = |d: &super::Device| format!("{} {}", d.adapter.driver, d.adapter.driver_info);
    differ("driver", driver(then), driver(now));
    differ("shader mode", format!("{:?}", then.mode), format!("{:?}", now.mode));
    differ("version of dapo-wgpu", then.version.clone(), now.version.clone());

    let (before, after) = (&old.ceilings, &new.ceilings);
    for (what, before, after) in [
        ("multiply-add rate", before.multiply_add, after.multiply_add),
        ("copy rate", before.copy, after.copy),
        ("read rate", before.read, after.read),
    ] {
        let change = after / before;
        if !(1.0 / (1.0 + CEILING_CHANGE)..=1.0 + CEILING_CHANGE).contains(&change) {
            found.push(format!(
                "the device's {what} is {change:.2} times what it was: clock speed or load differ"
            ));
        }
    }
    let common = || old.timings.iter().filter_map(|t| Some((t, *new_timings.get(&key(t))?)));
    let clocks = common().filter(|(old, new)| old.clock != new.clock).count();
    if clocks > 0 {
        found.push(format!("{clocks} rows were timed by another clock"));
    }
    let few = common().filter(|(o, n)| o.spread.repetitions.min(n.spread.repetitions) < FEW).count();
    if few > 0 {
        found.push(format!("{few} rows have fewer than {FEW} repetitions, so their noise is underestimated"));
    }
    found
}
