//! An append-only file of JSON lines whose first line says what all others were made with. Entries that were written
//! survive a crash.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::atomic::write_atomic;
use super::journal::Journal;
use super::ledger_error::LedgerError;
use super::lock::Lock;
use crate::files::{open_regular, regular_or_new};

/// The first line: its schema, and what the entries were made with.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct First<H> {
    schema: String,
    #[serde(flatten)]
    header: H,
}

/// What a ledger holds.
#[derive(Debug)]
pub struct Contents<H, T> {
    /// What the entries were made with.
    pub header: H,
    /// The entries, in order.
    pub entries: Vec<T>,
    /// Bytes up to the end of the first line and of each entry.
    ends: Vec<u64>,
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    schema: &'static str,
    journal: Journal,
    lock: Lock,
}

impl Ledger {
    /// Opens a ledger and reads it; its contents are `None` for a new or empty file, which is to be begun by
    /// [`Ledger::begin`]. A last line without a line feed was being written when its program was killed: it is removed.
    ///
    /// # Errors
    /// [`LedgerError`]. A file that is no ledger of this schema is left as it is.
    pub fn open<H: DeserializeOwned, T: DeserializeOwned>(
        path: &Path,
        lock: Lock,
        schema: &'static str,
    ) -> Result<(Self, Option<Contents<H, T>>), LedgerError> {
        let io = |source| LedgerError::Io { path: path.into(), source };
        regular_or_new(path).map_err(io)?;
        let mut bytes = Vec::new();
        match open_regular(path).and_then(|mut file| std::io::Read::read_to_end(&mut file, &mut bytes)) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            read => drop(read.map_err(io)?),
        }
        let contents = parse(path, schema, &bytes)?;
        // Only now: a file that is not a ledger is left unchanged.
        let kept = contents.as_ref().and_then(|contents| contents.ends.last().copied()).unwrap_or(0);
        let journal = Journal::open(path, kept).map_err(io)?;
        Ok((Self { path: path.into(), schema, journal, lock }, contents))
    }

    /// Writes the first line, and entries if there are some to keep, in place of all that was there; in one step.
    ///
    /// # Errors
    /// [`LedgerError::Write`], such as a full disk.
    pub fn begin<H: Serialize, T: Serialize>(&mut self, header: &H, kept: &[T]) -> Result<(), LedgerError> {
        let mut text = self.lines(&[First { schema: self.schema.to_owned(), header }])?;
        text.extend(self.lines(kept)?);
        write_atomic(&self.path, &text)?;
        self.journal = Journal::open(&self.path, text.len() as u64).map_err(self.io())?;
        Ok(())
    }

    /// Removes the ledger and its lock: all that it held stands elsewhere.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn remove(self) -> Result<(), LedgerError> {
        let error = self.io();
        drop(self.journal);
        std::fs::remove_file(&self.path).map_err(error)?;
        self.lock.remove();
        Ok(())
    }

    /// Keeps the first `entries` only.
    ///
    /// # Errors
    /// [`LedgerError::Io`].
    pub fn keep<H, T>(&mut self, contents: &mut Contents<H, T>, entries: usize) -> Result<(), LedgerError> {
        contents.entries.truncate(entries);
        contents.ends.truncate(entries + 1);
        self.journal.cut(contents.ends.last().copied().unwrap_or(0)).map_err(self.io())
    }

    /// Writes entries, each as a line, and waits until they are on the disk.
    ///
    /// # Errors
    /// [`LedgerError::Io`], such as a full disk.
    pub fn write<T: Serialize>(&mut self, entries: &[T]) -> Result<(), LedgerError> {
        let text = self.lines(entries)?;
        self.journal.append(&text).and_then(|()| self.journal.sync()).map_err(self.io())
    }

    fn lines<T: Serialize>(&self, lines: &[T]) -> Result<Vec<u8>, LedgerError> {
        let mut text = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut text, line).map_err(|e| self.io()(e.into()))?;
            text.push(b'\n');
        }
        Ok(text)
    }

    fn io(&self) -> impl Fn(std::io::Error) -> LedgerError + use<> {
        let path = self.path.clone();
        move |source| LedgerError::Io { path: path.clone(), source }
    }
}

/// The contents of a file; `None` where nothing is lost by writing it anew.
fn parse<H: DeserializeOwned, T: DeserializeOwned>(
    path: &Path,
    schema: &'static str,
    bytes: &[u8],
) -> Result<Option<Contents<H, T>>, LedgerError> {
    let foreign = || LedgerError::Foreign { path: path.into(), schema };
    let wrong = |line: usize, problem: String| LedgerError::Line { path: path.into(), line, problem };
    let mut lines = bytes.split_inclusive(|&b| b == b'\n');
    let Some(first) = lines.next() else { return Ok(None) };
    let begins = format!("{{\"schema\":\"{schema}\"");
    if !first.ends_with(b"\n") {
        // A first line that was being written is a beginning of what it was to be.
        let common = first.len().min(begins.len());
        return if first[..common] == begins.as_bytes()[..common] { Ok(None) } else { Err(foreign()) };
    }
    if !first.starts_with(begins.as_bytes()) {
        return Err(foreign());
    }
    let First { header, .. } =
        serde_json::from_slice::<First<H>>(first).map_err(|e| wrong(1, e.to_string()))?;
    let (mut entries, mut ends) = (Vec::new(), vec![first.len() as u64]);
    for (at, line) in lines.enumerate() {
        if !line.ends_with(b"\n") {
            // Half an entry, or the zeros of a file system that lost power. Anything else is somebody's text.
            let is_ours = line.starts_with(b"{") || line.iter().all(|&b| b == 0);
            if !is_ours {
                return Err(wrong(at + 2, "it has no end, and is no beginning of an entry".into()));
            }
            break;
        }
        entries.push(serde_json::from_slice(line).map_err(|e| wrong(at + 2, e.to_string()))?);
        ends.push(ends[at] + line.len() as u64);
    }
    Ok(Some(Contents { header, entries, ends }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Header {
        object: String,
    }

    const SCHEMA: &str = "test/1";

    type Opened = (Ledger, Option<Contents<Header, Vec<u32>>>);

    fn open(path: &Path) -> Result<Opened, LedgerError> {
        Ledger::open(path, Lock::take(&path.with_extension("lock"))?, SCHEMA)
    }

    #[test]
    fn half_a_line_is_removed_and_a_wrong_one_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl");
        let text = || std::fs::read_to_string(&path).expect("read");
        let (mut ledger, contents) = open(&path).expect("a new one");
        assert!(contents.is_none());
        ledger.begin::<_, Vec<u32>>(&Header { object: "cup".into() }, &[]).expect("written");
        ledger.write(&[vec![1], vec![2]]).expect("written");
        let whole = "{\"schema\":\"test/1\",\"object\":\"cup\"}\n[1]\n[2]\n";
        assert_eq!(text(), whole);
        let held = open(&path).expect_err("it is open").to_string();
        assert!(held.contains("another program"), "{held}");
        drop(ledger);
        for half in ["", "{\"by", "\0\0"] {
            std::fs::write(&path, format!("{whole}{half}")).expect("written");
            let (_, contents) = open(&path).expect("a ledger");
            let contents = contents.expect("contents");
            assert_eq!((contents.header.object.as_str(), contents.entries), ("cup", vec![vec![1], vec![2]]));
            assert_eq!(text(), whole, "{half:?}");
        }
        let (mut ledger, contents) = open(&path).expect("a ledger");
        ledger.keep(&mut contents.expect("contents"), 1).expect("cut");
        ledger.write(&[vec![3]]).expect("written");
        assert!(text().ends_with("\n[1]\n[3]\n"), "{}", text());
        drop(ledger);
        std::fs::write(&path, format!("{whole}x\n[3")).expect("written");
        let error = open(&path).expect_err("a wrong line").to_string();
        assert!(error.contains("line 4"), "{error}");
        assert_eq!(text(), format!("{whole}x\n[3"), "left as it was");
    }

    #[test]
    fn a_file_that_is_no_ledger_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jsonl");
        for foreign in [
            "notes",
            "notes\n",
            "{\"schema\":\"test/2\"}\n",
            "{\"schema\":\"tesla",
            "\n",
            "{\"object\":\"cup\"}\n",
            "{}",
            "{\"schema\":\"test/1\",\"object\":\"cup\"}\nmy own remark",
        ] {
            std::fs::write(&path, foreign).expect("written");
            open(&path).expect_err(foreign);
            assert_eq!(std::fs::read_to_string(&path).expect("read"), foreign);
        }
        // Beginnings of a first line hold nothing.
        for empty in ["", "{", "{\"schema\":\"te", "{\"schema\":\"test/1\",\"obj"] {
            std::fs::write(&path, empty).expect("written");
            assert!(open(&path).expect("new").1.is_none(), "{empty}");
        }
    }
}
