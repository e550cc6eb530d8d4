//! The sizes and settings of a model.

use crate::clip::folder::Folder;
use crate::ops::Activation;

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

/// The pooled token: the one whose final hidden state represents the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPooling {
    /// The position of the largest id (the end-of-text token has the largest id in CLIP's vocabulary).
    ArgmaxId,
    /// The first position holding this id.
    FirstEos(u32),
}

/// The id of the end token where a configuration names none: that of OpenAI's vocabulary.
pub const DEFAULT_END: u32 = 49_407;

/// The text side.
#[derive(Debug, Clone, PartialEq)]
pub struct TextConfig {
    /// The transformer.
    pub tower: TowerConfig,
    /// Rows of the token table.
    pub vocab_size: usize,
    /// Tokens per text, start and end tokens included.
    pub context_length: usize,
    /// Which position is pooled.
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

    /// Names that programs give to a single weight file in place of [`Layout::weights_file`].
    pub fn other_weights_files(self) -> &'static [&'static str] {
        match self {
            Layout::HuggingFace => {
                &["pytorch_model.safetensors", "model.fp16.safetensors", "pytorch_model.fp16.safetensors"]
            }
            Layout::OpenClip => &["open_clip_pytorch_model.safetensors"],
        }
    }

    /// A tensor that every model of this layout has, and none of the other.
    pub fn mark(self) -> &'static str {
        match self {
            Layout::HuggingFace => "vision_model.embeddings.patch_embedding.weight",
            Layout::OpenClip => "visual.conv1.weight",
        }
    }

    /// Where the names of each tower's tensors begin: the vision tower's, and those of the text tower.
    pub fn towers(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Layout::HuggingFace => ("vision_model.", &["text_model."]),
            Layout::OpenClip => ("visual.", &["transformer.", "token_embedding."]),
        }
    }

    pub(super) fn has_weights(self, folder: Folder<'_>) -> bool {
        let usual = [self.weights_file(), self.index_file()];
        usual.iter().chain(self.other_weights_files()).any(|name| folder.has(name))
    }
}

/// A whole CLIP model.
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
