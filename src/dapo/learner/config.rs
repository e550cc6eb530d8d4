//! What is learned, and which of several known behaviours is meant.

use serde::{Deserialize, Serialize};

use crate::clip::Clip;

/// Which tokens of a prompt see each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextMask {
    /// All of them: what DAPO trains with.
    None,
    /// Each sees those before it, as CLIP was trained.
    Causal,
}

/// Which token of a prompt speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// Where the end of text was before the layer tokens were inserted in front of it: what DAPO's
    /// published results were made with.
    Legacy,
    /// The end of text.
    Eot,
}

/// Hyper-parameters of a learner: what a checkpoint needs to be read, beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnerConfig {
    /// Prompts for each state (E); their features are averaged.
    pub prompt_sets: usize,
    /// Learned words in front of each prompt (l).
    pub context_length: usize,
    /// Learned tokens of a layer.
    pub layer_tokens: usize,
    /// Blocks of the text tower that get layer tokens; all if not given.
    pub text_depth: Option<usize>,
    /// Blocks of the vision tower that get layer tokens; all if not given.
    pub visual_depth: Option<usize>,
    /// How much of a layer token survives a block (α).
    pub alpha: f32,
    /// Blocks, counted from 1, after which patch tokens are taken; the four quarters of the tower if empty.
    pub feature_layers: Vec<usize>,
    /// Divides all cosines (τ).
    pub temperature: f32,
    /// Which tokens of a prompt see each other.
    pub text_mask: TextMask,
    /// Which token speaks for a prompt.
    pub pooling: Pooling,
    /// The word for "without defect"; may be empty.
    pub normal_word: String,
    /// The word that follows a defect's name; may be empty.
    pub defect_word: String,
    /// The word for what is inspected.
    pub object: String,
}

impl Default for LearnerConfig {
    fn default() -> Self {
        Self {
            prompt_sets: 10,
            context_length: 5,
            layer_tokens: 4,
            text_depth: None,
            visual_depth: None,
            alpha: 0.01,
            feature_layers: Vec::new(),
            temperature: 0.07,
            text_mask: TextMask::None,
            pooling: Pooling::Legacy,
            normal_word: "flawless".into(),
            defect_word: "anomaly".into(),
            object: "object".into(),
        }
    }
}

impl LearnerConfig {
    /// With what was left open filled in for a model.
    ///
    /// # Errors
    /// A message that names the field and what it may be.
    pub fn resolved(mut self, clip: &Clip) -> Result<Self, String> {
        let (blocks, text_blocks) = (clip.vision().depth(), clip.text().depth());
        if self.feature_layers.is_empty() {
            let mut quarters: Vec<usize> = (1..=4).map(|q| (q * blocks).div_ceil(4)).collect();
            quarters.dedup();
            self.feature_layers = quarters;
        }
        self.text_depth = Some(self.text_depth.unwrap_or(text_blocks));
        self.visual_depth = Some(self.visual_depth.unwrap_or(blocks));
        let context = clip.text().context_length();
        let layers = &self.feature_layers;
        let checks = [
            (self.prompt_sets >= 1, "prompt_sets", "at least 1".to_owned()),
            (
                (1..context - 4).contains(&self.context_length),
                "context_length",
                format!("from 1 to {}", context - 5),
            ),
            (
                self.layer_tokens >= 1,
                "layer_tokens",
                "at least 1; set text_depth and visual_depth to 0 for none".into(),
            ),
            (
                self.text_depth() <= text_blocks,
                "text_depth",
                format!("at most {text_blocks}, the blocks of the text tower"),
            ),
            (
                self.visual_depth() <= blocks,
                "visual_depth",
                format!("at most {blocks}, the blocks of the vision tower"),
            ),
            ((0.0..=1.0).contains(&self.alpha), "alpha", "from 0 to 1".into()),
            (
                layers.windows(2).all(|w| w[0] < w[1]) && layers.iter().all(|l| (1..=blocks).contains(l)),
                "feature_layers",
                format!("increasing, each from 1 to {blocks}"),
            ),
            (self.temperature > 0.0 && self.temperature.is_finite(), "temperature", "above 0".into()),
            (!self.object.trim().is_empty(), "object", "a word".into()),
        ];
        match checks.into_iter().find(|(right, _, _)| !right) {
            Some((_, field, wanted)) => Err(format!("learner.{field}: must be {wanted}")),
            None => Ok(self),
        }
    }

    /// Blocks of the text tower that get layer tokens.
    pub fn text_depth(&self) -> usize {
        self.text_depth.unwrap_or(usize::MAX)
    }

    /// Blocks of the vision tower that get layer tokens.
    pub fn visual_depth(&self) -> usize {
        self.visual_depth.unwrap_or(usize::MAX)
    }

    /// What cosines are multiplied by.
    pub(super) fn scale(&self) -> f32 {
        // The quotient of what float32 holds of 0.07 differs from 1/0.07 in the last bit; this is closer.
        (1.0 / f64::from(self.temperature)) as f32
    }
}
