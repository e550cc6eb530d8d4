//! Why a training run ended before its last step.

use crate::cli::Failure;
use crate::dapo::learner::DapoError;

/// Why an attempt ended early.
pub(super) enum Stopped {
    Lost(String),
    Failed(Failure),
}

impl Stopped {
    pub(super) fn of(error: DapoError) -> Self {
        match error.device_lost() {
            true => Self::Lost(error.to_string()),
            false => Self::Failed(error.into()),
        }
    }
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
