//! Either way of looking at images: with a fixed prompt ensemble, or with a learner.

use super::detect::{Detection, Detector};
use super::learner::{DapoError, LearnedDetector};
use super::looked::{ClassSet, Looked, Maps};
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
            Self::Ensemble(detector) => 1.0 / detector.clip().logit_scale(),
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

    /// All classes that it was opened for, normal first.
    pub fn classes(&self) -> &ClassSet {
        match self {
            Self::Ensemble(detector) => detector.classes(),
            Self::Learned(detector) => detector.classes(),
        }
    }

    /// Normal and some of the defects, counted from 0: the types that one product can show.
    ///
    /// # Errors
    /// Those of the device.
    pub fn subset(&self, defects: &[usize]) -> Result<ClassSet, DapoError> {
        match self {
            Self::Ensemble(detector) => Ok(detector.subset(defects)?),
            Self::Learned(detector) => detector.subset(defects),
        }
    }

    /// Features of pre-processed images, pixels [images, 3, size, size], to be judged by any classes.
    ///
    /// # Errors
    /// As [`Looker::detect`].
    pub fn look(&self, pixels: &[f32]) -> Result<Looked, DapoError> {
        match self {
            Self::Ensemble(detector) => Ok(detector.look(pixels)?),
            Self::Learned(detector) => detector.look(pixels),
        }
    }

    /// Chooses between classes.
    ///
    /// # Errors
    /// Those of the device.
    pub fn judge(
        &self,
        looked: &Looked,
        classes: &ClassSet,
        maps: Maps,
    ) -> Result<Vec<Detection>, DapoError> {
        match self {
            Self::Ensemble(detector) => Ok(detector.judge(looked, classes, maps)?),
            Self::Learned(detector) => detector.judge(looked, classes, maps),
        }
    }
}
