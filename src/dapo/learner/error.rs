//! Errors of a learner.

use super::parameters::LearnerError;
use crate::clip::ClipError;
use crate::gpu::GpuError;
use crate::ops::OpError;

/// Why a training step or a detection failed.
#[derive(Debug, thiserror::Error)]
pub enum DapoError {
    /// The model, the request or the device.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The parameters.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// A number is not finite; the parameters are unchanged.
    #[error("step {step}: {what} is not finite")]
    NotFinite {
        /// The step that was not taken, counted from 1.
        step: usize,
        /// The loss or the tensor.
        what: String,
    },
    /// Photos of good parts that images cannot be compared with.
    #[error("{0}")]
    References(String),
    /// The device was lost, and there is none to go on with.
    #[error("{lost}; {reason}")]
    NotRenewed {
        /// How it was lost.
        lost: String,
        /// Why there is no other.
        reason: String,
    },
}

impl From<OpError> for DapoError {
    fn from(error: OpError) -> Self {
        Self::Clip(error.into())
    }
}

impl DapoError {
    /// Advice for the user; may be empty.
    pub fn hint(&self) -> String {
        match self {
            Self::Clip(error) => error.hint(),
            Self::Learner(_) => String::new(),
            Self::References(_) => "good photos are photos of parts without any defect".into(),
            Self::NotFinite { .. } => {
                "the last checkpoint is kept; continue from it with a smaller learning rate".into()
            }
            Self::NotRenewed { .. } => "repair the device, then run the same command again".into(),
        }
    }

    /// Whether the device was lost, so that a new one may succeed.
    pub fn device_lost(&self) -> bool {
        matches!(self, Self::Clip(ClipError::Op(OpError::Gpu(GpuError::Lost { .. }))))
    }
}
