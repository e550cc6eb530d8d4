//! The configuration of a CLIP model, read from a model folder.
//!
//! Two layouts exist for the same network. Hugging Face *transformers* writes `config.json` with a
//! `vision_config` and a `text_config`; *open_clip* writes `open_clip_config.json` with a
//! `model_cfg`. Both become one [`ClipConfig`]. Fields that ask for something that this crate
//! does not implement are refused rather than ignored: an ignored field gives plausible, wrong results.

mod fields;
mod hf;
mod model;
mod open_clip;

pub use crate::ops::Activation;
pub use model::{
    ClipConfig, DEFAULT_END, Layout, OPENAI_MEAN, OPENAI_STD, TextConfig, TextPooling, TowerConfig,
    VisionConfig,
};

use super::error::ModelError;
use super::folder::Folder;
use serde_json::{Map, Value};
use std::path::Path;

impl ClipConfig {
    /// Reads the configuration in `folder`.
    ///
    /// With both layouts present the Hugging Face one is used if its weights exist and its `config.json` is that of
    /// a CLIP model: some open_clip folders also carry the `config.json` and
    /// `model.safetensors` of a vision tower alone.
    ///
    /// # Errors
    /// A folder without a model, files that are missing, not JSON or of the wrong type, and models
    /// that this crate does not implement.
    pub fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        Self::read(Folder::Disk(folder))
    }

    /// As [`ClipConfig::from_folder`], for files that may be in memory.
    ///
    /// # Errors
    /// As [`ClipConfig::from_folder`].
    pub fn read(folder: Folder<'_>) -> Result<Self, ModelError> {
        let (layout, map) = detect(folder)?;
        let name = folder.name().unwrap_or_else(|| "clip".into());
        Self::parse(&folder.join(layout.config_file()), layout, &map, name)
    }

    /// Reads one configuration file of this layout, whatever its name and what lies beside it.
    ///
    /// # Errors
    /// As [`ClipConfig::from_folder`].
    pub fn from_file(path: &Path, layout: Layout) -> Result<Self, ModelError> {
        Self::parse(path, layout, &fields::read_object(path)?, "clip".into())
    }

    fn parse(
        path: &Path,
        layout: Layout,
        map: &Map<String, Value>,
        name: String,
    ) -> Result<Self, ModelError> {
        match layout {
            Layout::HuggingFace => hf::parse(path, map, name),
            Layout::OpenClip => open_clip::parse(path, map, name),
        }
    }
}

/// Decides the layout and returns the configuration file's content.
fn detect(folder: Folder<'_>) -> Result<(Layout, Map<String, Value>), ModelError> {
    if let Folder::Disk(path) = folder
        && !path.is_dir()
    {
        let problem = if path.exists() { "it is a file" } else { "it does not exist" };
        return Err(ModelError::NotAModel {
            path: path.to_owned(),
            problem: problem.into(),
            fix: "give the folder that holds the configuration and the weights".into(),
        });
    }
    let read = |layout: Layout| {
        let name = layout.config_file();
        let parse = |text: Vec<u8>| fields::parse_object(&folder.join(name), &text);
        if folder.has(name) { folder.text(name).and_then(parse).map(Some) } else { Ok(None) }
    };
    let hf = read(Layout::HuggingFace)?;
    let hf_is_clip = hf.as_ref().is_some_and(hf::is_clip);
    if hf_is_clip && Layout::HuggingFace.has_weights(folder) {
        return Ok((Layout::HuggingFace, hf.unwrap_or_default()));
    }
    if let Some(map) = read(Layout::OpenClip)? {
        // Without either weights this is an open_clip folder with its weights missing.
        if Layout::OpenClip.has_weights(folder) || !hf_is_clip {
            return Ok((Layout::OpenClip, map));
        }
    }
    match hf {
        // `hf::parse` names the model type that is not CLIP.
        Some(map) => Ok((Layout::HuggingFace, map)),
        None => Err(ModelError::NotAModel {
            path: folder.path().to_owned(),
            problem: "it has neither config.json nor open_clip_config.json".into(),
            fix: "put config.json, model.safetensors and tokenizer.json there, or the open_clip_ files \
                  of the same model"
                .into(),
        }),
    }
}

#[cfg(test)]
mod tests;
