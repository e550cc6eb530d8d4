//! Why a file that one program writes at a time cannot be used.

use std::path::PathBuf;

use super::atomic::WriteError;

/// Why a ledger could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file could not be begun.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another program holds the lock.
    #[error("{}: another program is writing here; wait until it ends, or choose another output with --out", path.display())]
    Held {
        /// The file that it holds.
        path: PathBuf,
    },
    /// A file that holds something else.
    #[error(
        "{}, line 1: it does not say '{schema}', so this is another file, which is left as it is; choose another with --out",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What its first line should say.
        schema: &'static str,
    },
    /// A line that is not an entry.
    #[error("{}, line {line}: {problem}; choose another file with --out, or correct the line", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}
