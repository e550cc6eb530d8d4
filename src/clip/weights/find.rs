//! Weights under another name than their layout's.

use super::header::Shard;
use crate::clip::config::Layout;
use crate::clip::error::ModelError;
use crate::clip::folder::Folder;
use std::path::{Path, PathBuf};

/// The one file in `folder` that has the tensors of `layout`.
pub(super) fn single(folder: Folder<'_>, layout: Layout) -> Result<Shard, ModelError> {
    let wanted = folder.join(layout.weights_file());
    let files = safetensors_files(folder)?;
    let mut found = Vec::new();
    let mut other = Vec::new();
    for file in &files {
        // A placeholder of Git LFS under one of the usual names is what the user has to know of.
        let shard = match Shard::open(folder, file) {
            Err(error) if layout.other_weights_files().contains(&file.as_str()) => return Err(error),
            Err(_) => continue,
            Ok(shard) => shard,
        };
        match shard.view(layout.mark()).is_some() {
            true => found.push(shard),
            false => other.push(shard),
        }
    }
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|shard| name(shard.path())).collect();
        return Err(ModelError::MissingFile {
            path: wanted,
            fix: format!("{} could each take its place: rename the one that you mean", names.join(" and ")),
        });
    }
    if let Some(shard) = found.pop() {
        return Ok(shard);
    }
    let turned = match layout {
        Layout::HuggingFace => Layout::OpenClip,
        Layout::OpenClip => Layout::HuggingFace,
    };
    if let Some(shard) = other.iter().find(|shard| shard.view(turned.mark()).is_some()) {
        return Err(ModelError::MissingFile {
            path: wanted,
            fix: format!(
                "{} has the tensors of the other layout, which goes with {}: put that file beside it",
                name(shard.path()),
                turned.config_file()
            ),
        });
    }
    let names: Vec<String> = other.iter().map(|shard| name(shard.path())).collect();
    Err(no_weights(folder, wanted, &names))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files that end in `.safetensors`, in order.
fn safetensors_files(folder: Folder<'_>) -> Result<Vec<String>, ModelError> {
    let mut files = folder.names()?;
    files.retain(|name| Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors")));
    Ok(files)
}

/// The error for missing weights, with a fix when the folder has them in Python's pickle format.
fn no_weights(folder: Folder<'_>, wanted: PathBuf, others: &[String]) -> ModelError {
    let pickled = ["pytorch_model.bin", "open_clip_pytorch_model.bin"].iter().find(|f| folder.has(f));
    let fix = match (pickled, others) {
        (Some(file), _) => {
            let file = folder.join(file).display().to_string();
            format!(
                "{file} is a Python pickle; convert it once: dapo-wgpu import '{file}' --out '{}'",
                folder.path().display()
            )
        }
        (None, []) => "download the model's weights in safetensors format into this folder".into(),
        (None, others) => format!(
            "{} has no CLIP with a vision transformer; download the model's weights in safetensors format into this \
             folder",
            others.join(", ")
        ),
    };
    ModelError::MissingFile { path: wanted, fix }
}
