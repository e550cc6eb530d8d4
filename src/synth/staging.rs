//! All-or-nothing output folders.

use super::error::SynthError;
use crate::files::faults::before_write;
use crate::report::{LedgerError, Lock};
use std::fs;
use std::path::{Path, PathBuf};

/// A hidden file in every finished folder. Only a folder that has it may be replaced: a mistyped
/// `--out` must never delete a user's photos.
const MARKER: &str = ".dapo-wgpu-synth";

/// The lock in a folder that is being filled.
const LOCK: &str = ".dapo-wgpu-lock";

/// An output folder that appears under its final name only when it is complete.
pub(super) struct Staging {
    /// Where to write meanwhile: a sibling of the target, so that renaming stays on one file system.
    pub work: PathBuf,
    target: PathBuf,
    /// Held while the folder is filled: one without a holder was left by a process that was killed.
    lock: Option<Lock>,
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
        sweep(&target);
        let work = beside(&target, "part");
        let mut staging = Staging { work, target, lock: None, done: false };
        create(&staging.work)?;
        let path = staging.work.join(LOCK);
        let refuse =
            |e: LedgerError| SynthError::Write { path: path.clone(), source: std::io::Error::other(e) };
        staging.lock = Some(Lock::take(&path).map_err(refuse)?);
        Ok(staging)
    }

    /// Puts the finished folder in the target's place.
    pub fn commit(mut self) -> Result<(), SynthError> {
        let fail = |source| SynthError::Write { path: self.target.clone(), source };
        before_write().map_err(fail)?;
        fs::write(self.work.join(MARKER), "made by `dapo-wgpu synth`, which may replace this folder\n")
            .map_err(fail)?;
        self.lock.take().into_iter().for_each(Lock::remove);
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

/// Removes working folders that processes which were killed have left beside a target.
fn sweep(target: &Path) {
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else { return };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let begins = format!("{}.part-", name.to_string_lossy());
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_ours = name.to_string_lossy().starts_with(&begins) && path.join(LOCK).is_file();
        if is_ours && Lock::take(&path.join(LOCK)).is_ok() {
            // One that cannot be removed does no harm.
            let _ = fs::remove_dir_all(&path);
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
