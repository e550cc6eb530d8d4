//! The comparison of a new report with an old one: what became slower beyond the noise of both?
//!
//! **The rule.** Rows are matched by case and variant. The ratio is new median / old median. Its noise
//! reaches from new first quartile / old third quartile to new third quartile / old first quartile: the range
//! of the ratio if each run may lie anywhere in the middle half of its times.
//! Unlike an error of the mean it does not shrink with repetitions, because what differs between two
//! runs (temperature, load, placement in memory) is the same throughout each of them. A row is *slower*
//! when its whole noise interval lies above 1 and the ratio exceeds 1 by at least the threshold, and
//! *faster* when the same holds with old and new exchanged. Of fewer than [`FEW`] repetitions the quartiles are at least
//! [`LEAST_NOISE`] away from the median: those of a single time are that time.

use serde::{Deserialize, Serialize};

use super::timing::{Spread, Timing};

/// The least change that counts, unless said otherwise.
pub const DEFAULT_THRESHOLD: f64 = 0.05;

/// Below this many repetitions quartiles say little.
pub(super) const FEW: usize = 5;
/// How far the quartiles of so few lie from the median at least.
pub(super) const LEAST_NOISE: f64 = 0.25;

/// How the time of a row changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Change {
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

impl Change {
    /// The name in tables.
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
        let (before, after) = (quartiles(old), quartiles(new));
        Self { value: new.median / old.median, low: after.0 / before.1, high: after.1 / before.0 }
    }

    /// By the rule in the module's documentation.
    fn change(self, threshold: f64) -> Change {
        if self.low > 1.0 && self.value >= 1.0 + threshold {
            Change::Slower
        } else if self.high < 1.0 && 1.0 / self.value >= 1.0 + threshold {
            Change::Faster
        } else {
            Change::Same
        }
    }
}

/// The quartiles, not closer to the median than few times can tell.
fn quartiles(spread: &Spread) -> (f64, f64) {
    let (low, high) = spread.quartiles;
    match spread.repetitions < FEW {
        true => (low.min(spread.median / (1.0 + LEAST_NOISE)), high.max(spread.median * (1.0 + LEAST_NOISE))),
        false => (low, high),
    }
}

/// One row of either report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// How its time changed.
    #[serde(rename = "verdict")]
    pub change: Change,
}

/// Two reports, row by row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Comparison {
    /// Name of the old report.
    pub old: String,
    /// The least change that counts: 0.05 is 5 %.
    pub threshold: f64,
    /// Other differences between the two runs, as sentences.
    pub warnings: Vec<String>,
    /// Rows of the new report in its order, then those that only the old one has.
    pub rows: Vec<ComparedRow>,
}

impl Comparison {
    /// Whether any row became slower.
    pub fn regressed(&self) -> bool {
        self.rows.iter().any(|row| row.change == Change::Slower)
    }

    /// Whether the reports have no row in common.
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(|row| row.ratio.is_none())
    }

    /// The row of a timing of the new report.
    pub fn row(&self, timing: &Timing) -> Option<&ComparedRow> {
        self.rows.iter().find(|row| row.new.is_some() && (&*row.case, &*row.variant) == key(timing))
    }

    /// What was compared and by which rule, in one line.
    pub fn rule(&self) -> String {
        format!(
            "against {}: new/old by medians, noise by the quartiles of both; counts from {:.1}% beyond noise",
            self.old,
            100.0 * self.threshold
        )
    }

    /// The outcome in one line.
    pub fn summary(&self) -> String {
        let count = |change| self.rows.iter().filter(|row| row.change == change).count();
        let [slower, faster, same, old, new] =
            [Change::Slower, Change::Faster, Change::Same, Change::OnlyOld, Change::OnlyNew].map(count);
        let outcome = if self.is_empty() {
            "NOTHING TO COMPARE"
        } else if slower > 0 {
            "REGRESSION"
        } else {
            "NO REGRESSION"
        };
        format!(
            "{outcome}: {slower} slower, {faster} faster, {same} the same, {old} only old, {new} only new"
        )
    }
}

pub(super) fn key(timing: &Timing) -> (&str, &str) {
    (&timing.case, &timing.variant)
}

pub(super) fn compared(old: Option<&Timing>, new: Option<&Timing>, threshold: f64) -> ComparedRow {
    let (case, variant) = old.or(new).map(key).unwrap_or_default();
    let ratio = old.zip(new).map(|(old, new)| Ratio::of(&old.spread, &new.spread));
    let change = match ratio {
        Some(ratio) => ratio.change(threshold),
        None if new.is_some() => Change::OnlyNew,
        None => Change::OnlyOld,
    };
    ComparedRow {
        case: case.to_owned(),
        variant: variant.to_owned(),
        old: old.map(|t| t.spread.median),
        new: new.map(|t| t.spread.median),
        ratio,
        change,
    }
}
