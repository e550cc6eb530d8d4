//! Initial values of a learner's parameters.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::config::{AdapterStart, LearnerConfig, TextStart, VisualStart};
use super::names::{DEFECT, NORMAL, VISUAL, adapter, text_tokens};
use super::parameters::{Parameters, Values, layout};
use crate::clip::{Clip, ClipError};

impl Parameters {
    /// Initial values: words and text tokens distributed as the rows of the token table,
    /// visual tokens uniform as in visual prompt tuning (Jia et al. 2022, arXiv 2203.12119), adapters as
    /// torch's linear layers.
    ///
    /// # Errors
    /// [`ClipError::Model`] when a phrase of `start_words` cannot be tokenized.
    pub fn init(config: &LearnerConfig, clip: &Clip, seed: u64) -> Result<Self, ClipError> {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let (mean, deviation) = clip.text().token_statistics()?;
        let width = clip.vision().width() as f64;
        let patch = clip.config().vision.patch_size as f64;
        let visual = (6.0 / (3.0 * patch * patch + width)).sqrt();
        let words = start_words(config, clip)?;
        let firsts = first_tokens(config, clip)?;
        let scale = f64::from(config.token_scale);
        let mut all = Self::default();
        for (name, shape) in layout(config, clip) {
            let len: usize = shape.iter().product();
            let row = |i: usize| i % mean.len();
            let data = if name == NORMAL || name == DEFECT {
                let each = config.context_length * mean.len();
                let words_of = |i: usize| words.get(i % words.len().max(1)).filter(|_| !words.is_empty());
                debug_assert!(words.len().is_multiple_of(each));
                // Noise breaks the symmetry between sets: a tenth of the table's standard deviation.
                (0..len)
                    .map(|i| match (words_of(i), normal(&mut rng) * deviation[row(i)]) {
                        (Some(&word), noise) => word + (0.1 * noise) as f32,
                        (None, noise) => (mean[row(i)] + noise) as f32,
                    })
                    .collect()
            } else if let Some(first) = firsts.get(&name) {
                // Noise as for words.
                (0..len)
                    .map(|i| first[row(i)] + (0.1 * normal(&mut rng) * deviation[row(i)]) as f32)
                    .collect()
            } else if name.starts_with("prompt_learner.") {
                (0..len)
                    .map(|i| (scale * (mean[row(i)] + normal(&mut rng) * deviation[row(i)])) as f32)
                    .collect()
            } else {
                let bound = if name == VISUAL { visual * scale } else { 1.0 / width.sqrt() };
                (0..len).map(|_| (bound * rng.random_range(-1.0..1.0)) as f32).collect()
            };
            all.tensors.insert(name, Values { shape, data });
        }
        if config.adapter_start == AdapterStart::Projection {
            let (weight, bias) = clip.vision().patch_projection();
            for index in 0..config.feature_layers.len() {
                for (name, values) in adapter(index).into_iter().zip([weight, bias]) {
                    if let Some(start) = all.tensors.get_mut(&name).filter(|v| v.data.len() == values.len()) {
                        start.data = values.to_vec();
                    }
                }
            }
        }
        Ok(all)
    }

    /// Sets the values that depend on images, pixels [images, 3, size, size]: visual layer tokens with
    /// [`VisualStart::Mean`], and the biases of adapters with [`AdapterStart::Projection`].
    ///
    /// # Errors
    /// [`ClipError::Request`] when the pixels do not fit.
    pub fn init_from_images(
        &mut self,
        config: &LearnerConfig,
        clip: &Clip,
        pixels: &[f32],
    ) -> Result<(), ClipError> {
        let blocks = clip.vision().token_statistics(clip.gpu(), &clip.upload_pixels(pixels)?)?;
        if let Some(tokens) =
            self.tensors.get_mut(VISUAL).filter(|_| config.visual_start == VisualStart::Mean)
        {
            let width = clip.vision().width();
            let each = config.layer_tokens * width;
            for (layer, block) in tokens.data.chunks_mut(each).zip(&blocks) {
                for (i, token) in layer.iter_mut().enumerate() {
                    // The random values remain as noise that breaks the symmetry between tokens.
                    *token = block.mean[i % width] + 0.1 * *token;
                }
            }
        }
        if config.adapter_start == AdapterStart::Projection {
            for (index, &layer) in config.feature_layers.iter().enumerate() {
                // Adapters have no `ln_post`, which divides a token by its standard deviation before the bias is added.
                if let Some(bias) = self.tensors.get_mut(&adapter(index)[1]) {
                    bias.data.iter_mut().for_each(|b| *b *= blocks[layer - 1].std);
                }
            }
        }
        Ok(())
    }
}

/// Embeddings that initialise the learned words, [phrases, context length, width]; empty for random ones.
fn start_words(config: &LearnerConfig, clip: &Clip) -> Result<Vec<f32>, ClipError> {
    let mut chosen = Vec::new();
    for ids in clip.tokenize(&config.start_words)? {
        let end = clip.text().pooled_position(&ids);
        chosen.extend((0..config.context_length).map(|i| ids[(1 + i).min(end.max(2) - 1)]));
    }
    clip.text().token_rows(&chosen)
}

/// Initial text layer tokens, `[width]` each, by the names of the layer tokens; empty for random ones.
fn first_tokens(config: &LearnerConfig, clip: &Clip) -> Result<BTreeMap<String, Vec<f32>>, ClipError> {
    if config.text_start == TextStart::Random {
        return Ok(BTreeMap::new());
    }
    let start = clip.tokenize(&[""])?[0][0];
    let entering = clip.text().start_token_states(clip.gpu(), start)?;
    Ok(entering.into_iter().enumerate().map(|(layer, token)| (text_tokens(layer), token)).collect())
}

/// A standard normal number (Box & Muller 1958).
fn normal(rng: &mut Pcg64Mcg) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
