//! One mapped safetensors file and the check of its header.
//!
//! The `safetensors` crate's own reader is not used: it refuses a whole file for one tensor of a type that it does
//! not know, needed or not, and its errors name neither the tensor nor what is wrong with it.

use super::tensor::{Dtype, TensorView};
use crate::clip::error::ModelError;
use crate::files::open_regular;
use memmap2::Mmap;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes before the JSON header.
const LENGTH_BYTES: usize = 8;
/// Longest header accepted, the limit of the reference implementation.
const MAX_HEADER: u64 = 100_000_000;

/// A header entry as read from the file.
#[derive(Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// A checked header entry; `bytes` is a range of the whole file.
#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

/// One mapped safetensors file.
#[derive(Debug)]
pub struct Shard {
    path: PathBuf,
    map: Mmap,
    entries: BTreeMap<String, Entry>,
}

impl Shard {
    /// Maps `path` and checks its header.
    ///
    /// # Errors
    /// [`ModelError::Read`], [`ModelError::Header`] and [`ModelError::TensorEntry`].
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = open_regular(path).map_err(|e| ModelError::read(path, e))?;
        // SAFETY: a mapping is sound as long as nobody changes the file meanwhile. That cannot be
        // enforced portably; it is the usual contract of mapped model weights, and this program
        // never writes to a weight file in place (downloads are renamed when complete).
        let map = unsafe { Mmap::map(&file) }.map_err(|e| ModelError::read(path, e))?;
        let entries = read_header(path, &map)?;
        Ok(Shard { path: path.to_owned(), map, entries })
    }

    /// Names of all tensors, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.entries.keys()
    }

    /// The tensor called `name`, of any type.
    pub(super) fn view<'a>(&'a self, name: &'a str) -> Option<TensorView<'a>> {
        let entry = self.entries.get(name)?;
        Some(TensorView {
            path: &self.path,
            name,
            shape: &entry.shape,
            dtype: &entry.dtype,
            bytes: &self.map[entry.bytes.clone()],
        })
    }
}

/// Reads and checks the header of a whole safetensors file.
fn read_header(path: &Path, file: &[u8]) -> Result<BTreeMap<String, Entry>, ModelError> {
    let damaged = |problem: String| ModelError::Header { path: path.to_owned(), problem };
    let Some(length) = file.first_chunk::<LENGTH_BYTES>() else {
        return Err(damaged(format!("it ends after {} bytes", file.len())));
    };
    let length = u64::from_le_bytes(*length);
    let rest = file.len() - LENGTH_BYTES;
    if length > MAX_HEADER || length > rest as u64 {
        return Err(damaged(format!("it announces a header of {length} bytes but {rest} bytes follow")));
    }
    let data_start = LENGTH_BYTES + length as usize;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&file[LENGTH_BYTES..data_start])
            .map_err(|e| damaged(format!("its header is not JSON ({e})")))?;
    let data_len = file.len() - data_start;

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
    if end != file.len() {
        return Err(damaged(format!("{} bytes after the last tensor belong to no tensor", file.len() - end)));
    }
    Ok(entries)
}

/// Checks one header entry against the length of the data part.
fn read_entry(value: serde_json::Value, data_start: usize, data_len: usize) -> Result<Entry, String> {
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
        let bits = raw.shape.iter().try_fold(known.bitsize(), |product, &n| product.checked_mul(n));
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
