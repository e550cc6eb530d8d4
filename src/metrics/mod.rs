//! Evaluation metrics of image scores, pixel maps and defect types.
//!
//! Definitions follow scikit-learn, so that figures can be compared with those of the Python projects in the field:
//! tied scores share their rank in [`auroc`], and each distinct score is one threshold in [`average_precision`] and
//! [`f1_max`]. One deliberate difference: where only one class is present scikit-learn warns and returns NaN, 0 or 1;
//! here the result is [`Undefined`], because a figure that means nothing must not enter an average.
//!
//! Pixels come in two modes with one kind of result: [`PixelScores`] and [`TypeScores`] keep every value and are
//! exact; [`PixelCounts`] and [`TypeCounts`] count in bins, take the same memory for any number of images, and bound the
//! distance to the exact figure.
//!
//! ```
//! use dapo_wgpu::metrics::{auroc, average_precision, f1_max};
//!
//! let scores = [0.1, 0.4, 0.35, 0.8];
//! let defective = [false, false, true, true];
//! // Of the four pairs of a defective and a good image three are in the right order.
//! assert_eq!(auroc(&scores, &defective)?, 0.75);
//! // Precision 1 at the first defective image and 2/3 at the second.
//! assert!((average_precision(&scores, &defective)? - 5.0 / 6.0).abs() < 1e-12);
//! // From 0.35 on both are found, with one false alarm: precision 2/3, recall 1.
//! let best = f1_max(&scores, &defective)?;
//! assert_eq!((best.threshold, best.recall), (0.35, 1.0));
//! # Ok::<(), dapo_wgpu::metrics::Undefined>(())
//! ```

mod bins;
mod bootstrap;
mod confusion;
mod error;
mod exact;
mod multi;
mod overlap;
mod pixel;
mod ranking;
mod regions;
mod roc;
mod state;
mod streaming;

pub use bootstrap::{ImageFigures, RESAMPLES, image_figures, image_resamples, interval, mean_and_std};
pub use confusion::{ClassReport, ConfusionMatrix};
pub use error::Undefined;
pub use multi::{ClassFigures, MultiFigures, TypeCounts, TypeScores};
pub use overlap::LateCurve;
pub use pixel::PixelFigures;
pub use ranking::Bounded;
pub use roc::{F1Max, auroc, average_precision, f1_max};
pub use state::StateError;
pub use {exact::PixelScores, streaming::PixelCounts};
