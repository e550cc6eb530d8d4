//! Either way of looking at images: with a fixed prompt ensemble, or with a learner.

use super::detect::{Detection, Detector};
use super::learner::{DapoError, LearnedDetector};
use crate::clip::Clip;

/// A detector of either kind.
#[derive(Debug)]
pub enum Looker {
    /// Training-free: a prompt ensemble.
    Ensemble(Box<Detector>),
    /// A learner.
    Learned(Box<LearnedDetector>),
}

impl Looker {
    /// Name of the method in results.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Ensemble(_) => "clip",
            Self::Learned(detector) => detector.config().method.name(),
        }
    }

    /// What cosines are divided by.
    pub fn temperature(&self) -> f32 {
        match self {
            Self::Ensemble(detector) => 1.0 / detector.clip().inverse_temperature(),
            Self::Learned(detector) => detector.config().temperature,
        }
    }

    /// The model.
    pub fn clip(&self) -> &Clip {
        match self {
            Self::Ensemble(detector) => detector.clip(),
            Self::Learned(detector) => detector.clip(),
        }
    }

    /// The most images that one call of [`Looker::detect`] can hold on this device.
    pub fn max_batch(&self) -> usize {
        match self {
            Self::Ensemble(detector) => detector.max_batch(),
            Self::Learned(detector) => detector.max_batch(),
        }
    }

    /// Detects on pre-processed images, pixels [images, 3, size, size].
    ///
    /// # Errors
    /// Those of [`Detector::detect`] and [`LearnedDetector::detect`].
    pub fn detect(&self, pixels: &[f32]) -> Result<Vec<Detection>, DapoError> {
        match self {
            Self::Ensemble(detector) => Ok(detector.detect(pixels)?),
            Self::Learned(detector) => detector.detect(pixels),
        }
    }
}
