//! Doors for `tests/fuzz.rs` to readers of files that commands keep to themselves; no part of the library's interface.

use std::path::Path;

use super::isolation::Known;
use super::train::RunFolder;
use super::watch::Opened;

/// Whether `watch` goes on with this file.
pub fn ledger(path: &Path) -> bool {
    Opened::new(path).is_ok()
}

/// Whether `train` reads the journal in this folder.
pub fn steps(folder: &Path) -> bool {
    RunFolder::open(folder, false).is_ok_and(|folder| folder.steps().is_ok())
}

/// Whether this file has results of trials.
pub fn trials(path: &Path) -> bool {
    !Known::load(path).results.is_empty()
}
