//! The choices among known behaviours that a learner's configuration consists of.

use serde::{Deserialize, Serialize};

/// The attention mask of the text tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TextMask {
    /// Every token attends to every other: what DAPO trains with.
    None,
    /// Each attends to itself and those before it, as CLIP was trained.
    Causal,
}

/// The pooled token of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The position of the end of text before the layer tokens were inserted in front of it: DAPO's published
    /// results were made with it.
    Legacy,
    /// The end of text.
    Eot,
}

/// A method of learning to detect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Hybrid prompts, progressive tokens in both towers, adapters (arXiv 2512.09446).
    Dapo,
    /// Learned prompts that name no object and no type, tokens in the text tower, V-V attention for the
    /// patches (Zhou et al. 2024, arXiv 2310.18961).
    AnomalyClip,
    /// Adapters against fixed phrases for each defect (Sadikaj et al. 2025, arXiv 2504.06740).
    MultiAds,
}

impl Method {
    /// The word for it in options and results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dapo => "dapo",
            Self::AnomalyClip => "anomalyclip",
            Self::MultiAds => "multiads",
        }
    }
}

/// Where patch features come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PatchFeatures {
    /// A learned adapter for each feature layer.
    Adapters,
    /// V-V attention in the last blocks, 19 of 24 or the same share, then CLIP's own projection.
    Values,
}

/// How an image is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImageScore {
    /// The class token: normal against the mean of all defects.
    Class,
    /// The class token: one minus the probability of normal among all classes, as DAPO scores images where it
    /// distinguishes types.
    Types,
    /// The mean of the three largest values of the map.
    Map,
    /// As in training-free detection: the mean of `Types` and of the most anomalous patches.
    Plain,
}

/// Initial values of adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AdapterStart {
    /// Random, as torch's linear layers.
    Random,
    /// CLIP's own projection with its layer norm folded in: training starts at training-free detection.
    Projection,
}

/// Initial values of visual layer tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum VisualStart {
    /// Random, as in visual prompt tuning.
    Random,
    /// The mean token at the input of each block, over the images of the first step, which changes the model least.
    Mean,
}

/// Initial values of text layer tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TextStart {
    /// Random, distributed as the rows of the token table.
    Random,
    /// The start token's hidden state at the input of each block, which changes the model least.
    First,
}

/// Weights of the losses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// Cross-entropy of good against defective.
    pub image: f32,
    /// Focal loss of the pixels, at each feature layer.
    pub focal: f32,
    /// Dice loss of the normal channel, at each feature layer.
    pub dice_normal: f32,
    /// Dice loss of all defect channels, at each feature layer.
    pub dice_defect: f32,
}

/// Factors on the learning rate, one for each component of a learner. A component at 0 is frozen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Learned words of the prompts.
    pub words: f32,
    /// Layer tokens of the text tower.
    pub text_tokens: f32,
    /// Layer tokens of the vision tower.
    pub visual_tokens: f32,
    /// Adapters.
    pub adapters: f32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { words: 1.0, text_tokens: 1.0, visual_tokens: 1.0, adapters: 1.0 }
    }
}
