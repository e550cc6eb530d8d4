//! An append-only file of JSON lines. Entries that were written survive a crash.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use crate::files::regular_or_new;

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
    /// Another program holds the lock.
    #[error("{}: another program is writing here; wait until it ends, or choose another output with --out", path.display())]
    Held {
        /// The file that it holds.
        path: PathBuf,
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

/// A lock file. The system releases the lock when the program ends, however it ends; the file itself stays.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`LedgerError::Held`] when another program has the lock, [`LedgerError::Io`] when the file cannot be created.
    pub fn take(path: &Path) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io { path: path.into(), source };
        regular_or_new(path).map_err(io)?;
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Held { path: path.into() }),
            // Some network file systems have no locks; refusing to work there would protect nothing.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => Ok(Self { _file: file }),
            Err(TryLockError::Error(e)) => Err(io(e)),
        }
    }
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    _lock: Lock,
}

impl Ledger {
    /// Opens a ledger, locked by the file `FILE.lock` beside it, and reads its entries. A last line without a line feed
    /// was being written when its program was killed: it is removed.
    pub fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>), LedgerError> {
        let io = |source| LedgerError::Io { path: path.into(), source };
        regular_or_new(path).map_err(io)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let lock = Lock::take(Path::new(&beside))?;
        let mut file =
            OpenOptions::new().create(true).read(true).write(true).truncate(false).open(path).map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let entries = bytes[..whole]
            .split_inclusive(|&b| b == b'\n')
            .enumerate()
            .map(|(at, line)| {
                serde_json::from_slice(line).map_err(|e| LedgerError::Line {
                    path: path.into(),
                    line: at + 1,
                    problem: e.to_string(),
                })
            })
            .collect::<Result<_, _>>()?;
        // Only now: a file that is not a ledger is left unchanged.
        file.set_len(whole as u64).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok((Self { path: path.into(), file, _lock: lock }, entries))
    }

    /// Writes entries, each as a line, and waits until they are on the disk.
    ///
    /// # Errors
    /// [`LedgerError::Io`], such as a full disk.
    pub fn write<T: Serialize>(&mut self, entries: &[T]) -> Result<(), LedgerError> {
        let io = |source| LedgerError::Io { path: self.path.clone(), source };
        let mut text = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut text, entry).map_err(|e| io(e.into()))?;
            text.push(b'\n');
        }
        self.file.write_all(&text).and_then(|()| self.file.sync_data()).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_removed_and_a_wrong_one_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "1\n2\n3").expect("written");
        let (mut ledger, entries) = Ledger::open::<u32>(&path).expect("a ledger");
        assert_eq!(entries, [1, 2]);
        ledger.write(&[4, 5]).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "1\n2\n4\n5\n");
        let held = Ledger::open::<u32>(&path).expect_err("it is open").to_string();
        assert!(held.contains("another program"), "{held}");
        drop(ledger);
        std::fs::write(&path, "1\nx\n3").expect("written");
        let error = Ledger::open::<u32>(&path).expect_err("a wrong line").to_string();
        assert!(error.contains("line 2"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "1\nx\n3", "left as it was");
    }
}
