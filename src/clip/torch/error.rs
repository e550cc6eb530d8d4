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
    /// It is not of this kind.
    #[error("{path}: not a file of torch.save or torch.jit.save ({problem})")]
    NotTorch {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        problem: String,
    },
    /// It names something beyond tensors and their containers.
    #[error(
        "{path}: refused: the file wants to call {name}, and only tensors and plain containers are read; \
         save the state dict alone: torch.save(model.state_dict(), FILE)"
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// Module and name.
        name: String,
    },
    /// It is well-formed but holds something that is not read.
    #[error("{path}: {problem}; save it anew: torch.save(model.state_dict(), FILE)")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it holds.
        problem: String,
    },
    /// It contradicts itself or ends too early.
    #[error("{path}: damaged file: {problem}; copy or download it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// A [`TorchError`] before the file is named.
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
    /// Names the file.
    pub(super) fn of(self, path: &std::path::Path) -> TorchError {
        let path = path.to_owned();
        match self {
            Problem::Refused(name) => TorchError::Refused { path, name },
            Problem::Unsupported(problem) => TorchError::Unsupported { path, problem },
            Problem::Damaged(problem) => TorchError::Damaged { path, problem },
        }
    }
}
