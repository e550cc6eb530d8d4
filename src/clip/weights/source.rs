//! A weight file that is open for reading.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clip::error::ModelError;
use crate::clip::folder::{Folder, ReadAt};

/// An open file.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    bytes: Arc<dyn ReadAt>,
}

impl Source {
    /// Opens a regular file of a folder.
    pub fn open(folder: Folder<'_>, name: &str) -> Result<Self, ModelError> {
        Ok(Self { path: folder.join(name), bytes: folder.open(name)? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub fn len(&self) -> Result<u64, ModelError> {
        self.bytes.length().map_err(|e| ModelError::read(&self.path, e))
    }

    /// Fills `to` with the bytes from `start` on; `None` when the file ends before.
    pub fn read(&self, start: u64, to: &mut [u8]) -> Result<Option<()>, ModelError> {
        match self.bytes.read_at(start, to) {
            Ok(()) => Ok(Some(())),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(ModelError::read(&self.path, e)),
        }
    }
}
