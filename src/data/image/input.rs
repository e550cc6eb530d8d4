//! The bytes of an image file: on a disk, or in memory.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Where an image is read from.
#[derive(Debug)]
pub(super) enum Input {
    /// An open file.
    File(File),
    /// All of it.
    Memory(Cursor<Arc<[u8]>>),
}

impl Input {
    /// How many bytes there are.
    pub fn length(&self) -> io::Result<u64> {
        match self {
            Input::File(file) => Ok(file.metadata()?.len()),
            Input::Memory(bytes) => Ok(bytes.get_ref().len() as u64),
        }
    }

    /// The same bytes, to be read a second time.
    pub fn try_clone(&self) -> io::Result<Self> {
        match self {
            Input::File(file) => Ok(Input::File(file.try_clone()?)),
            Input::Memory(bytes) => Ok(Input::Memory(bytes.clone())),
        }
    }
}

impl Read for Input {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Input::File(file) => file.read(to),
            Input::Memory(bytes) => bytes.read(to),
        }
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Input::File(file) => file.seek(to),
            Input::Memory(bytes) => bytes.seek(to),
        }
    }
}
