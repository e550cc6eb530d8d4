//! All-or-nothing output folders.

use super::error::SynthError;
use std::fs;
use std::path::{Path, PathBuf};

/// A hidden file in every finished folder. Only a folder that has it may be replaced: a mistyped
/// `--out` must never delete a user's photos.
const MARKER: &str = ".dapo-wgpu-synth";

/// An output folder that appears under its final name only when it is complete.
pub(super) struct Staging {
    /// Where to write meanwhile: a sibling of the target, so that renaming stays on one file system.
    pub work: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Staging {
    /// A fresh working folder for `target`, which must be empty or absent unless `overwrite`.
    pub fn open(target: &Path, overwrite: bool) -> Result<Self, SynthError> {
        let filled = fs::read_dir(target).is_ok_and(|mut d| d.next().is_some());
        if (filled || target.is_file()) && !overwrite {
            return Err(SynthError::NotEmpty { path: target.to_owned() });
        }
        if target.is_file() || (filled && !target.join(MARKER).is_file()) {
            return Err(SynthError::NotOurs { path: target.to_owned() });
        }
        // "." and ".." have no name to put a sibling beside.
        let target = match target.file_name() {
            Some(_) => target.to_owned(),
            None => fs::canonicalize(target)
                .map_err(|source| SynthError::Write { path: target.to_owned(), source })?,
        };
        let work = beside(&target, "part");
        let staging = Staging { work, target, done: false };
        create(&staging.work)?;
        Ok(staging)
    }

    /// Puts the finished folder in the target's place.
    pub fn commit(mut self) -> Result<(), SynthError> {
        let fail = |source| SynthError::Write { path: self.target.clone(), source };
        fs::write(self.work.join(MARKER), "made by `dapo-wgpu synth`, which may replace this folder\n")
            .map_err(fail)?;
        // The old folder is moved aside first, so that at no time half of it is there.
        let old = beside(&self.target, "old");
        let replaced = self.target.exists();
        if replaced {
            fs::rename(&self.target, &old).map_err(fail)?;
        }
        fs::rename(&self.work, &self.target).map_err(fail)?;
        self.done = true;
        if replaced {
            fs::remove_dir_all(&old).map_err(|source| SynthError::Write { path: old, source })?;
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.done {
            // Already failing: what cannot be removed must not hide the first error.
            let _ = fs::remove_dir_all(&self.work);
        }
    }
}

/// A sibling of `path` with a name of its own.
fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}-{}", std::process::id()));
    path.with_file_name(name)
}

/// Makes a folder and its parents.
pub(super) fn create(path: &Path) -> Result<(), SynthError> {
    fs::create_dir_all(path).map_err(|source| SynthError::Write { path: path.to_owned(), source })
}
