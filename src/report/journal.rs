//! The end of an append-only file: bytes are added whole or not at all, whatever happens to the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use crate::files::{faults, regular_or_new};

/// A file that is written at its end only.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Bytes that are there.
    length: u64,
}

impl Journal {
    /// Opens a file, new or not, behind its first `kept` bytes, and cuts off what follows.
    ///
    /// # Errors
    /// A file that cannot be written, or something that is no regular file.
    pub fn open(path: &Path, kept: u64) -> io::Result<Self> {
        regular_or_new(path)?;
        let file = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path)?;
        let mut journal = Self { file, length: kept };
        journal.cut(kept)?;
        Ok(journal)
    }

    /// Cuts off what follows the first `kept` bytes.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn cut(&mut self, kept: u64) -> io::Result<()> {
        self.file.set_len(kept)?;
        self.file.seek(SeekFrom::Start(kept))?;
        self.length = kept;
        Ok(())
    }

    /// Adds bytes. Where the disk is full halfway, what was added is cut off again.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = self.length;
        let written = match faults::before_write() {
            Ok(()) => self.file.write_all(bytes),
            // As a disk that fills up: the first half fits.
            Err(full) => self.file.write_all(&bytes[..bytes.len() / 2]).and(Err(full)),
        };
        if written.is_err() {
            // What remains if this fails, too, has no end and is cut off when the file is opened again.
            let _ = self.cut(length);
            return written;
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Waits until what was added is on the disk.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_is_cut_off_and_bytes_are_added() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "one\ntwo\nhal").expect("written");
        let mut journal = Journal::open(&path, 4).expect("opened");
        journal.append(b"2\n").expect("written");
        journal.sync().expect("on the disk");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "one\n2\n");
        journal.cut(0).expect("cut");
        journal.append(b"3\n").expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "3\n");
    }
}
