//! Why a training run ended before its last step.

use crate::cli::Failure;

/// Why an attempt ended early.
pub(super) enum Stopped {
    Lost(String),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        let failure = error.into();
        if failure.lost { Self::Lost(failure.message) } else { Self::Failed(failure) }
    }
}
