//! The folder of an evaluation: what was asked, what is done, and the counts so far.
//!
//! | file | what |
//! |---|---|
//! | `run.json` | [`Settings`]: a run goes on only with the same |
//! | `images.jsonl` | a line for each image that is done, in order |
//! | `run.lock` | held while a program works here |
//! | `counts/N.bin` | pixel counts of product N, and how many images of the run they reach up to |
//!
//! Counts are written as a whole and renamed, after the lines of the images that they contain. A run that was killed
//! therefore goes on behind the images of the newest counts; lines that were written after them are cut off.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::EvalError;
use crate::data::ReadOptions;
use crate::files::{read_regular, read_text};
use crate::metrics::{PixelCounts, TypeCounts};
use crate::report::metrics::{DataAbout, ImageRecord};
use crate::report::results::{Adapter, Model, Program};
use crate::report::{Lock, sweep, write_atomic};

/// Value of [`Settings::schema`].
pub const SCHEMA: &str = "dapo-wgpu/evaluation/1";

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

/// Counts of one product.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Good or defective.
    pub pixels: PixelCounts,
    /// Types, for methods that predict them.
    pub types: Option<TypeCounts>,
    /// Defective images without mask, which are not in the counts.
    pub without_mask: u64,
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
        let done = done(folder)?;
        let journal = cut_journal(&folder.join("images.jsonl"), done)?;
        Ok(Self { folder: folder.into(), settings, done, journal, _lock: lock })
    }

    /// Images of the part that are done.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The counts of a product so far.
    ///
    /// # Errors
    /// A damaged file.
    pub fn counts(&self, product: usize) -> Result<Option<Counts>, EvalError> {
        Ok(read_counts(&self.folder, product)?.map(|(_, counts)| counts))
    }

    /// Records an image that is done; it is kept once [`EvalRun::keep`] is called.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn record(&mut self, record: &ImageRecord) -> Result<(), EvalError> {
        let mut line = serde_json::to_vec(record).unwrap_or_default();
        line.push(b'\n');
        self.journal.write_all(&line).map_err(EvalError::io(self.folder.join("images.jsonl")))?;
        self.done += 1;
        Ok(())
    }

    /// Stores what was recorded, with the counts of the current product.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn keep(&mut self, product: usize, counts: &Counts) -> Result<(), EvalError> {
        self.journal.sync_data().map_err(EvalError::io(self.folder.join("images.jsonl")))?;
        write_counts(&self.folder, product, self.done, counts)
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
        SCHEMA => Ok(settings),
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
        fields(&settings)
    };
    let (theirs, ours) = (without_path(theirs), without_path(ours));
    let differs = |(field, value): (&String, &serde_json::Value)| {
        let other = theirs.get(field).cloned().unwrap_or_default();
        (other != *value).then(|| (field.clone(), other.to_string(), value.to_string()))
    };
    ours.iter().find_map(differs)
}

fn counts_file(folder: &Path, product: usize) -> PathBuf {
    folder.join("counts").join(format!("{product}.bin"))
}

/// Writes the counts of a product that reach up to `through` images of the run.
pub(super) fn write_counts(
    folder: &Path,
    product: usize,
    through: usize,
    counts: &Counts,
) -> Result<(), EvalError> {
    let pixels = counts.pixels.to_bytes();
    let types = counts.types.as_ref().map_or_else(Vec::new, TypeCounts::to_bytes);
    let lengths = [through as u64, counts.without_mask, pixels.len() as u64, types.len() as u64];
    let mut bytes: Vec<u8> = lengths.iter().flat_map(|n| n.to_le_bytes()).collect();
    bytes.extend(pixels);
    bytes.extend(types);
    Ok(write_atomic(counts_file(folder, product), &bytes)?)
}

/// Counts of a product, and how many images of the run they reach up to.
pub(super) fn read_counts(folder: &Path, product: usize) -> Result<Option<(usize, Counts)>, EvalError> {
    let path = counts_file(folder, product);
    let bytes = match read_regular(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(EvalError::io(path)(e)),
    };
    let damaged = |problem: String| EvalError::Damaged { path: path.clone(), problem };
    let short = || damaged("it is cut off".into());
    let (head, body) = bytes.split_at_checked(32).ok_or_else(short)?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| head[8 * at + i]));
    let (pixels, types) = body.split_at_checked(number(2) as usize).ok_or_else(short)?;
    if types.len() as u64 != number(3) {
        return Err(short());
    }
    let types = match types.is_empty() {
        true => None,
        false => Some(TypeCounts::from_bytes(types).map_err(|e| damaged(e.to_string()))?),
    };
    let pixels = PixelCounts::from_bytes(pixels).map_err(|e| damaged(e.to_string()))?;
    Ok(Some((number(0) as usize, Counts { pixels, types, without_mask: number(1) })))
}

/// How many images of a run are done: as far as the newest counts reach.
pub(super) fn done(folder: &Path) -> Result<usize, EvalError> {
    let counts = folder.join("counts");
    let mut done = 0;
    for entry in fs::read_dir(&counts).map_err(EvalError::io(&counts))? {
        let name = entry.map_err(EvalError::io(&counts))?.file_name();
        let product = name.to_str().and_then(|n| n.strip_suffix(".bin")).and_then(|n| n.parse().ok());
        if let Some(product) = product {
            done = done.max(read_counts(folder, product)?.map_or(0, |(through, _)| through));
        }
    }
    Ok(done)
}

/// Opens the journal behind its first `lines` lines and cuts off what follows.
fn cut_journal(path: &Path, lines: usize) -> Result<File, EvalError> {
    let mut journal = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(path)
        .map_err(EvalError::io(path))?;
    let mut length = 0u64;
    let mut reader = BufReader::new(&journal);
    let mut line = Vec::new();
    for _ in 0..lines {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(EvalError::io(path))?;
        if line.last() != Some(&b'\n') {
            let problem = format!("it has fewer lines than the {lines} images that the counts contain");
            return Err(EvalError::Damaged { path: path.into(), problem });
        }
        length += read as u64;
    }
    journal.set_len(length).map_err(EvalError::io(path))?;
    std::io::Seek::seek(&mut journal, std::io::SeekFrom::End(0)).map_err(EvalError::io(path))?;
    Ok(journal)
}
