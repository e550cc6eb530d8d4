//! A weight file that is open for reading.
//!
//! It is read, not mapped: a mapped file that somebody cuts short ends the whole program with a signal, a read file
//! gives an error. Reading is as fast.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::clip::error::ModelError;
use crate::clip::files;

/// An open file.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    /// Behind a lock because reading moves the position.
    file: Mutex<File>,
}

impl Source {
    /// Opens a regular file.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Ok(Self { path: path.to_owned(), file: Mutex::new(files::open(path)?) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub fn len(&self) -> Result<u64, ModelError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(file.metadata().map_err(|e| ModelError::read(&self.path, e))?.len())
    }

    /// Fills `to` with the bytes from `start` on; `None` when the file ends before.
    pub fn read(&self, start: u64, to: &mut [u8]) -> Result<Option<()>, ModelError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(to)) {
            Ok(()) => Ok(Some(())),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(ModelError::read(&self.path, e)),
        }
    }
}
