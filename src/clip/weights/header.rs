//! One safetensors file and the check of its header.
//!
//! The `safetensors` crate's own reader is not used: it refuses a whole file for one tensor of a type that it does
//! not know, needed or not, and its errors name neither the tensor nor what is wrong with it.

use super::source::Source;
use super::tensor::{Dtype, TensorView};
use crate::clip::error::ModelError;
use crate::clip::files;
use crate::clip::folder::Folder;
use crate::words::{agree, plural};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Bytes before the JSON header.
const LENGTH_BYTES: usize = 8;
/// Longest header accepted, the limit of the reference implementation.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes that are read at first: the length of the header, and enough to recognise a pointer of Git LFS.
const FIRST_BYTES: u64 = 64;

/// A header entry as read from the file.
#[derive(Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// A checked header entry; `bytes` is a range of the whole file.
#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<u64>,
}

/// One open safetensors file.
#[derive(Debug)]
pub struct Shard {
    source: Source,
    entries: BTreeMap<String, Entry>,
}

impl Shard {
    /// Opens the file `name` and checks its header.
    ///
    /// # Errors
    /// [`ModelError::Read`], [`ModelError::LfsPointer`], [`ModelError::Header`] and [`ModelError::TensorEntry`].
    pub fn open(folder: Folder<'_>, name: &str) -> Result<Self, ModelError> {
        let source = Source::open(folder, name)?;
        let entries = read_header(&source)?;
        Ok(Shard { source, entries })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        self.source.path()
    }

    /// Names of all tensors, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.entries.keys()
    }

    /// The tensor called `name`, of any type.
    pub(super) fn view<'a>(&'a self, name: &'a str) -> Option<TensorView<'a>> {
        let entry = self.entries.get(name)?;
        let (shape, dtype, bytes) = (&entry.shape, &entry.dtype, entry.bytes.clone());
        Some(TensorView { source: &self.source, name, shape, dtype, bytes })
    }
}

/// Reads and checks the header of a safetensors file.
fn read_header(source: &Source) -> Result<BTreeMap<String, Entry>, ModelError> {
    let path = source.path();
    let damaged = |problem: String| ModelError::Header { path: path.to_owned(), problem };
    let file_len = source.len()?;
    let mut start = vec![0; file_len.min(FIRST_BYTES) as usize];
    let shrunk = || damaged("it became shorter while it was read".into());
    source.read(0, &mut start)?.ok_or_else(shrunk)?;
    files::refuse_pointer(path, &start)?;
    let Some(length) = start.first_chunk::<LENGTH_BYTES>() else {
        return Err(damaged(format!("it ends after {}", plural(start.len(), "byte"))));
    };
    let length = u64::from_le_bytes(*length);
    let rest = file_len.saturating_sub(LENGTH_BYTES as u64);
    if length > MAX_HEADER || length > rest {
        return Err(damaged(format!(
            "it announces a header of {} but {} {}",
            plural(length, "byte"),
            plural(rest, "byte"),
            agree(rest, "follows", "follow")
        )));
    }
    let data_start = LENGTH_BYTES as u64 + length;
    let mut header = vec![0; length as usize];
    source.read(LENGTH_BYTES as u64, &mut header)?.ok_or_else(shrunk)?;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|e| damaged(format!("its header is not JSON ({e})")))?;
    let data_len = file_len - data_start;

    let mut entries = BTreeMap::new();
    for (name, value) in header {
        if name == "__metadata__" {
            continue;
        }
        let entry = read_entry(value, data_start, data_len).map_err(|problem| ModelError::TensorEntry {
            path: path.to_owned(),
            tensor: name.clone(),
            problem,
        })?;
        entries.insert(name, entry);
    }

    // The format allows neither gaps nor overlaps. Empty tensors share their start with the next one and must
    // sort before it.
    let mut order: Vec<(&String, &Entry)> = entries.iter().collect();
    order.sort_by_key(|(_, e)| (e.bytes.start, e.bytes.end));
    let mut end = data_start;
    for (name, entry) in order {
        if entry.bytes.start != end {
            let problem =
                if entry.bytes.start < end { "overlaps the one before it" } else { "leaves a gap before it" };
            return Err(ModelError::TensorEntry {
                path: path.to_owned(),
                tensor: name.clone(),
                problem: problem.into(),
            });
        }
        end = entry.bytes.end;
    }
    if end != file_len {
        return Err(damaged(format!(
            "{} after the last tensor in no tensor",
            plural(file_len - end, "byte")
        )));
    }
    Ok(entries)
}

/// Checks one header entry against the length of the data part.
fn read_entry(value: serde_json::Value, data_start: u64, data_len: u64) -> Result<Entry, String> {
    let raw: RawEntry =
        serde_json::from_value(value).map_err(|e| format!("has a malformed header entry ({e})"))?;
    let [start, end] = raw.data_offsets;
    if start > end {
        return Err(format!("ends (byte {end}) before it starts (byte {start})"));
    }
    if end > data_len {
        return Err(format!("reaches to byte {end} of the data but the file holds only {data_len}"));
    }
    let dtype = Dtype::parse(&raw.dtype);
    // A type that the crate does not know may be present; it is refused only when it is read.
    if let Ok(known) = serde_json::from_value::<safetensors::Dtype>(raw.dtype.as_str().into()) {
        let bits = raw.shape.iter().try_fold(known.bitsize() as u64, |product, &n| {
            u64::try_from(n).ok().and_then(|n| product.checked_mul(n))
        });
        if bits.is_none() || bits != (end - start).checked_mul(8) {
            return Err(format!(
                "of shape {:?} and type {} does not fit its {} bytes",
                raw.shape,
                raw.dtype,
                end - start
            ));
        }
    }
    Ok(Entry { dtype, shape: raw.shape, bytes: data_start + start..data_start + end })
}
