//! The file format around a pickle: the location of the pickle and of the storages.
//!
//! Since version 1.6, and for TorchScript, this is a zip archive of stored entries: `NAME/data.pkl` and
//! `NAME/data/KEY`. Before, it was five pickles in a row (a magic number, a version, properties of the system, the
//! object, the keys of the storages) and then each storage as its length and its bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor};
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use zip::{CompressionMethod, ZipArchive};

use super::error::{Problem, TorchError};
use super::pickle::Pickle;
use super::value::Value;
use crate::files::open_regular;

/// The first pickle of files without an archive, torch's 0x1950a86a20f9469cfc6c.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// What is wrong with a file that is no longer whole.
pub(super) const CUT: &str = "it became shorter while it was read";

/// Called with the current stage, the bytes done and the bytes in total.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// A mapped PyTorch file.
#[derive(Debug)]
pub struct TorchFile {
    path: PathBuf,
    /// `None` for a map that no file is behind.
    file: Option<File>,
    map: Mmap,
    parts: Parts,
}

/// Ranges of the file.
#[derive(Debug, Default)]
struct Parts {
    program: Range<usize>,
    storages: HashMap<String, Range<usize>>,
    is_script: bool,
}

impl TorchFile {
    /// Maps `path`, locates its parts and verifies the archive's checksums.
    ///
    /// # Errors
    /// A file that cannot be read, is of another kind, or is damaged.
    pub fn open(path: &Path, progress: Progress<'_>) -> Result<Self, TorchError> {
        let read = |source| TorchError::Read { path: path.to_owned(), source };
        let file = open_regular(path).map_err(read)?;
        if !file.metadata().map_err(read)?.is_file() {
            let problem = "it is a folder or a device".into();
            return Err(TorchError::NotTorch { path: path.to_owned(), problem });
        }
        // SAFETY: sound as long as nobody changes the file meanwhile, the usual contract of mapped weights. That it
        // still has its length is checked before each use (`is_whole`): bytes that are gone would end the program.
        let map = unsafe { Mmap::map(&file) }.map_err(read)?;
        Self::find(path, Some(file), map, progress)
    }

    /// Finds the parts of a mapped file.
    pub(super) fn find(
        path: &Path,
        file: Option<File>,
        map: Mmap,
        progress: Progress<'_>,
    ) -> Result<Self, TorchError> {
        let not = |problem: &str| TorchError::NotTorch { path: path.to_owned(), problem: problem.into() };
        let parts = if map.starts_with(b"PK") {
            archive(&map, progress).map_err(|problem| problem.of(path))?
        } else if map.starts_with(&[0x80]) {
            sequence(&map).map_err(|problem| problem.of(path))?
        } else if map.is_empty() {
            return Err(not("it is empty"));
        } else if map.get(8) == Some(&b'{') {
            return Err(not("it looks like safetensors, which --model reads as it is"));
        } else if map.starts_with(b"version https://git-lfs") {
            return Err(not("it is a Git LFS pointer; run `git lfs pull` to fetch the file"));
        } else {
            return Err(not("its first bytes are those of neither"));
        };
        Ok(Self { path: path.to_owned(), file, map, parts })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub fn length(&self) -> usize {
        self.map.len()
    }

    /// Whether `torch.jit.save` wrote it.
    pub fn is_script(&self) -> bool {
        self.parts.is_script
    }

    /// Reads its pickle.
    ///
    /// # Errors
    /// See [`Pickle::read`].
    pub fn pickle(&self) -> Result<Pickle<'_>, TorchError> {
        if !self.is_whole() {
            return Err(Problem::Damaged(CUT.into()).of(&self.path));
        }
        Pickle::read(&self.map[self.parts.program.clone()]).map_err(|problem| problem.of(&self.path))
    }

    /// Whether the file still has the length that it had when it was opened.
    pub(super) fn is_whole(&self) -> bool {
        let length = self.file.as_ref().map(|file| file.metadata().map(|found| found.len()));
        length.is_none_or(|length| length.is_ok_and(|length| length >= self.map.len() as u64))
    }

    /// The bytes of a storage.
    pub(super) fn storage(&self, key: &str) -> Option<&[u8]> {
        self.range(key).map(|range| &self.map[range])
    }

    /// The range of a storage in the file.
    pub(super) fn range(&self, key: &str) -> Option<Range<usize>> {
        self.parts.storages.get(key).cloned()
    }
}

/// The parts of a zip archive.
fn archive(map: &[u8], progress: Progress<'_>) -> Result<Parts, Problem> {
    let damaged = |e: &dyn std::fmt::Display| Problem::Damaged(format!("its archive cannot be read ({e})"));
    let mut zip = ZipArchive::new(Cursor::new(map)).map_err(|e| damaged(&e))?;
    let mut parts = Parts::default();
    let mut wanted = Vec::new();
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index).map_err(|e| damaged(&e))?;
        let name = entry.name().map_err(|e| damaged(&e))?.into_owned();
        let Some((_, inner)) = name.split_once('/') else { continue };
        parts.is_script |= inner == "constants.pkl";
        let key = inner.strip_prefix("data/");
        if key.is_none() && inner != "data.pkl" && inner != "byteorder" {
            continue;
        }
        if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
            return Err(Problem::Unsupported(format!("its entry {name} is packed")));
        }
        let range = entry.data_start().and_then(|start| {
            let start = usize::try_from(start).ok()?;
            let end = start.checked_add(usize::try_from(entry.size()).ok()?)?;
            (end <= map.len() && entry.compressed_size() == entry.size()).then_some(start..end)
        });
        let range = range.ok_or_else(|| damaged(&format!("{name} reaches beyond the file")))?;
        wanted.push((index, name.clone(), range.len()));
        match key {
            Some(key) => drop(parts.storages.insert(key.to_owned(), range)),
            None if inner == "data.pkl" => parts.program = range,
            None if map[range.clone()].trim_ascii() != b"little" => {
                return Err(Problem::Unsupported("its numbers have the highest byte first".into()));
            }
            None => {}
        }
    }
    if parts.program.is_empty() {
        return Err(Problem::Damaged("its archive has no data.pkl".into()));
    }
    // Entries that lie on each other would be read once for each of them.
    let total = wanted.iter().try_fold(0usize, |sum, (_, _, length)| sum.checked_add(*length));
    let total = total.filter(|&total| total <= map.len()).ok_or_else(|| damaged(&"its entries overlap"))?;
    let mut done = 0;
    for (index, name, length) in wanted {
        // Reading to the end compares the checksum.
        let mut entry = zip.by_index(index).map_err(|e| damaged(&e))?;
        io::copy(&mut entry, &mut io::sink()).map_err(|e| damaged(&format!("{name}: {e}")))?;
        done += length;
        progress("checking", done as u64, total as u64);
    }
    Ok(parts)
}

/// The parts of a file in the format before 1.6.
fn sequence(map: &[u8]) -> Result<Parts, Problem> {
    let mut at = 0;
    let mut next = || {
        let start = at;
        let pickle = Pickle::read(&map[start..])?;
        at += pickle.length;
        Ok((pickle, start..at))
    };
    let (magic, _) = next()?;
    if !matches!(magic.get(magic.root()), Value::Bytes(bytes) if *bytes == MAGIC) {
        return Err(Problem::Unsupported("it is a pickle, but not one of torch.save".into()));
    }
    let (_version, _) = next()?;
    let (_system, _) = next()?;
    let (object, program) = next()?;
    let (keys, _) = next()?;
    let Value::List(list) = keys.get(keys.root()) else {
        return Err(Problem::Damaged("its list of storages is missing".into()));
    };
    let sizes = object.element_sizes();
    let mut parts = Parts { program, ..Parts::default() };
    for &key in list {
        let Value::Text(key) = keys.get(key) else {
            return Err(Problem::Damaged("its list of storages holds something else".into()));
        };
        let unused = || Problem::Damaged(format!("its list of storages holds {key:?}, which no tensor uses"));
        let size = *sizes.get(key).ok_or_else(unused)?;
        let short = || Problem::Damaged(format!("it ends within storage {key}"));
        let count = map.get(at..).and_then(<[u8]>::first_chunk).map(|b| u64::from_le_bytes(*b));
        let bytes = count.and_then(|n| usize::try_from(n).ok()).and_then(|n| n.checked_mul(size));
        let start = at + 8;
        let end =
            bytes.and_then(|n| start.checked_add(n)).filter(|&end| end <= map.len()).ok_or_else(short)?;
        parts.storages.insert((*key).to_owned(), start..end);
        at = end;
    }
    Ok(parts)
}
