//! The values of a learner on the host, under the names of the official checkpoints, and as the bytes of a
//! safetensors file.

use std::collections::{BTreeMap, HashMap};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::config::{AdapterStart, LearnerConfig, PatchFeatures, TextStart, VisualStart};
use crate::clip::{Clip, ClipError};

/// A tensor of a learner.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Extent of each dimension, the last one contiguous.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Vec<f32>,
}

/// Why a file is no learner, or not one for this model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnerError {
    /// Not a safetensors file, or cut short.
    #[error("not a readable safetensors file: {0}")]
    File(String),
    /// A tensor that must be there is not.
    #[error("no tensor '{0}'; expected a learner of DAPO (see docs/training.md for its tensors)")]
    Missing(String),
    /// A tensor of another shape or type.
    #[error("tensor '{name}' is {found}, expected {expected}")]
    Shape {
        /// Which.
        name: String,
        /// What the model and settings want.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The text beside the tensors cannot be read.
    #[error("its description: {0}")]
    Description(String),
}

/// Tensors by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// The tensors.
    pub tensors: BTreeMap<String, Values>,
}

/// Learned words of the normal prompts, [E, l, width].
pub const NORMAL: &str = "prompt_learner.learnable_normal_tokens";
/// Learned words of the defect prompts, [E, l, width].
pub const DEFECT: &str = "prompt_learner.learnable_abnormal_tokens";
/// Learned tokens of the vision tower, [depth, tokens, width].
pub const VISUAL: &str = "visual_prompt.learnable_visual_tokens";

/// Learned tokens of a layer of the text tower, [tokens, width].
pub fn text_tokens(layer: usize) -> String {
    format!("prompt_learner.learnable_layer_tokens.{layer}")
}

/// Weight [embed_dim, width] and bias `[embed_dim]` of an adapter.
pub fn adapter(index: usize) -> [String; 2] {
    ["weight", "bias"].map(|part| format!("linear_adapter.fc.{index}.{part}"))
}

/// What a parameter is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Learned words of the prompts.
    Words,
    /// Layer tokens of the text tower.
    TextTokens,
    /// Layer tokens of the vision tower.
    VisualTokens,
    /// Adapters.
    Adapters,
}

impl Part {
    /// The part that the parameter of this name, one of [`layout`]'s, belongs to.
    pub fn of(name: &str) -> Self {
        match name {
            NORMAL | DEFECT => Self::Words,
            VISUAL => Self::VisualTokens,
            _ if name.starts_with("prompt_learner.") => Self::TextTokens,
            _ => Self::Adapters,
        }
    }
}

/// Names and shapes of all parameters, in the order in which they are trained and saved.
pub fn layout(config: &LearnerConfig, clip: &Clip) -> Vec<(String, Vec<usize>)> {
    let (width, text_width) = (clip.vision().width(), clip.text().width());
    let context = vec![config.prompt_sets, config.context_length, text_width];
    let mut all = Vec::new();
    if config.learned_prompts {
        all.extend([(NORMAL.to_owned(), context.clone()), (DEFECT.to_owned(), context)]);
    }
    for layer in 0..config.text_depth() {
        all.push((text_tokens(layer), vec![config.layer_tokens, text_width]));
    }
    if config.visual_depth() > 0 {
        all.push((VISUAL.to_owned(), vec![config.visual_depth(), config.layer_tokens, width]));
    }
    let adapters = match config.patches {
        PatchFeatures::Adapters => config.feature_layers.len(),
        PatchFeatures::Values => 0,
    };
    for index in 0..adapters {
        let [weight, bias] = adapter(index);
        let embed_dim = clip.config().embed_dim;
        all.extend([(weight, vec![embed_dim, width]), (bias, vec![embed_dim])]);
    }
    all
}

impl Parameters {
    /// Random values to start from: words and text tokens distributed as the rows of the token table,
    /// visual tokens uniform as in visual prompt tuning (Jia et al. 2022, arXiv 2203.12119), adapters as
    /// torch's linear layers.
    ///
    /// # Errors
    /// Those of reading the token table.
    pub fn random(config: &LearnerConfig, clip: &Clip, seed: u64) -> Result<Self, ClipError> {
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
                // Sets must differ to learn different things: a tenth of the table's spread apart.
                (0..len)
                    .map(|i| match (words_of(i), normal(&mut rng) * deviation[row(i)]) {
                        (Some(&word), noise) => word + (0.1 * noise) as f32,
                        (None, noise) => (mean[row(i)] + noise) as f32,
                    })
                    .collect()
            } else if let Some(first) = firsts.get(&name) {
                // As with words: a tenth of the table's spread apart.
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

    /// Sets what depends on images, pixels [images, 3, size, size]: visual layer tokens with
    /// [`VisualStart::Mean`], and the biases of adapters with [`AdapterStart::Projection`].
    ///
    /// # Errors
    /// [`ClipError::Request`] when the pixels do not fit; those of the device.
    pub fn start_from(
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
                    // Tokens must differ to learn different things: the random start stays as noise.
                    *token = block.mean[i % width] + 0.1 * *token;
                }
            }
        }
        if config.adapter_start == AdapterStart::Projection {
            for (index, &layer) in config.feature_layers.iter().enumerate() {
                // `ln_post`, which adapters do without, divides a token by its deviation; the bias comes after it.
                if let Some(bias) = self.tensors.get_mut(&adapter(index)[1]) {
                    bias.data.iter_mut().for_each(|b| *b *= blocks[layer - 1].spread);
                }
            }
        }
        Ok(())
    }

    /// Reads the tensors and the text entries of a safetensors file.
    ///
    /// # Errors
    /// [`LearnerError::File`]; [`LearnerError::Shape`] for a tensor that is not float32.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, HashMap<String, String>), LearnerError> {
        let broken = |e: safetensors::SafeTensorError| LearnerError::File(e.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                let found = format!("{:?}", view.dtype());
                return Err(LearnerError::Shape { name, expected: "F32".into(), found });
            }
            let data = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            tensors.insert(name, Values { shape: view.shape().to_vec(), data: data.collect() });
        }
        Ok((Self { tensors }, header.metadata().clone().unwrap_or_default()))
    }

    /// A safetensors file with these text entries.
    ///
    /// # Errors
    /// [`LearnerError::File`] when a tensor's shape does not fit its data.
    pub fn to_bytes(&self, entries: HashMap<String, String>) -> Result<Vec<u8>, LearnerError> {
        let broken = |e: safetensors::SafeTensorError| LearnerError::File(e.to_string());
        let bytes: Vec<(&String, &Values, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, v)| (name, v, v.data.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        let views = bytes
            .iter()
            .map(|(name, v, bytes)| {
                Ok((name.as_str(), TensorView::new(Dtype::F32, v.shape.clone(), bytes).map_err(broken)?))
            })
            .collect::<Result<Vec<_>, LearnerError>>()?;
        safetensors::serialize(views, Some(entries)).map_err(broken)
    }

    /// Whether every parameter is there in its shape; what else there is does not matter.
    ///
    /// # Errors
    /// [`LearnerError`] naming the first that is not.
    pub fn check(&self, config: &LearnerConfig, clip: &Clip) -> Result<(), LearnerError> {
        for (name, shape) in layout(config, clip) {
            let found = self.tensors.get(&name).ok_or_else(|| LearnerError::Missing(name.clone()))?;
            if found.shape != shape {
                let (expected, found) = (format!("{shape:?}"), format!("{:?}", found.shape));
                return Err(LearnerError::Shape { name, expected, found });
            }
        }
        Ok(())
    }

    /// Sets the sizes of `config` that these tensors tell: prompt sets, context length, layer tokens and
    /// depths.
    ///
    /// # Errors
    /// [`LearnerError`] when a tensor is missing or has not three or two dimensions.
    pub fn describe(&self, config: &mut LearnerConfig) -> Result<(), LearnerError> {
        let normal = self.tensors.get(NORMAL).ok_or_else(|| LearnerError::Missing(NORMAL.into()))?;
        let &[sets, length, _] = normal.shape.as_slice() else {
            let (expected, found) = ("[sets, words, width]".into(), format!("{:?}", normal.shape));
            return Err(LearnerError::Shape { name: NORMAL.into(), expected, found });
        };
        (config.prompt_sets, config.context_length) = (sets, length);
        let depth = (0..).take_while(|&i| self.tensors.contains_key(&text_tokens(i))).count();
        config.text_depth = Some(depth);
        config.visual_depth = Some(self.tensors.get(VISUAL).map_or(0, |v| v.shape[0]));
        let tokens = self.tensors.get(&text_tokens(0)).map(|v| v.shape[0]);
        let visual = self.tensors.get(VISUAL).and_then(|v| v.shape.get(1).copied());
        config.layer_tokens = tokens.or(visual).unwrap_or(config.layer_tokens);
        Ok(())
    }
}

/// Embeddings that the learned words start from, [phrases, context length, width]; empty for random ones.
fn start_words(config: &LearnerConfig, clip: &Clip) -> Result<Vec<f32>, ClipError> {
    let mut chosen = Vec::new();
    for ids in clip.tokenize(&config.start_words)? {
        let end = clip.text().pooled_position(&ids);
        chosen.extend((0..config.context_length).map(|i| ids[(1 + i).min(end.max(2) - 1)]));
    }
    clip.text().token_rows(&chosen)
}

/// The tokens that text layer tokens start from, `[width]` each, by the names of the layer tokens; none for random
/// ones.
fn first_tokens(config: &LearnerConfig, clip: &Clip) -> Result<BTreeMap<String, Vec<f32>>, ClipError> {
    if config.text_start == TextStart::Random {
        return Ok(BTreeMap::new());
    }
    let start = clip.tokenize(&[""])?[0][0];
    let entering = clip.text().first_token(clip.gpu(), start)?;
    Ok(entering.into_iter().enumerate().map(|(layer, token)| (text_tokens(layer), token)).collect())
}

/// A standard normal number (Box & Muller 1958).
fn normal(rng: &mut Pcg64Mcg) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
