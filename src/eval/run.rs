//! The folder of an evaluation: what was asked, what is done, and the counts so far.
//!
//! | file | what |
//! |---|---|
//! | `run.json` | [`Settings`]: a run goes on only with the same |
//! | `images.jsonl` | a line for each image that is done, in order |
//! | `run.lock` | held while a program works here |
//! | `counts/N.bin` | pixel counts of product N, how many images of the run they reach up to, and the hash of their lines |
//!
//! Counts are written as a whole and renamed, after the lines of the images that they contain. A run that was killed
//! therefore goes on behind the images of the newest counts; lines that were written after them are cut off.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::EvalError;
pub use super::counts::Counts;
use super::counts::{self, Saved};
use super::proof::{Proven, prove};
pub use super::settings::{SCHEMA, Settings, read_settings};
use super::settings::{difference, to_json};
use crate::files::read_text;
use crate::report::metrics::ImageRecord;
use crate::report::{Journal, Lock, sweep, write_atomic};

/// An evaluation in its folder.
#[derive(Debug)]
pub struct EvalRun {
    folder: PathBuf,
    /// What was asked.
    pub settings: Settings,
    /// Images of the part that are done.
    done: usize,
    journal: Journal,
    /// Of the lines so far.
    hash: Sha256,
    /// The lines when the run was opened.
    before: Vec<ImageRecord>,
    _lock: Lock,
}

impl EvalRun {
    /// Begins a run, or goes on with one with the same settings.
    ///
    /// # Errors
    /// [`EvalError::OtherRun`], a damaged folder, an unwritable one.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, EvalError> {
        fs::create_dir_all(folder.join("counts")).map_err(EvalError::io(folder))?;
        let lock = Lock::take(&folder.join("run.lock"))?;
        let file = folder.join("run.json");
        match file.is_file() {
            true => {
                let theirs = read_settings(folder)?;
                if let Some((field, theirs, ours)) = difference(&theirs, &settings) {
                    return Err(EvalError::OtherRun { folder: folder.into(), field, theirs, ours });
                }
            }
            false => write_atomic(&file, &to_json(&settings))?,
        }
        sweep(folder);
        sweep(&folder.join("counts"));
        let Proven { records, bytes, hash } = prove(folder, &settings)?;
        let images = folder.join("images.jsonl");
        let journal = Journal::open(&images, bytes).map_err(EvalError::io(&images))?;
        let done = records.len();
        Ok(Self { folder: folder.into(), settings, done, journal, hash, before: records, _lock: lock })
    }

    /// Images of the part that are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The lines of the images that were done when the run was opened.
    pub fn before(&self) -> &[ImageRecord] {
        &self.before
    }

    /// The counts of a product so far.
    ///
    /// # Errors
    /// A damaged file.
    pub fn counts(&self, product: usize) -> Result<Option<Counts>, EvalError> {
        Ok(counts::read(&self.folder, product)?.map(|saved| saved.counts))
    }

    /// Records an image that is done; it is kept once [`EvalRun::keep`] is called.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn record(&mut self, record: &ImageRecord) -> Result<(), EvalError> {
        let mut line = serde_json::to_vec(record).unwrap_or_default();
        line.push(b'\n');
        self.journal.append(&line).map_err(EvalError::io(self.folder.join("images.jsonl")))?;
        self.hash.update(&line);
        self.done += 1;
        Ok(())
    }

    /// Stores what was recorded, with the counts of the current product.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn keep(&mut self, product: usize, counts: &Counts) -> Result<(), EvalError> {
        self.journal.sync().map_err(EvalError::io(self.folder.join("images.jsonl")))?;
        let journal = self.hash.clone().finalize().into();
        let saved = Saved { through: self.done, journal, counts: counts.clone() };
        counts::write(&self.folder, product, &saved)
    }

    /// All lines, in order.
    ///
    /// # Errors
    /// A damaged file.
    pub fn records(&self) -> Result<Vec<ImageRecord>, EvalError> {
        records(&self.folder)
    }
}

/// All lines of a run's `images.jsonl`. A last one without an end was being written when its program was killed, and
/// does not count.
///
/// # Errors
/// A damaged file.
pub fn records(folder: &Path) -> Result<Vec<ImageRecord>, EvalError> {
    let path = folder.join("images.jsonl");
    let text = read_text(&path).map_err(EvalError::io(&path))?;
    let parse = |(number, line)| {
        serde_json::from_str(line).map_err(|e| EvalError::Damaged {
            path: path.clone(),
            problem: format!("line {}: {e}", number + 1),
        })
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().enumerate().map(parse).collect()
}
