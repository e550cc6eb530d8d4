//! Figures of merit: how well scores, maps and named types agree with the truth.
//!
//! Definitions follow scikit-learn, so that figures can be compared with those of the Python projects in the field:
//! tied scores share their rank in [`auroc`], and each distinct score is one threshold in [`average_precision`] and
//! [`f1_max`]. One difference on purpose: where only one class is present scikit-learn warns and returns NaN, 0 or 1;
//! here the result is [`Undefined`], because a figure that means nothing must not enter an average.

mod confusion;
mod pixel;
mod roc;

pub use confusion::{ClassReport, ConfusionMatrix};
pub use pixel::{Bounded, PixelAuroc};
pub use roc::{F1Max, auroc, average_precision, f1_max};

/// Why a metric has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// There is nothing to measure.
    #[error("undefined: there are no samples")]
    Empty,
    /// Every sample carries the same label.
    #[error("undefined: all {count} samples are {}; both normal and defective ones are needed", if *.positive { "defective" } else { "normal" })]
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
    /// A score lies outside the interval the metric is defined on.
    #[error("undefined: score {index} is {value}, outside 0..=1")]
    OutOfRange {
        /// Position of the score.
        index: usize,
        /// The score.
        value: f32,
    },
    /// Scores and labels do not belong together.
    #[error("undefined: {scores} scores but {labels} labels")]
    LengthMismatch {
        /// Number of scores.
        scores: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A class index is not one of the named classes.
    #[error("undefined: class {class} is not one of the {classes} classes")]
    NoSuchClass {
        /// The index given.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
}
