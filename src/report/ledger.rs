//! A file of JSON lines that grows: what was written to it stays, also after a crash.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

/// Why a ledger could not be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A line that is not what should stand there.
    #[error("{}, line {line}: {problem}; choose another file with --out, or mend the line", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
}

impl Ledger {
    /// Opens a ledger and reads what stands in it. A last line without an end was being written when its program was
    /// killed: it is cut off.
    ///
    /// # Errors
    /// [`LedgerError`]
    pub fn open<T: DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>), LedgerError> {
        let io = |source| LedgerError::Io { path: path.into(), source };
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
        // Only now: a file that is no ledger is left as it was.
        file.set_len(whole as u64).map_err(io)?;
        file.seek(SeekFrom::End(0)).map_err(io)?;
        Ok((Self { path: path.into(), file }, entries))
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
    fn half_a_line_is_cut_off_and_a_wrong_one_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "1\n2\n3").expect("written");
        let (mut ledger, entries) = Ledger::open::<u32>(&path).expect("a ledger");
        assert_eq!(entries, [1, 2]);
        ledger.write(&[4, 5]).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "1\n2\n4\n5\n");
        std::fs::write(&path, "1\nx\n3").expect("written");
        let error = Ledger::open::<u32>(&path).expect_err("a wrong line").to_string();
        assert!(error.contains("line 2"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "1\nx\n3", "left as it was");
    }
}
