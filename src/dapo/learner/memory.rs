//! How much device memory a training step takes, before it is taken.

use super::config::LearnerConfig;
use crate::clip::Clip;

/// Bytes of a training step beside the model's weights, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// What the prompts keep for their way back.
    pub prompts: u64,
    /// What the images of one micro-batch keep.
    pub images: u64,
    /// The most that one block needs while it runs again.
    pub block: u64,
    /// Parameters, moments and gradients.
    pub learner: u64,
}

impl Estimate {
    /// All of it.
    pub fn total(self) -> u64 {
        self.prompts + self.images + self.block + self.learner
    }

    /// For a model, settings, K defects, and images that go through the model together.
    pub fn new(clip: &Clip, config: &LearnerConfig, defects: usize, micro_batch: usize) -> Self {
        let (vision, text) = (clip.vision(), clip.text());
        let tokens = config.layer_tokens;
        let prompts = (defects + 1) * config.prompt_sets;
        let cells = vision.grid() * vision.grid();
        let (length, text_length) = (1 + tokens + cells, text.context_length() + tokens);
        let row = |count: usize, width: usize| (4 * count * width) as u64;
        // A recorded block keeps its input; the layer tokens of the next make a copy of it.
        let kept_text = (text.depth() + 2) as u64 * row(prompts * text_length, text.width());
        let state = row(micro_batch * cells, vision.width());
        let features = row(micro_batch * cells, clip.config().embed_dim);
        let kept_images = (vision.depth() + 2) as u64 * row(micro_batch * length, vision.width())
            + config.feature_layers.len() as u64 * (state + features);
        // Norms, packed projections with their gradient, attention, MLP before and after its activation with
        // gradients: about 6 + 2·3 + 3·4 widths of a token.
        let block = |count: usize, width: usize| 24 * row(count, width);
        let chunk = prompts.min(64) * text_length;
        let widest = block(micro_batch * length, vision.width()).max(block(chunk, text.width()));
        let parameters: usize =
            super::parameters::layout(config, clip).iter().map(|(_, s)| s.iter().product::<usize>()).sum();
        Self { prompts: kept_text, images: kept_images, block: widest, learner: row(parameters, 5) }
    }
}
