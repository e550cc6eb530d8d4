//! Why a figure has no value.

use crate::words::plural;

/// Why a metric has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// There is nothing to measure.
    #[error("undefined: there are no samples")]
    Empty,
    /// Every sample carries the same label.
    #[error("undefined: {}; both normal and defective ones are needed", one_class(*.count, *.positive))]
    OneClass {
        /// The label all samples have (`true` is defective).
        positive: bool,
        /// How many samples there are.
        count: u64,
    },
    /// A score is NaN or infinite, which has no place in a ranking.
    #[error("undefined: score {index} is {value}, not a finite number")]
    NotFinite {
        /// Position of the score.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A score lies outside the interval that is counted.
    #[error("undefined: score {index} is {value}, outside {low}..={high}")]
    OutOfRange {
        /// Position of the score.
        index: usize,
        /// The score.
        value: f32,
        /// Lower end of the interval.
        low: f32,
        /// Upper end of the interval.
        high: f32,
    },
    /// Scores and labels do not belong together.
    #[error("undefined: {} but {}", plural(*.scores, "score"), plural(*.labels, "label"))]
    LengthMismatch {
        /// Number of scores.
        scores: usize,
        /// Number of labels.
        labels: usize,
    },
    /// The values do not fill rows of the given width.
    #[error("undefined: {values} values are not a whole number of rows of {width}")]
    Rows {
        /// Number of values.
        values: usize,
        /// The width given.
        width: usize,
    },
    /// A class index is not one of the named classes.
    #[error("undefined: class {class} is not one of the {classes} classes")]
    NoSuchClass {
        /// The index given.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Nothing belongs to a class, or everything does.
    #[error("undefined: {} of the {count} pixels are of class '{class}'", if *.all { "all" } else { "none" })]
    Class {
        /// The class.
        class: String,
        /// Whether all belong to it; otherwise none does.
        all: bool,
        /// How many pixels there are.
        count: u64,
    },
    /// All values of all maps are the same, so that there is no threshold between them.
    #[error("undefined: every pixel of every map is {value}; there is no threshold to vary")]
    Constant {
        /// The value.
        value: f32,
    },
    /// The curve whose area is to be measured has no width.
    #[error(
        "undefined: the false-positive rate takes fewer than two values below 0.3; there is no area to measure"
    )]
    NoCurve,
    /// The bins are too wide for the values.
    #[error("undefined: the values share too few bins to form a curve; count them over a narrower interval")]
    Coarse,
    /// An interval to count in is not one.
    #[error("undefined: {low}..={high} is not an interval of finite numbers")]
    Interval {
        /// Lower end.
        low: f32,
        /// Upper end.
        high: f32,
    },
    /// Counts over different intervals or classes cannot be merged.
    #[error("undefined: counts over different intervals or classes cannot be merged")]
    Unlike,
    /// More regions than their weights can be summed for.
    #[error("undefined: more than {} in one product", plural(*.limit, "defective region"))]
    TooManyRegions {
        /// The limit.
        limit: u64,
    },
}

fn one_class(count: u64, positive: bool) -> String {
    let label = if positive { "defective" } else { "normal" };
    match count {
        1 => format!("the only sample is {label}"),
        _ => format!("all {} are {label}", plural(count, "sample")),
    }
}
