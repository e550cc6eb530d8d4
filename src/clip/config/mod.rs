//! What a CLIP model looks like, read from a model folder.
//!
//! Two layouts exist for the same network. Hugging Face *transformers* writes `config.json` with a
//! `vision_config` and a `text_config`; *open_clip* writes `open_clip_config.json` with a
//! `model_cfg`. Both become one [`ClipConfig`]. Fields that would change the network into something
//! this crate does not implement are refused here rather than ignored: an ignored field gives
//! plausible, wrong results.

mod fields;
mod hf;
mod open_clip;

use super::error::ModelError;
use serde_json::{Map, Value};
use std::path::Path;

pub use crate::ops::Activation;

/// Channel means that OpenAI's CLIP subtracts from RGB in 0..1.
pub const OPENAI_MEAN: [f32; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
/// Channel standard deviations that OpenAI's CLIP divides by.
pub const OPENAI_STD: [f32; 3] = [0.268_629_54, 0.261_302_6, 0.275_777_1];

/// One transformer: the vision or the text tower.
#[derive(Debug, Clone, PartialEq)]
pub struct TowerConfig {
    /// Channels of the residual stream.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Hidden channels of each MLP.
    pub mlp_width: usize,
    /// Added to the variance in every layer norm.
    pub layer_norm_eps: f32,
    /// The non-linearity of each MLP.
    pub activation: Activation,
}

/// The image side. Images are square with three channels.
#[derive(Debug, Clone, PartialEq)]
pub struct VisionConfig {
    /// The transformer.
    pub tower: TowerConfig,
    /// Native side of the input in pixels; a multiple of `patch_size`.
    pub image_size: usize,
    /// Side of one patch in pixels.
    pub patch_size: usize,
}

impl VisionConfig {
    /// Patches along one side at the native image size.
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }
}

/// The token whose final feature stands for the whole text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPooling {
    /// The position of the largest id (the end-of-text token has the largest id in CLIP's vocabulary).
    ArgmaxId,
    /// The first position holding this id.
    FirstEos(u32),
}

/// The text side.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// The transformer.
    pub tower: TowerConfig,
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Tokens per text, start and end tokens included.
    pub context_length: usize,
    /// Which position is read out.
    pub pooling: TextPooling,
}

/// The two file layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `config.json` and `model.safetensors`, as transformers writes them.
    HuggingFace,
    /// `open_clip_config.json` and `open_clip_model.safetensors`.
    OpenClip,
}

impl Layout {
    /// Name of the configuration file.
    pub fn config_file(self) -> &'static str {
        match self {
            Layout::HuggingFace => "config.json",
            Layout::OpenClip => "open_clip_config.json",
        }
    }

    /// Name of the weight file when there is only one.
    pub fn weights_file(self) -> &'static str {
        match self {
            Layout::HuggingFace => "model.safetensors",
            Layout::OpenClip => "open_clip_model.safetensors",
        }
    }

    /// Name of the index that lists the shards of weights in several files.
    pub fn index_file(self) -> &'static str {
        match self {
            Layout::HuggingFace => "model.safetensors.index.json",
            Layout::OpenClip => "open_clip_model.safetensors.index.json",
        }
    }

    fn has_weights(self, folder: &Path) -> bool {
        folder.join(self.weights_file()).is_file() || folder.join(self.index_file()).is_file()
    }
}

/// A whole CLIP model, whichever layout it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipConfig {
    /// The folder's name, for messages and reports.
    pub name: String,
    /// The layout it was read from.
    pub layout: Layout,
    /// The image side.
    pub vision: VisionConfig,
    /// The text side.
    pub text: TextConfig,
    /// Length of the shared embedding.
    pub embed_dim: usize,
    /// Channel means subtracted from RGB in 0..1.
    pub mean: [f32; 3],
    /// Channel standard deviations divided by.
    pub std: [f32; 3],
}

impl ClipConfig {
    /// Reads the configuration in `folder`.
    ///
    /// With both layouts present the Hugging Face one is taken if its weights are there and its
    /// `config.json` is a CLIP one: some open_clip folders also carry the `config.json` and
    /// `model.safetensors` of a vision tower alone.
    ///
    /// # Errors
    /// A folder without a model, files that are missing, not JSON or of the wrong type, and models
    /// that this crate does not implement.
    pub fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        let (layout, map) = detect(folder)?;
        let path = folder.join(layout.config_file());
        let name = folder
            .canonicalize()
            .ok()
            .and_then(|full| full.file_name().map(|n| n.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "clip".into());
        match layout {
            Layout::HuggingFace => hf::parse(&path, &map, name),
            Layout::OpenClip => open_clip::parse(&path, &map, name),
        }
    }
}

/// Decides the layout and returns the configuration file's content.
fn detect(folder: &Path) -> Result<(Layout, Map<String, Value>), ModelError> {
    if !folder.is_dir() {
        let problem = if folder.exists() { "it is a file" } else { "it does not exist" };
        return Err(ModelError::NotAModel {
            path: folder.to_owned(),
            problem: problem.into(),
            fix: "give the folder that holds the configuration and the weights".into(),
        });
    }
    let read = |layout: Layout| {
        let path = folder.join(layout.config_file());
        if path.is_file() { fields::read_object(&path).map(Some) } else { Ok(None) }
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
            path: folder.to_owned(),
            problem: "it has neither config.json nor open_clip_config.json".into(),
            fix: "put config.json, model.safetensors and tokenizer.json there, or the open_clip_ files \
                  of the same model"
                .into(),
        }),
    }
}

#[cfg(test)]
mod tests;
