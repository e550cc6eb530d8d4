//! One run from its parts, wherever they were computed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::EvalError;
use super::run::{
    Counts, Settings, difference, done, read_counts, read_settings, records, to_json, write_counts,
};
use crate::report::metrics::ImageRecord;
use crate::report::write_atomic;

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
        let records = records(folder)?;
        by_number.insert(number, Part { folder: folder.clone(), settings, records });
    }
    let whole = whole.ok_or_else(|| EvalError::Parts("no part to merge".into()))?;
    let of = by_number.values().next().map_or(0, |part| part.settings.shard.1);
    if let Some(missing) = (1..=of).find(|number| !by_number.contains_key(number)) {
        return Err(EvalError::Parts(format!(
            "part {missing}/{of} is missing: run eval with --shard {missing}/{of}, and name its folder too"
        )));
    }
    for part in by_number.values() {
        part.complete()?;
    }
    let mut all: Vec<ImageRecord> = by_number.values().flat_map(|part| part.records.clone()).collect();
    all.sort_by_key(|record| record.index);
    fs::create_dir_all(out.join("counts")).map_err(EvalError::io(out))?;
    let mut through = 0;
    for (product, (name, _)) in whole.products.iter().enumerate() {
        through += all.iter().filter(|r| r.product == *name).count();
        let mut sum: Option<Counts> = None;
        for part in by_number.values() {
            let Some((_, counts)) = read_counts(&part.folder, product)? else { continue };
            match &mut sum {
                None => sum = Some(counts),
                Some(sum) => sum.add(&counts)?,
            }
        }
        if let Some(sum) = sum {
            write_counts(out, product, through, &sum)?;
        }
    }
    let lines: Vec<u8> = all
        .iter()
        .flat_map(|record| {
            let mut line = serde_json::to_vec(record).unwrap_or_default();
            line.push(b'\n');
            line
        })
        .collect();
    write_atomic(out.join("images.jsonl"), &lines)?;
    // Last: a folder without it is not a run, and merging can be repeated.
    write_atomic(out.join("run.json"), &to_json(&whole))?;
    Ok(whole)
}

impl Part {
    /// Checks that every image of the part is done.
    fn complete(&self) -> Result<(), EvalError> {
        let (number, of) = self.settings.shard;
        let images = self.settings.data.images;
        let expected = (0..images).filter(|i| i % of == number - 1);
        // A part that was killed can have lines of images that are not yet in its counts.
        let kept = done(&self.folder)?;
        if kept == self.records.len() && self.records.iter().map(|r| r.index).eq(expected.clone()) {
            return Ok(());
        }
        Err(EvalError::Parts(format!(
            "{}: part {number}/{of} has {} of its {} images; run the same eval command again to finish it",
            self.folder.display(),
            kept,
            expected.count()
        )))
    }
}

impl Counts {
    /// Adds the counts of other images of the same product.
    fn add(&mut self, other: &Self) -> Result<(), EvalError> {
        let unlike = |e: crate::metrics::Undefined| EvalError::Parts(e.to_string());
        self.pixels.merge(&other.pixels).map_err(unlike)?;
        match (&mut self.types, &other.types) {
            (Some(mine), Some(theirs)) => mine.merge(theirs).map_err(unlike)?,
            (None, None) => {}
            _ => return Err(EvalError::Parts("some parts have types, others do not".into())),
        }
        self.without_mask += other.without_mask;
        Ok(())
    }
}
