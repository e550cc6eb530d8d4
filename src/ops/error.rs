//! Errors of ops.

use crate::gpu::GpuError;

/// A failure of an op.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpError {
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// Shapes that do not fit together: a mistake in the code that composes ops.
    #[error("{op}: expected {expected}, found {found:?}")]
    Shape {
        /// The op.
        op: &'static str,
        /// What it expects, in words.
        expected: String,
        /// The shape that it got.
        found: Vec<usize>,
    },
}

impl OpError {
    /// What the caller can do.
    pub fn hint(&self) -> String {
        match self {
            OpError::Gpu(error) => error.hint(),
            OpError::Shape { .. } => "pass tensors of the shapes that the op's documentation states".into(),
        }
    }
}

/// The result of an op.
pub(super) type Result<T> = std::result::Result<T, OpError>;
