//! One run from its parts, wherever they were computed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::EvalError;
use super::counts::{self, Counts, Saved};
use super::proof::{extent, prove};
use super::settings::{Settings, difference, read_settings, to_json};
use crate::report::metrics::ImageRecord;
use crate::report::write_atomic;
use crate::words::plural;

/// A part that is complete.
struct Part {
    folder: PathBuf,
    settings: Settings,
    records: Vec<ImageRecord>,
}

/// Joins the parts of a run into the folder `out`, as if one machine had done all of it, and returns
/// the settings of the whole.
///
/// # Errors
/// [`EvalError::Parts`] naming the part that is missing, twice there, unfinished, or of another run.
pub fn merge(parts: &[PathBuf], out: &Path) -> Result<Settings, EvalError> {
    let mut by_number: BTreeMap<usize, Part> = BTreeMap::new();
    let mut whole: Option<Settings> = None;
    for folder in parts {
        let settings = read_settings(folder)?;
        let (number, of) = settings.shard;
        let as_whole = Settings { shard: (1, 1), ..settings.clone() };
        match &whole {
            None => whole = Some(as_whole),
            Some(first) => {
                if let Some((field, theirs, ours)) = difference(first, &as_whole) {
                    return Err(EvalError::Parts(format!(
                        "{}: this part was made with another {field}: {ours}, the parts before it with {theirs}",
                        folder.display()
                    )));
                }
            }
        }
        if let Some(before) = by_number.values().find(|part| part.settings.shard.1 != of) {
            return Err(EvalError::Parts(format!(
                "{}: one part of {of}, but {} is one of {}",
                folder.display(),
                before.folder.display(),
                before.settings.shard.1
            )));
        }
        if let Some(before) = by_number.get(&number) {
            let (first, second) = (before.folder.display(), folder.display());
            return Err(EvalError::Parts(format!("{first} and {second} are both part {number}/{of}")));
        }
        by_number.insert(number, Part { folder: folder.clone(), settings, records: Vec::new() });
    }
    let whole = whole.ok_or_else(|| EvalError::Parts("no part to merge".into()))?;
    let of = by_number.values().next().map_or(0, |part| part.settings.shard.1);
    if let Some(missing) = (1..=of).find(|number| !by_number.contains_key(number)) {
        return Err(EvalError::Parts(format!(
            "part {missing}/{of} is missing: run eval with --shard {missing}/{of}, and name its folder too"
        )));
    }
    for part in by_number.values_mut() {
        part.records = part.complete()?;
    }
    let mut all: Vec<ImageRecord> = by_number.values().flat_map(|part| part.records.clone()).collect();
    all.sort_by_key(|record| record.index);
    fs::create_dir_all(out.join("counts")).map_err(EvalError::io(out))?;
    let lines: Vec<Vec<u8>> = all
        .iter()
        .map(|record| {
            let mut line = serde_json::to_vec(record).unwrap_or_default();
            line.push(b'\n');
            line
        })
        .collect();
    let (mut through, mut hash) = (0, Sha256::new());
    for (product, (name, _)) in whole.products.iter().enumerate() {
        let more = all.iter().filter(|r| r.product == *name).count();
        lines[through..through + more].iter().for_each(|line| hash.update(line));
        through += more;
        let mut sum: Option<Counts> = None;
        for part in by_number.values() {
            let Some(Saved { counts, .. }) = counts::read(&part.folder, product)? else { continue };
            match &mut sum {
                None => sum = Some(counts),
                Some(sum) => sum.add(&counts)?,
            }
        }
        if let Some(counts) = sum {
            let journal = hash.clone().finalize().into();
            counts::write(out, product, &Saved { through, journal, counts })?;
        }
    }
    write_atomic(out.join("images.jsonl"), &lines.concat())?;
    // Last: a folder without it is not a run, and merging can be repeated.
    write_atomic(out.join("run.json"), &to_json(&whole))?;
    Ok(whole)
}

impl Part {
    /// The lines of the part, once it is proven that every image of it is done.
    fn complete(&self) -> Result<Vec<ImageRecord>, EvalError> {
        let (number, of) = self.settings.shard;
        // A part that was killed can have lines of images that are not yet in its counts.
        let (kept, lines) = extent(&self.folder, &self.settings)?;
        let kept = kept.min(lines);
        if kept as u128 == self.settings.images() {
            return Ok(prove(&self.folder, &self.settings)?.records);
        }
        Err(EvalError::Parts(format!(
            "{}: part {number}/{of} has {} of its {}; run the same eval command again to finish it",
            self.folder.display(),
            kept,
            plural(self.settings.images(), "image")
        )))
    }
}
