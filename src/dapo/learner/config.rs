//! Hyper-parameters of a learner.

use serde::{Deserialize, Serialize};

use super::names::Part;
pub use super::options::{
    AdapterStart, ImageScore, LossWeights, Method, PatchFeatures, Pooling, Rates, TextMask, TextStart,
    VisualStart,
};
use crate::clip::Clip;

/// Hyper-parameters of a learner, stored with its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LearnerConfig {
    /// The method whose defaults these settings change.
    pub method: Method,
    /// Whether prompts have learned words; otherwise class vectors come from fixed prompts.
    pub learned_prompts: bool,
    /// Whether all defects are one class.
    pub one_class: bool,
    /// Where patch features come from.
    pub patches: PatchFeatures,
    /// Whether cosines are up-sampled to pixels before the softmax, instead of probabilities after it.
    pub pixel_softmax: bool,
    /// How an image is scored.
    pub image_score: ImageScore,
    /// Weights of the losses.
    pub losses: LossWeights,
    /// How fast each part is learned.
    pub rates: Rates,
    /// The block from which on text layer tokens replace learned words; if not given, they are inserted.
    pub overwrite_from: Option<usize>,
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
    /// The share of a block's output that layer tokens keep (α).
    pub alpha: f32,
    /// Blocks, counted from 1, whose patch tokens are used; the ends of the four quarters of the tower if empty.
    pub feature_layers: Vec<usize>,
    /// Softmax temperature of all cosine similarities (τ).
    pub temperature: f32,
    /// The attention mask of the text tower.
    pub text_mask: TextMask,
    /// The pooled token of a prompt.
    pub pooling: Pooling,
    /// Phrases whose embeddings initialise the learned words, one for each prompt set in turn; random if empty.
    /// Further learned words are initialised from the last word.
    pub start_words: Vec<String>,
    /// Factor on the random initial values of layer tokens.
    pub token_scale: f32,
    /// Initial values of text layer tokens.
    pub text_start: TextStart,
    /// Initial values of visual layer tokens.
    pub visual_start: VisualStart,
    /// Initial values of adapters.
    pub adapter_start: AdapterStart,
    /// The word for "without defect"; may be empty.
    pub normal_word: String,
    /// The word that follows a defect's name; may be empty.
    pub defect_word: String,
    /// The word for what is inspected.
    pub object: String,
}

impl Default for LearnerConfig {
    /// DAPO's.
    fn default() -> Self {
        Self {
            method: Method::Dapo,
            learned_prompts: true,
            one_class: false,
            patches: PatchFeatures::Adapters,
            pixel_softmax: false,
            image_score: ImageScore::Class,
            losses: LossWeights { image: 1.0, focal: 4.0, dice_normal: 4.0, dice_defect: 4.0 },
            rates: Rates::default(),
            overwrite_from: None,
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
            start_words: Vec::new(),
            token_scale: 1.0,
            text_start: TextStart::Random,
            visual_start: VisualStart::Random,
            adapter_start: AdapterStart::Random,
            normal_word: "flawless".into(),
            defect_word: "anomaly".into(),
            object: "object".into(),
        }
    }
}

impl LearnerConfig {
    /// Whether a parameter is learned; otherwise it is frozen.
    pub fn learns(&self, name: &str) -> bool {
        self.rate(name) > 0.0
    }

    /// The factor on the learning rate of the parameter of this name.
    pub fn rate(&self, name: &str) -> f32 {
        match Part::of(name) {
            Part::Words => self.rates.words,
            Part::TextTokens => self.rates.text_tokens,
            Part::VisualTokens => self.rates.visual_tokens,
            Part::Adapters => self.rates.adapters,
        }
    }

    /// Whether initial values depend on the images of the first step; see [`Parameters::init_from_images`](super::Parameters::init_from_images).
    pub fn needs_images_to_start(&self) -> bool {
        self.visual_start == VisualStart::Mean || self.adapter_start == AdapterStart::Projection
    }

    /// The defaults of a method.
    pub fn for_method(method: Method) -> Self {
        let dapo = Self { method, ..Self::default() };
        match method {
            Method::Dapo => dapo,
            Method::AnomalyClip => Self {
                one_class: true,
                patches: PatchFeatures::Values,
                overwrite_from: Some(1),
                prompt_sets: 1,
                context_length: 12,
                visual_depth: Some(0),
                alpha: 0.0,
                text_mask: TextMask::Causal,
                pooling: Pooling::Eot,
                normal_word: String::new(),
                defect_word: String::new(),
                ..dapo
            },
            Method::MultiAds => Self {
                learned_prompts: false,
                pixel_softmax: true,
                image_score: ImageScore::Map,
                // (focal + dice) / 2, and the mean of four layers.
                losses: LossWeights { image: 0.0, focal: 0.125, dice_normal: 0.0, dice_defect: 0.125 },
                text_depth: Some(0),
                visual_depth: Some(0),
                temperature: 0.01,
                ..dapo
            },
        }
    }

    /// With unset fields filled in for a model.
    ///
    /// # Errors
    /// A message that names the field and what it may be.
    pub fn resolved(mut self, clip: &Clip) -> Result<Self, String> {
        let (blocks, text_blocks) = (clip.vision().depth(), clip.text().depth());
        if self.patches == PatchFeatures::Values {
            self.feature_layers = vec![blocks];
        } else if self.feature_layers.is_empty() {
            let mut quarters: Vec<usize> = (1..=4).map(|q| (q * blocks).div_ceil(4)).collect();
            quarters.dedup();
            self.feature_layers = quarters;
        }
        // AnomalyCLIP: eight layers of tokens in twelve blocks.
        let text_depth = self.overwrite_from.map_or(text_blocks, |from| {
            (2 * text_blocks / 3).min(text_blocks - from.min(text_blocks)).max(1)
        });
        self.text_depth = Some(self.text_depth.unwrap_or(text_depth));
        self.visual_depth = Some(self.visual_depth.unwrap_or(blocks));
        let context = clip.text().context_length();
        let layers = &self.feature_layers;
        let checks = [
            (self.prompt_sets >= 1, "prompt_sets", "at least 1".to_owned()),
            (
                (1..=context.saturating_sub(5)).contains(&self.context_length),
                "context_length",
                format!("from 1 to {}", context.saturating_sub(5)),
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
            (
                [self.rates.words, self.rates.text_tokens, self.rates.visual_tokens, self.rates.adapters]
                    .iter()
                    .all(|rate| *rate >= 0.0 && rate.is_finite()),
                "rates",
                "0 or more".into(),
            ),
            (self.temperature > 0.0 && self.temperature.is_finite(), "temperature", "above 0".into()),
            (
                self.overwrite_from.is_none_or(|from| {
                    from.checked_add(self.text_depth()).is_some_and(|end| end <= text_blocks)
                }),
                "overwrite_from",
                format!("such that text_depth blocks are left of {text_blocks}"),
            ),
            (
                self.overwrite_from.is_none_or(|_| self.layer_tokens <= self.context_length),
                "layer_tokens",
                "at most context_length where they take the place of words".into(),
            ),
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

    /// The factor on cosine similarities before the softmax, 1/τ.
    pub(super) fn logit_scale(&self) -> f32 {
        // The float32 quotient 1/0.07 differs from 1/0.07 in the last bit; this is closer.
        (1.0 / f64::from(self.temperature)) as f32
    }
}
