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

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::EvalError;
pub use super::counts::Counts;
use super::counts::{self, Saved};
use super::plan::MAX_SHARDS;
use super::proof::{Proven, prove};
use crate::data::ReadOptions;
use crate::files::{read_regular, read_text};
use crate::report::metrics::{DataAbout, ImageRecord};
use crate::report::results::{Adapter, Model, Program};
use crate::report::{Lock, sweep, write_atomic};

/// Value of [`Settings::schema`].
pub const SCHEMA: &str = "dapo-wgpu/evaluation/2";

/// Everything that the numbers depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What computes.
    pub program: Program,
    /// What is evaluated.
    pub data: DataAbout,
    /// The method's name.
    pub method: String,
    /// The model.
    pub model: Model,
    /// SHA-256 of the learner's file.
    pub learner_sha256: Option<String>,
    /// What the images show, as the prompts call it.
    pub object: String,
    /// All defect classes.
    pub defects: Vec<String>,
    /// The products in order, and the classes of each, normal first.
    pub products: Vec<(String, Vec<String>)>,
    /// Images that go through the model together.
    pub batch: usize,
    /// Edge and overlap of tiles, if images are cut.
    pub tile: Option<(u32, f32)>,
    /// How images are read, where it is not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<ReadOptions>,
    /// Score from which an image is called defective.
    pub threshold: f32,
    /// The device: others differ in the last bits.
    pub adapter: Adapter,
    /// Which part of the images, from 1, and of how many.
    pub shard: (usize, usize),
}

impl Settings {
    /// Images of the part that the run is about.
    pub fn images(&self) -> u128 {
        let (number, of) = (self.shard.0 as u128, self.shard.1 as u128);
        (self.data.images as u128 + of - number) / of
    }

    /// Checks what arithmetic depends on: the file may have been edited.
    fn check(&self) -> Result<(), String> {
        let (number, of) = self.shard;
        if number < 1 || number > of || of > MAX_SHARDS {
            return Err(format!("shard is [{number}, {of}]; expected a part from 1 to the number of parts"));
        }
        let names: BTreeSet<&String> = self.products.iter().map(|(name, _)| name).collect();
        if self.model.image_size == 0 || names.is_empty() || names.len() != self.products.len() {
            return Err("it names no product, or one twice, or images without size".into());
        }
        Ok(())
    }
}

/// An evaluation in its folder.
#[derive(Debug)]
pub struct EvalRun {
    folder: PathBuf,
    /// What was asked.
    pub settings: Settings,
    /// Images of the part that are done.
    done: usize,
    journal: File,
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
        let journal = cut_journal(&folder.join("images.jsonl"), bytes)?;
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
        self.journal.write_all(&line).map_err(EvalError::io(self.folder.join("images.jsonl")))?;
        self.hash.update(&line);
        self.done += 1;
        Ok(())
    }

    /// Stores what was recorded, with the counts of the current product.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn keep(&mut self, product: usize, counts: &Counts) -> Result<(), EvalError> {
        self.journal.sync_data().map_err(EvalError::io(self.folder.join("images.jsonl")))?;
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

/// The settings of the run in a folder.
///
/// # Errors
/// No run, or one of another version.
pub fn read_settings(folder: &Path) -> Result<Settings, EvalError> {
    let path = folder.join("run.json");
    let text = read_regular(&path).map_err(EvalError::io(&path))?;
    let damaged = |problem: String| EvalError::Damaged { path: path.clone(), problem };
    let settings: Settings = serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
    match settings.schema.as_str() {
        SCHEMA => settings.check().map(|()| settings).map_err(damaged),
        other => Err(damaged(format!("its schema is '{other}', this program reads '{SCHEMA}'"))),
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

pub(super) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// The first field in which two settings differ, and both values. The path of the model is not compared, its
/// weights are.
pub(super) fn difference(theirs: &Settings, ours: &Settings) -> Option<(String, String, String)> {
    let fields = |settings: &Settings| match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let without_path = |settings: &Settings| {
        let mut settings = settings.clone();
        settings.model.path.clear();
        // What is not evaluated changes no figure.
        settings.data.left_out.clear();
        settings.data.notes.clear();
        fields(&settings)
    };
    let (theirs, ours) = (without_path(theirs), without_path(ours));
    let differs = |(field, value): (&String, &serde_json::Value)| {
        let other = theirs.get(field).cloned().unwrap_or_default();
        (other != *value).then(|| (field.clone(), other.to_string(), value.to_string()))
    };
    ours.iter().find_map(differs)
}

/// Opens the journal behind its first `bytes` and cuts off what follows.
fn cut_journal(path: &Path, bytes: u64) -> Result<File, EvalError> {
    let io = || EvalError::io(path);
    let mut options = OpenOptions::new();
    let mut journal = options.create(true).read(true).write(true).truncate(false).open(path).map_err(io())?;
    journal.set_len(bytes).map_err(io())?;
    std::io::Seek::seek(&mut journal, std::io::SeekFrom::End(0)).map_err(io())?;
    Ok(journal)
}
