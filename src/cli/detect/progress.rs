//! What is done of a run of `detect`, kept in its folder until the results are written: `detect.jsonl`.
//!
//! The first line says what the run was made with, each other one holds all that is known of an image. A line is written
//! after the files of its image; a run that was killed goes on behind the lines whose images and files are still the
//! same. Each line is sealed with the one before, so that none can be lost or changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::outputs::{Outputs, files_of_image};
use crate::cli::Failure;
use crate::cli::say::say;
use crate::data::ImageEntry;
use crate::files::{digest, digest_of};
use crate::report::results::ImageResult;
use crate::report::{Contents, Inlined, Ledger, LedgerError, Lock, MadeWith};
use crate::words::{agree, plural};

/// What the first line says.
const SCHEMA: &str = "dapo-wgpu/detection/1";
/// Name of the file, while a run is not complete.
const FILE: &str = "detect.jsonl";
const LOCK: &str = "detect.lock";

/// What a run was made with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Header {
    /// What the results depend on.
    #[serde(flatten)]
    pub made_with: MadeWith,
    /// Whether overlays are written.
    pub overlays: bool,
    /// Whether maps are written.
    pub maps: bool,
    /// The images, by their names in the output.
    pub names: Vec<String>,
}

/// What is known of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Entry {
    /// Its name in the output.
    pub name: String,
    /// What the image's file holds.
    pub content: String,
    /// Inputs of the model: itself, and its tiles.
    pub inputs: usize,
    /// Bits of the samples that were used, of a file with more than 8.
    pub bits: Option<u8>,
    /// Time since the run began, not counting that between a stop and the next start.
    pub milliseconds: u64,
    /// Its result.
    pub result: ImageResult,
    /// The files that were written of it, with what they hold.
    pub files: BTreeMap<String, String>,
    /// Its pictures in the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Inlined>,
    /// Binds this line to the one before.
    pub seal: String,
}

/// An open run.
#[derive(Debug)]
pub struct Progress {
    folder: PathBuf,
    ledger: Ledger,
    seal: String,
}

impl Progress {
    /// Goes on with the run in a folder if it was made with the same, and returns what is done of it. Else all that an
    /// earlier run wrote there is removed.
    ///
    /// # Errors
    /// A folder in which another program works, files that cannot be read, written or removed.
    pub fn open(
        folder: &Path,
        header: &Header,
        images: &[ImageEntry],
        batch: usize,
    ) -> Result<(Self, Vec<Entry>), Failure> {
        let outputs = Outputs::new(folder);
        outputs.check()?;
        let lock = Lock::take(&folder.join(LOCK))?;
        let (mut ledger, contents) = Ledger::open::<Header, Entry>(&folder.join(FILE), lock, SCHEMA)?;
        outputs.sweep();
        let begun = seal_of(&header.made_with, "");
        let Some(mut contents) = contents else {
            outputs.remove_earlier(&BTreeMap::new())?;
            ledger.begin::<_, Entry>(header, &[])?;
            return Ok((Self { folder: folder.into(), ledger, seal: begun }, Vec::new()));
        };
        let before = contents.entries.len();
        if let Some((field, theirs, ours)) = difference(&contents.header, header) {
            say!(
                "note: {}: a run with another {field} ({theirs}, not {ours}) stopped here after {}; its files \
                 are removed, and all images are computed anew",
                folder.display(),
                plural(before, "image")
            );
            outputs.remove_earlier(&files_of(&contents, 0, batch))?;
            ledger.begin::<_, Entry>(header, &[])?;
            return Ok((Self { folder: folder.into(), ledger, seal: begun }, Vec::new()));
        }
        // The model may have moved.
        let seal = seal_of(&contents.header.made_with, "");
        let kept = kept(folder, &contents, images, batch, &seal);
        outputs.remove(&files_of(&contents, kept, batch))?;
        if contents.header.names == header.names {
            ledger.keep(&mut contents, kept)?;
        } else {
            contents.entries.truncate(kept);
            let made_with = contents.header.made_with.clone();
            ledger.begin(&Header { made_with, ..header.clone() }, &contents.entries)?;
        }
        if before > 0 {
            say!("{}", words(kept, before, images.len()));
        }
        let seal = contents.entries.last().map_or(seal, |entry| entry.seal.clone());
        Ok((Self { folder: folder.into(), ledger, seal }, contents.entries))
    }

    /// Keeps what was done.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn write(&mut self, entries: &mut [Entry]) -> Result<(), LedgerError> {
        for entry in entries.iter_mut() {
            self.seal = sealed(entry, &self.seal);
            entry.seal.clone_from(&self.seal);
        }
        self.ledger.write(entries)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends the run: everything stands in its results.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn finish(self) -> Result<(), LedgerError> {
        self.ledger.remove()
    }
}

/// What a user reads when a run goes on.
fn words(kept: usize, before: usize, images: usize) -> String {
    let were = agree(images, "was", "were");
    match before - kept {
        0 => format!("{kept} of {} {were} done before; going on from there", plural(images, "image")),
        again => format!(
            "{before} of {} {were} done before, of which {again} {} done again: an image or a file of its \
             results has changed or is missing, or its batch was not complete",
            plural(images, "image"),
            agree(again, "is", "are")
        ),
    }
}

/// The first setting in which two runs differ.
fn difference(theirs: &Header, ours: &Header) -> Option<(String, String, String)> {
    let own = |header: &Header| [("overlays", header.overlays), ("maps", header.maps)];
    let pairs = own(theirs).into_iter().zip(own(ours));
    let differs =
        pairs.filter(|(a, b)| a.1 != b.1).map(|(a, b)| (a.0.to_owned(), a.1.to_string(), b.1.to_string()));
    MadeWith::difference(&theirs.made_with, &ours.made_with).or_else(|| differs.take(1).next())
}

/// How many of the lines hold still. The last one of them ends a batch: the next batches are those of a run that was
/// not stopped, to the last bit.
fn kept(
    folder: &Path,
    contents: &Contents<Header, Entry>,
    images: &[ImageEntry],
    batch: usize,
    first: &str,
) -> usize {
    let entries = &contents.entries;
    let holds = |(entry, image): (&Entry, &ImageEntry)| {
        entry.name == image.stem
            && entry.result.path() == image.path.display().to_string()
            && entry.content == digest(&image.path)
            && entry.files.iter().all(|(name, content)| *content == digest(folder.join(name)))
    };
    let mut seal = first.to_owned();
    let bound = entries.iter().take_while(|entry| {
        seal = sealed(entry, &seal);
        seal == entry.seal
    });
    let bound = bound.count().min(images.len());
    let changed = entries[..bound].par_iter().zip(images).position_first(|pair| !holds(pair));
    let whole = changed.unwrap_or(bound);
    let mut inputs = 0;
    let mut ends = 0;
    for (at, entry) in entries[..whole].iter().enumerate() {
        inputs += entry.inputs;
        if inputs.is_multiple_of(batch) {
            ends = at + 1;
        }
    }
    // The last batch of all need not be full.
    if whole == images.len() { whole } else { ends }
}

/// The files of the lines from `kept` on, with what they hold, and of the images whose line may not have been written
/// any more.
fn files_of(
    contents: &Contents<Header, Entry>,
    kept: usize,
    batch: usize,
) -> BTreeMap<String, Option<String>> {
    let lines = contents.entries[kept..].iter().flat_map(|entry| &entry.files);
    let mut files: BTreeMap<String, Option<String>> =
        lines.map(|(name, content)| (name.clone(), Some(content.clone()))).collect();
    for name in contents.header.names.iter().skip(contents.entries.len()).take(2 * batch) {
        for file in files_of_image(name, true, true) {
            files.entry(file).or_insert(None);
        }
    }
    files
}

/// The seal of a line behind another.
fn sealed(entry: &Entry, before: &str) -> String {
    seal_of(&Entry { seal: String::new(), ..entry.clone() }, before)
}

fn seal_of<T: Serialize>(value: &T, before: &str) -> String {
    let mut bytes = before.as_bytes().to_vec();
    // What cannot be written as JSON cannot be a line either.
    let _ = serde_json::to_writer(&mut bytes, value);
    digest_of(&bytes)
}
