//! What can be wrong with a PyTorch file.

use std::path::PathBuf;

/// A PyTorch file that cannot be read. Every message names the file and the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The operating system could not read it.
    #[error("{path}: cannot read the file: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// It is not a PyTorch file.
    #[error("{path}: not a file of torch.save or torch.jit.save ({problem})")]
    NotTorch {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        problem: String,
    },
    /// It names a global other than those of tensors and their containers.
    #[error(
        "{path}: refused: the file calls {name}, and only tensors and plain containers are read; \
         save the state dict alone: torch.save(model.state_dict(), FILE)"
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// Module and name.
        name: String,
    },
    /// It is well-formed but holds something that is not supported.
    #[error("{path}: {problem}; save it anew: torch.save(model.state_dict(), FILE)")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it holds.
        problem: String,
    },
    /// It is malformed or truncated.
    #[error("{path}: damaged file: {problem}; copy or download it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// A [`TorchError`] without the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// See [`TorchError::Refused`].
    Refused(String),
    /// See [`TorchError::Unsupported`].
    Unsupported(String),
    /// See [`TorchError::Damaged`].
    Damaged(String),
}

impl Problem {
    /// Adds the path.
    pub(super) fn of(self, path: &std::path::Path) -> TorchError {
        let path = path.to_owned();
        match self {
            Problem::Refused(name) => TorchError::Refused { path, name },
            Problem::Unsupported(problem) => TorchError::Unsupported { path, problem },
            Problem::Damaged(problem) => TorchError::Damaged { path, problem },
        }
    }
}
