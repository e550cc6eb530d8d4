//! What the user reads when a command cannot go on.

use crate::clip::fetch::FetchError;
use crate::clip::torch::TorchError;
use crate::clip::{ClipError, ModelError};
use crate::dapo::learner::{DapoError, LearnerError};
use crate::dapo::prompts::PromptError;
use crate::dapo::regions::RegionError;
use crate::dapo::{AlarmError, CheckpointError};
use crate::data::ImageError;
use crate::data::samples::SampleError;
use crate::eval::EvalError;
use crate::eval::score::ScoreError;
use crate::gpu::GpuError;
use crate::inspect::picture::PictureError;
use crate::lab::bench::OldReportError;
use crate::ops::OpError;
use crate::report::tables::MetricsError;
use crate::report::{LedgerError, NpyError, OverlayError, ReportError, ResultsError, WriteError};
use crate::synth::SynthError;

/// Exit code of `detect --fail-on-defect` where an image is called defective.
pub(super) const DEFECTIVE: u8 = 4;
/// Exit code where `--require-gpu` finds no GPU.
pub(super) const NO_GPU: u8 = 5;

/// A message that says what is wrong with what, and a hint that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// What to do about it; empty when the message says it.
    pub hint: String,
    /// The exit code: 2 for a wrong command line, 5 where a GPU was required and there is none, otherwise 1.
    pub code: u8,
    /// Whether the device was lost, so that another one may succeed.
    pub lost: bool,
}

impl Failure {
    /// A failure whose message says everything.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: String::new(), code: 1, lost: false }
    }

    /// A wrong command line that only the command itself could find.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(message) }
    }

    /// Adds a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl From<GpuError> for Failure {
    fn from(error: GpuError) -> Self {
        let lost = matches!(error, GpuError::Lost { .. });
        Self { lost, ..Self::new(error.to_string()).hint(error.hint()) }
    }
}

impl From<DapoError> for Failure {
    fn from(error: DapoError) -> Self {
        match error {
            DapoError::Clip(error) => error.into(),
            other => Self::new(other.to_string()).hint(other.hint()),
        }
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Device(error) => error.into(),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<ClipError> for Failure {
    fn from(error: ClipError) -> Self {
        // The program composes the ops: a user of the command line has no shapes to correct.
        let hint = match &error {
            ClipError::Op(OpError::Shape { .. }) => {
                "this is a bug of dapo-wgpu: please report it with the command".to_owned()
            }
            other => other.hint(),
        };
        let lost = matches!(&error, ClipError::Op(OpError::Gpu(GpuError::Lost { .. })));
        let failure = match &error {
            // A size, a batch or names that this model does not take.
            ClipError::Request(_) => Self::usage(error.to_string()),
            _ => Self::new(error.to_string()),
        };
        Self { lost, ..failure.hint(hint) }
    }
}

impl From<PromptError> for Failure {
    fn from(error: PromptError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<SynthError> for Failure {
    fn from(error: SynthError) -> Self {
        let message = error.to_string();
        match error {
            SynthError::Write { .. }
            | SynthError::Image { .. }
            | SynthError::NotOurs { .. }
            | SynthError::NotEmpty { .. } => Self::new(message),
            // What remains is wrong with the options.
            _ => Self::usage(message),
        }
    }
}

impl From<AlarmError> for Failure {
    fn from(error: AlarmError) -> Self {
        match error {
            AlarmError::Rate(_) => Self::usage(error.to_string()),
            _ => Self::new(error.to_string()),
        }
    }
}

/// Errors whose messages name the file, the field and the fix themselves.
macro_rules! self_explaining {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })*
    };
}
self_explaining!(
    CheckpointError,
    FetchError,
    ImageError,
    LedgerError,
    LearnerError,
    MetricsError,
    ModelError,
    NpyError,
    OldReportError,
    OverlayError,
    PictureError,
    RegionError,
    ReportError,
    ResultsError,
    SampleError,
    ScoreError,
    TorchError,
    WriteError
);
