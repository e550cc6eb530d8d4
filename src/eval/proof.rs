//! The lines and the counts of a run prove each other: neither can be lost or changed alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::EvalError;
use super::counts;
use super::settings::Settings;
use crate::files::read_regular;
use crate::report::metrics::ImageRecord;
use crate::words::plural;

/// What is done of a run.
#[derive(Debug, Default)]
pub(super) struct Proven {
    /// The lines of the images that are done, in order.
    pub records: Vec<ImageRecord>,
    /// Bytes of these lines.
    pub bytes: u64,
    /// Their hash so far.
    pub hash: Sha256,
}

/// What the counts of one product say of themselves.
struct Head {
    through: usize,
    journal: [u8; 32],
    images: u64,
    without_mask: u64,
    pixels: u64,
}

/// How many images of a run are done, as far as its counts reach, and how many whole lines there are.
pub(super) fn extent(folder: &Path, settings: &Settings) -> Result<(usize, usize), EvalError> {
    let heads = heads(folder, settings)?;
    let text = journal(folder)?.1;
    Ok((newest(&heads), text.iter().filter(|b| **b == b'\n').count()))
}

/// Checks lines and counts against each other, and returns the lines of the images that are done.
///
/// # Errors
/// [`EvalError::Damaged`] naming the file that was changed, cut off or removed.
pub(super) fn prove(folder: &Path, settings: &Settings) -> Result<Proven, EvalError> {
    let heads = heads(folder, settings)?;
    let done = newest(&heads);
    let (path, text) = journal(folder)?;
    let damaged = |path: &Path, problem: String| EvalError::Damaged { path: path.into(), problem };
    let mut proven = Proven::default();
    for line in text.split_inclusive(|b| *b == b'\n').take(done).filter(|line| line.ends_with(b"\n")) {
        proven.hash.update(line);
        proven.bytes += line.len() as u64;
        let count = proven.records.len() + 1;
        let record: ImageRecord =
            serde_json::from_slice(line).map_err(|e| damaged(&path, format!("line {count}: {e}")))?;
        // The hash is that of the whole up to here.
        for (product, _) in heads.iter().filter(|(_, head)| head.through == count) {
            if heads[product].journal[..] != proven.hash.clone().finalize()[..] {
                let counts = counts::file(folder, *product);
                let problem = format!(
                    "a line among the first {count} is not the one that {} was written with: one of the two was changed",
                    counts.display()
                );
                return Err(damaged(&path, problem));
            }
        }
        proven.records.push(record);
    }
    if proven.records.len() < done {
        let problem =
            format!("it has fewer lines than the {} that the counts contain", plural(done, "image"));
        return Err(damaged(&path, problem));
    }
    if proven.records.len() as u128 > settings.images() {
        let problem = format!("it has {}, and run.json {}", plural(done, "image"), settings.images());
        return Err(damaged(&path, problem));
    }
    let (number, of) = settings.shard;
    for (at, record) in proven.records.iter().enumerate() {
        let expected = number as u128 - 1 + at as u128 * of as u128;
        if record.index as u128 != expected
            || !settings.products.iter().any(|(name, _)| *name == record.product)
        {
            let problem = format!(
                "line {} is image {} of '{}', not image {expected}",
                at + 1,
                record.index,
                record.product
            );
            return Err(damaged(&path, problem));
        }
    }
    for (product, (name, _)) in settings.products.iter().enumerate() {
        let counts = counts::file(folder, product);
        whole(name, heads.get(&product), &proven.records, settings)
            .map_err(|problem| damaged(&counts, problem))?;
    }
    Ok(proven)
}

/// Checks that the counts of a product hold all images that its lines imply.
fn whole(
    name: &str,
    head: Option<&Head>,
    records: &[ImageRecord],
    settings: &Settings,
) -> Result<(), String> {
    let of: Vec<(usize, &ImageRecord)> =
        records.iter().enumerate().filter(|(_, record)| record.product == name).collect();
    let Some((last, _)) = of.last() else { return Ok(()) };
    let lines = of.len();
    let Some(head) = head else {
        return Err(format!("it is missing, though images.jsonl has {} of '{name}'", plural(lines, "image")));
    };
    if head.through <= *last {
        let reached = head.through;
        return Err(format!(
            "it reaches up to line {reached}, and images.jsonl has images of '{name}' up to line {}",
            last + 1
        ));
    }
    let scored = of.iter().filter(|(_, record)| record.score.is_some()).count() as u128;
    let counted = u128::from(head.images) + u128::from(head.without_mask);
    let area = u128::from(settings.model.image_size).pow(2);
    if counted != scored || u128::from(head.pixels) != u128::from(head.images) * area {
        return Err(format!(
            "it contains {} of '{name}' and {}, and images.jsonl {}",
            plural(counted, "image"),
            plural(head.pixels, "pixel"),
            plural(scored, "image")
        ));
    }
    Ok(())
}

fn newest(heads: &BTreeMap<usize, Head>) -> usize {
    heads.values().map(|head| head.through).max().unwrap_or(0)
}

/// What the counts of each product say; the counts themselves are too large to keep all.
fn heads(folder: &Path, settings: &Settings) -> Result<BTreeMap<usize, Head>, EvalError> {
    let mut found = BTreeMap::new();
    for product in 0..settings.products.len() {
        if let Some(counts::Saved { through, journal, counts }) = counts::read(folder, product)? {
            let (images, without_mask, pixels) = (counts.images, counts.without_mask, counts.pixels.pixels());
            found.insert(product, Head { through, journal, images, without_mask, pixels });
        }
    }
    Ok(found)
}

/// The file of lines and its bytes; none of a run that has just begun.
fn journal(folder: &Path) -> Result<(PathBuf, Vec<u8>), EvalError> {
    let path = folder.join("images.jsonl");
    match read_regular(&path) {
        Ok(bytes) => Ok((path, bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok((path, Vec::new())),
        Err(e) => Err(EvalError::io(path)(e)),
    }
}
