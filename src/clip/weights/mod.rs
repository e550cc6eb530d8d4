//! Safetensors files, with errors that name the tensor at fault.
//!
//! The format is eight bytes of header length (little-endian), a JSON header that gives every
//! tensor's type, shape and byte range, then the bytes (<https://huggingface.co/docs/safetensors>).
//! The header is validated completely when the file is opened; only the tensors that are used are read, and each
//! value of them is checked while it is read.

mod find;
mod header;
mod source;
mod table;
mod tensor;

pub use header::Shard;
pub use table::HostTable;
pub use tensor::{Allowed, Dtype, TensorView, index_of};

use super::config::Layout;
use super::error::ModelError;
use super::folder::Folder;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// All weights of a model: one file, or several with an index.
#[derive(Debug)]
pub struct Checkpoint {
    /// The weight file, or the index.
    path: PathBuf,
    shards: Vec<Arc<Shard>>,
    /// Which shard holds each tensor.
    owner: BTreeMap<String, usize>,
    /// The tensors that were asked for.
    used: Mutex<BTreeSet<String>>,
}

/// The part of a shard index that is used.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens the weights in `folder`, under the file names of `layout`. A single file takes precedence over shards. With
    /// neither, a single file of another name is taken if its tensors are those of the layout.
    ///
    /// # Errors
    /// Missing, unreadable or damaged files; several files to choose from; an index that does not match its shards.
    pub fn open(folder: &Path, layout: Layout) -> Result<Self, ModelError> {
        Self::read(Folder::Disk(folder), layout)
    }

    /// As [`Checkpoint::open`], for files that may be in memory.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn read(folder: Folder<'_>, layout: Layout) -> Result<Self, ModelError> {
        if folder.has(layout.weights_file()) {
            return Ok(Self::of(Shard::open(folder, layout.weights_file())?));
        }
        match folder.has(layout.index_file()) {
            true => Self::open_sharded(folder, layout.index_file()),
            false => Ok(Self::of(find::single(folder, layout)?)),
        }
    }

    /// The weights of one file.
    fn of(shard: Shard) -> Self {
        let owner = shard.names().map(|name| (name.clone(), 0)).collect();
        let path = shard.path().to_owned();
        Checkpoint { path, shards: vec![Arc::new(shard)], owner, used: Mutex::default() }
    }

    fn open_sharded(folder: Folder<'_>, index: &str) -> Result<Self, ModelError> {
        let (path, bytes) = (folder.join(index), folder.text(index)?);
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|source| ModelError::NotJson { path: path.clone(), source })?;
        let bad =
            |problem: String| ModelError::Field { path: path.clone(), field: "weight_map".into(), problem };
        let files: Vec<&String> = index.weight_map.values().collect::<BTreeSet<_>>().into_iter().collect();
        let mut shards = Vec::with_capacity(files.len());
        for file in &files {
            // A name with a folder in it could point anywhere on the disk.
            if Path::new(file).file_name() != Some(file.as_ref()) {
                return Err(bad(format!("names {file:?}, which is not a plain file name")));
            }
            if !folder.has(file) {
                let fix = format!("download it too: {} lists it", path.display());
                return Err(ModelError::MissingFile { path: folder.join(file), fix });
            }
            shards.push(Arc::new(Shard::open(folder, file)?));
        }
        let mut owner = BTreeMap::new();
        for (name, file) in &index.weight_map {
            let place = files.binary_search(&file).unwrap_or_default(); // `files` is sorted and complete
            if shards[place].view(name).is_none() {
                return Err(bad(format!("places `{name}` in {file}, which does not have it")));
            }
            owner.insert(name.clone(), place);
        }
        Ok(Checkpoint { path, shards, owner, used: Mutex::default() })
    }

    /// The weight file, or the index of several.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.owner.keys().map(String::as_str)
    }

    /// Whether there is a tensor called `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.owner.contains_key(name)
    }

    /// Names of the tensors that nobody has asked for, in order.
    pub fn unused(&self) -> Vec<&str> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.names().filter(|name| !used.contains(*name)).collect()
    }

    /// The tensor called `name`, of any shape.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Dtype`].
    pub fn any_shape<'a>(&'a self, name: &'a str) -> Result<TensorView<'a>, ModelError> {
        let view = self.owner.get(name).and_then(|&i| self.shards[i].view(name)).ok_or_else(|| {
            ModelError::MissingTensor { path: self.path.clone(), tensor: name.into(), near: self.near(name) }
        })?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        match view.dtype {
            Dtype::Other(dtype) => Err(ModelError::Dtype {
                path: view.path().to_owned(),
                tensor: name.into(),
                dtype: dtype.clone(),
            }),
            _ => Ok(view),
        }
    }

    /// The tensor called `name`, which must have the shape `expected`.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Dtype`], [`ModelError::Shape`].
    pub fn tensor<'a>(&'a self, name: &'a str, expected: &[usize]) -> Result<TensorView<'a>, ModelError> {
        let view = self.any_shape(name)?;
        if view.shape == expected {
            return Ok(view);
        }
        Err(ModelError::Shape {
            path: view.path().to_owned(),
            tensor: name.into(),
            found: view.shape.to_vec(),
            expected: expected.to_vec(),
        })
    }

    /// A `[rows, width]` table that stays in the file and is read row by row. All of it is checked now: otherwise a
    /// damaged row would show only with the text that uses it.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`] and [`TensorView::check`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<HostTable, ModelError> {
        self.tensor(name, &[rows, width])?.check()?;
        let shard = self.shards[self.owner[name]].clone();
        Ok(HostTable::new(shard, name, rows, width))
    }

    /// The names most like `name`, as a clause for a message.
    fn near(&self, name: &str) -> String {
        let mut ranked: Vec<(usize, &str)> =
            self.names().map(|other| (distance(name, other), other)).collect();
        ranked.sort_unstable();
        let names: Vec<String> = ranked.iter().take(3).map(|(_, other)| format!("`{other}`")).collect();
        if names.is_empty() {
            " (the file has no tensors)".into()
        } else {
            format!(" (nearest: {})", names.join(", "))
        }
    }
}

/// Levenshtein distance in bytes; tensor names are ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
