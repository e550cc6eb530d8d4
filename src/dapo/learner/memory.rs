//! An estimate of the device memory of a training step.

use super::config::LearnerConfig;
use crate::clip::Clip;

/// Bytes of a training step besides the model's weights, by purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Kept of the prompts for the backward pass.
    pub prompts: u64,
    /// Kept of one micro-batch of images for the backward pass.
    pub images: u64,
    /// The most that one block needs while it is recomputed.
    pub block: u64,
    /// Parameters, moments and gradients.
    pub learner: u64,
}

impl Estimate {
    /// The sum.
    pub fn total(self) -> u64 {
        self.prompts + self.images + self.block + self.learner
    }

    /// The estimate for a model, settings, a number of defects, and images in a micro-batch.
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
