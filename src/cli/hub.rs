//! Models of the Hugging Face hub by their names: `hub:OWNER/NAME`.

use std::path::PathBuf;

use crate::clip::embedded;
use crate::clip::fetch::is_repository;

/// How a model of the hub is named in `--model`.
pub const PREFIX: &str = "hub:";
/// The file in a folder that says where the model comes from.
pub const SOURCE: &str = "hub.toml";

/// The folder of a model of the hub, in the user's cache folder.
pub fn folder_of(name: &str) -> Option<PathBuf> {
    if !is_repository(name) {
        return None;
    }
    Some(embedded::cache_folder()?.join("dapo-wgpu/hub").join(name.replace('/', "--")))
}

/// The folder that `--model` names: itself, or for `hub:OWNER/NAME` the one that `fetch` has filled.
///
/// # Errors
/// A name that is none, a model that was not fetched.
pub fn model_folder(given: &str) -> Result<PathBuf, String> {
    let Some(name) = given.strip_prefix(PREFIX) else { return Ok(PathBuf::from(given)) };
    let folder =
        folder_of(name).ok_or_else(|| format!("expected {PREFIX}OWNER/NAME of the Hugging Face hub"))?;
    match folder.join(SOURCE).is_file() {
        true => Ok(folder),
        false => Err(format!("it was not fetched yet; run: dapo-wgpu fetch {name}")),
    }
}
