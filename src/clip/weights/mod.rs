//! Memory-mapped safetensors files with errors that name the tensor at fault.
//!
//! The format is eight bytes of header length (little-endian), a JSON header that gives every
//! tensor's type, shape and byte range, then the bytes (<https://huggingface.co/docs/safetensors>).
//! The header is validated completely when the file is opened, so that no later access is out of bounds; only
//! the tensors that are used are read.

mod header;
mod table;
mod tensor;

pub use header::Shard;
pub use table::HostTable;
pub use tensor::{Dtype, TensorView};

use super::config::Layout;
use super::error::ModelError;
use crate::files::read_regular;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All weights of a model: one file, or several with an index.
#[derive(Debug)]
pub struct Checkpoint {
    /// The weight file, or the index.
    path: PathBuf,
    shards: Vec<Arc<Shard>>,
    /// Which shard holds each tensor.
    owner: BTreeMap<String, usize>,
}

/// The part of a shard index that is used.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Maps the weights in `folder`, under the file names of `layout`. A single file takes precedence over shards.
    ///
    /// # Errors
    /// Missing, unreadable or damaged files; an index that does not match its shards.
    pub fn open(folder: &Path, layout: Layout) -> Result<Self, ModelError> {
        let single = folder.join(layout.weights_file());
        if single.is_file() {
            let shard = Shard::open(&single)?;
            let owner = shard.names().map(|name| (name.clone(), 0)).collect();
            return Ok(Checkpoint { path: single, shards: vec![Arc::new(shard)], owner });
        }
        let index = folder.join(layout.index_file());
        if index.is_file() { Self::open_sharded(folder, index) } else { Err(no_weights(folder, single)) }
    }

    fn open_sharded(folder: &Path, path: PathBuf) -> Result<Self, ModelError> {
        let bytes = read_regular(&path).map_err(|e| ModelError::read(&path, e))?;
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
            let shard = folder.join(file);
            if !shard.is_file() {
                let fix = format!("download it too: {} lists it", path.display());
                return Err(ModelError::MissingFile { path: shard, fix });
            }
            shards.push(Arc::new(Shard::open(&shard)?));
        }
        let mut owner = BTreeMap::new();
        for (name, file) in &index.weight_map {
            let place = files.binary_search(&file).unwrap_or_default(); // `files` is sorted and complete
            if shards[place].view(name).is_none() {
                return Err(bad(format!("places `{name}` in {file}, which does not have it")));
            }
            owner.insert(name.clone(), place);
        }
        Ok(Checkpoint { path, shards, owner })
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

    /// The tensor called `name`, of any shape.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`], [`ModelError::Dtype`].
    pub fn any_shape<'a>(&'a self, name: &'a str) -> Result<TensorView<'a>, ModelError> {
        let view = self.owner.get(name).and_then(|&i| self.shards[i].view(name)).ok_or_else(|| {
            ModelError::MissingTensor { path: self.path.clone(), tensor: name.into(), near: self.near(name) }
        })?;
        match view.dtype {
            Dtype::Other(dtype) => Err(ModelError::Dtype {
                path: view.path.to_owned(),
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
            path: view.path.to_owned(),
            tensor: name.into(),
            found: view.shape.to_vec(),
            expected: expected.to_vec(),
        })
    }

    /// A `[rows, width]` table that stays in the file and is read row by row.
    ///
    /// # Errors
    /// As [`Checkpoint::tensor`].
    pub fn table(&self, name: &str, rows: usize, width: usize) -> Result<HostTable, ModelError> {
        self.tensor(name, &[rows, width])?;
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

/// The error for missing weights, with a fix when the folder has them in Python's pickle format.
fn no_weights(folder: &Path, wanted: PathBuf) -> ModelError {
    let pickled =
        ["pytorch_model.bin", "open_clip_pytorch_model.bin"].iter().find(|f| folder.join(f).is_file());
    let fix = match pickled {
        Some(file) => {
            let file = folder.join(file).display().to_string();
            format!(
                "{file} is a Python pickle; convert it once: dapo-wgpu import '{file}' --out '{}'",
                folder.display()
            )
        }
        None => "download the model's weights in safetensors format into this folder".into(),
    };
    ModelError::MissingFile { path: wanted, fix }
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
