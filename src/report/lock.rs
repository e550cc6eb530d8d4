//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::ledger_error::LedgerError;
use crate::files::regular_or_new;

/// A lock file. The system releases the lock when the program ends, however it ends; the file itself stays, unless it
/// [is removed](Lock::remove).
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`LedgerError::Held`] when another program has the lock, [`LedgerError::Io`] when the file cannot be created.
    pub fn take(path: &Path) -> Result<Self, LedgerError> {
        let error = |source| LedgerError::Io { path: path.into(), source };
        loop {
            regular_or_new(path).map_err(error)?;
            let mut options = OpenOptions::new();
            let file = options.create(true).write(true).truncate(false).open(path).map_err(error)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(LedgerError::Held { path: path.into() }),
                // Some network file systems have no locks; refusing to work there would protect nothing.
                Err(TryLockError::Error(e)) if e.kind() != ErrorKind::Unsupported => return Err(error(e)),
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // The file may have been removed by its last holder between the opening and the locking.
            if is_at(&file, path).map_err(error)? {
                return Ok(Self { path: path.into(), _file: file });
            }
        }
    }

    /// Removes the file and releases the lock: nothing is to be left in the folder.
    pub fn remove(self) {
        // One that stays does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether the name still means this file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let own = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (own.dev(), own.ino())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// An open file keeps its name there.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_a_removed_file_holds_nobody_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.lock");
        let lock = Lock::take(&path).expect("free");
        assert!(matches!(Lock::take(&path), Err(LedgerError::Held { .. })));
        lock.remove();
        assert!(!path.exists());
        drop(Lock::take(&path).expect("free again"));
        assert!(path.exists());
        Lock::take(&path).expect("released");
    }
}
