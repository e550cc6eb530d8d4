//! The learner on a tape: class vectors from prompts, features from images.

use std::collections::HashMap;

use super::config::{LearnerConfig, PatchFeatures, TextMask};
use super::names::{self, DEFECT, NORMAL, VISUAL};
use super::prompts::HybridPrompts;
use crate::autograd::{Tape, Var};
use crate::clip::{Clip, ClipError, LayerTokens};
use crate::dapo::ensemble::class_rows;
use crate::dapo::features::ClassEmbeddings;
use crate::dapo::prompts::Prompts;
use crate::ops::{Filter, OpError, Sampling, Tensor};

/// Parameters on a tape, by name.
pub(super) struct TapeParameters {
    by_name: HashMap<String, Var>,
}

/// The output of the learner for a batch.
pub(super) struct LearnerOutput {
    /// Logits of normal and of the mean of the defects: [images, 2].
    pub logits: Var,
    /// Class probabilities at each feature layer: [images, cells, classes], of patches or of pixels.
    pub patches: Vec<Var>,
}

/// Features of a batch of images.
pub(super) struct LearnerFeatures {
    /// [images, embed_dim], not normalised.
    pub image: Var,
    /// Of each feature layer, [images, cells, embed_dim].
    pub patches: Vec<Var>,
    /// Hidden states of the patches, [images, cells, width].
    pub states: Vec<Var>,
}

/// Class vectors of unit length.
#[derive(Debug, Clone)]
pub(super) struct ClassVectors {
    /// Normal first: [K+1, embed_dim].
    pub per_class: Var,
    /// Normal, and the mean of the defects: [2, embed_dim].
    pub binary: Var,
}

impl TapeParameters {
    /// Puts parameters on a tape: learned ones as leaves, frozen ones as constants.
    pub fn new<'p>(
        tape: &Tape<'_>,
        config: &LearnerConfig,
        parameters: impl Iterator<Item = (&'p str, &'p Tensor)>,
    ) -> Self {
        let var = |name: &str, tensor: &Tensor| match config.learns(name) {
            true => tape.leaf(tensor.clone()),
            false => Var::constant(tensor.clone()),
        };
        Self { by_name: parameters.map(|(name, t)| (name.to_owned(), var(name, t))).collect() }
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Result<&Var, OpError> {
        self.by_name.get(name).ok_or_else(|| OpError::Shape {
            op: "learner",
            expected: format!("a parameter '{name}'"),
            found: Vec::new(),
        })
    }
}

impl ClassVectors {
    /// The class vectors as tensors.
    pub fn to_class_embeddings(&self) -> ClassEmbeddings {
        ClassEmbeddings { per_class: self.per_class.tensor().clone(), binary: self.binary.tensor().clone() }
    }
}

/// CLIP with a learner's settings and prompts.
#[derive(Clone, Copy)]
pub(super) struct LearnerModel<'m> {
    pub clip: &'m Clip,
    pub config: &'m LearnerConfig,
    pub prompts: &'m HybridPrompts,
}

impl<'m> LearnerModel<'m> {
    /// Features of prompts `range` of all (K+1)·E, states in order, sets within: [prompts, embed_dim].
    pub fn prompt_features(
        self,
        tape: &Tape<'m>,
        parameters: &TapeParameters,
        range: std::ops::Range<usize>,
    ) -> Result<Var, ClipError> {
        let (config, text) = (self.config, self.clip.text());
        let (sets, length, width) = (config.prompt_sets, config.context_length, text.width());
        let mut used: Vec<u32> = self.prompts.ids.iter().flatten().copied().collect();
        used.sort_unstable();
        used.dedup();
        let frozen = Tensor::upload(tape.gpu(), &text.token_rows(&used)?, &[used.len(), width])?;
        // One table: frozen rows, then the learned words of normal prompts, then those of defects.
        let learned = tape.concat(parameters.get(NORMAL)?, parameters.get(DEFECT)?)?;
        let table = tape.concat(&Var::constant(frozen), &learned)?;
        let (mut index, mut positions) = (Vec::new(), Vec::new());
        for prompt in range {
            let (state, set) = (prompt / sets, prompt % sets);
            let words = used.len() + (if state == 0 { 0 } else { sets } + set) * length;
            index.extend(self.prompts.ids[state].iter().enumerate().map(|(place, id)| match place {
                place if (1..=length).contains(&place) => (words + place - 1) as u32,
                _ => used.partition_point(|u| u < id) as u32,
            }));
            positions.push(self.prompts.positions[state]);
        }
        let embedded = tape.gather(&table, &index)?;
        let embedded = embedded.reshape(tape, &[positions.len(), text.context_length(), width])?;
        let layers = (0..config.text_depth())
            .map(|layer| parameters.get(&names::text_tokens(layer)).cloned())
            .collect::<Result<Vec<_>, _>>()?;
        let tokens =
            LayerTokens { layers: &layers, keep: config.alpha, overwrite_from: config.overwrite_from };
        let causal = config.text_mask == TextMask::Causal;
        Ok(text.forward_with_tokens(tape, &embedded, tokens, &positions, causal)?)
    }

    /// Class vectors from the features of all prompts: the mean over the sets, then unit length.
    pub fn class_vectors(self, tape: &Tape<'m>, features: &Var) -> Result<ClassVectors, OpError> {
        let means = tape.group_means(features, self.config.prompt_sets)?;
        self.with_defect_mean(tape, tape.l2_normalise(&means)?)
    }

    /// Class vectors [K+1, embed_dim], with those of normal and the mean of all defects.
    pub fn with_defect_mean(self, tape: &Tape<'m>, per_class: Var) -> Result<ClassVectors, OpError> {
        let classes = per_class.tensor().rows();
        let defects: Vec<u32> = (1..classes as u32).collect();
        let mean = tape.group_means(&tape.gather(&per_class, &defects)?, classes - 1)?;
        let binary = tape.concat(&tape.gather(&per_class, &[0])?, &tape.l2_normalise(&mean)?)?;
        Ok(ClassVectors { per_class, binary })
    }

    /// Class vectors of fixed prompts, as constants.
    pub fn fixed_class_vectors(self, tape: &Tape<'m>) -> Result<ClassVectors, ClipError> {
        let prompts = Prompts { object: self.config.object.clone(), defects: self.prompts.defects.clone() };
        let vectors = class_rows(self.clip, &prompts)?;
        let shape = [prompts.defects.len() + 1, self.clip.config().embed_dim];
        let per_class = Tensor::upload_weight(tape.gpu(), &vectors, &shape)?;
        Ok(self.with_defect_mean(tape, Var::constant(per_class))?)
    }

    /// Logits and patch probabilities of pixels [images, 3, size, size].
    pub fn forward(
        self,
        tape: &Tape<'m>,
        parameters: &TapeParameters,
        classes: &ClassVectors,
        pixels: &Tensor,
    ) -> Result<LearnerOutput, OpError> {
        let features = self.features(tape, parameters, pixels, &[])?;
        let logits = tape.similarity(&features.image, &classes.binary, self.config.logit_scale())?;
        Ok(LearnerOutput { logits, patches: self.patch_probabilities(tape, classes, &features.patches)? })
    }

    /// Features of images, with the hidden states of their patches after the blocks `states`, counted from 1.
    pub fn features(
        self,
        tape: &Tape<'m>,
        parameters: &TapeParameters,
        pixels: &Tensor,
        states: &[usize],
    ) -> Result<LearnerFeatures, OpError> {
        match self.config.patches {
            PatchFeatures::Adapters => self.adapter_features(tape, parameters, pixels, states),
            PatchFeatures::Values => self.vv_features(tape, pixels, states),
        }
    }

    /// Class probabilities of the patch features of each layer: [images, cells, classes], of patches or of pixels.
    pub fn patch_probabilities(
        self,
        tape: &Tape<'m>,
        classes: &ClassVectors,
        features: &[Var],
    ) -> Result<Vec<Var>, OpError> {
        let classify = |features: &Var| {
            let logits = tape.similarity(features, &classes.per_class, self.config.logit_scale())?;
            let up = self.config.pixel_softmax;
            tape.softmax(&if up { self.upsampled(tape, &logits)? } else { logits }, 1.0)
        };
        features.iter().map(classify).collect()
    }

    /// Image features, and the patches of each feature layer through its adapter.
    fn adapter_features(
        self,
        tape: &Tape<'m>,
        parameters: &TapeParameters,
        pixels: &Tensor,
        states: &[usize],
    ) -> Result<LearnerFeatures, OpError> {
        let layers = self.visual_tokens(tape, parameters)?;
        let tokens = LayerTokens { layers: &layers, keep: self.config.alpha, overwrite_from: None };
        let layers = &self.config.feature_layers;
        let output = self.clip.vision().forward_with_tokens(tape, pixels, tokens, [layers, states])?;
        let [adapted, states] = output.states;
        let adapt = |(index, state): (usize, &Var)| {
            let [weight, bias] = names::adapter(index);
            tape.affine(state, parameters.get(&weight)?, parameters.get(&bias)?)
        };
        let patches = adapted.iter().enumerate().map(adapt).collect::<Result<_, _>>()?;
        Ok(LearnerFeatures { image: output.image_features, patches, states })
    }

    /// Image features, and patch features by V-V attention; no parameters are learned here.
    fn vv_features(
        self,
        tape: &Tape<'m>,
        pixels: &Tensor,
        states: &[usize],
    ) -> Result<LearnerFeatures, OpError> {
        let vision = self.clip.vision();
        let blocks = (vision.depth() * 19).div_ceil(24);
        let output = vision.forward_with_vv_attention(tape.gpu(), pixels, blocks, states)?;
        Ok(LearnerFeatures {
            image: Var::constant(output.image_features),
            patches: output.patch_features.into_iter().map(Var::constant).collect(),
            states: output.states.into_iter().map(Var::constant).collect(),
        })
    }

    /// Logits [images, cells, classes] upsampled to every pixel: [images, size², classes].
    fn upsampled(self, tape: &Tape<'m>, logits: &Var) -> Result<Var, OpError> {
        let &[images, _, classes] = logits.shape() else { return Ok(logits.clone()) };
        let (grid, size) = (self.clip.vision().grid(), self.clip.vision().image_size());
        let cells = logits.reshape(tape, &[images, grid, grid, classes])?;
        let up = tape.resample(&cells, (size, size), Filter::Linear, Sampling::AlignCorners, false)?;
        up.reshape(tape, &[images, size * size, classes])
    }

    /// The visual tokens of each layer.
    fn visual_tokens(self, tape: &Tape<'m>, parameters: &TapeParameters) -> Result<Vec<Var>, OpError> {
        let (depth, count) = (self.config.visual_depth(), self.config.layer_tokens);
        if depth == 0 {
            return Ok(Vec::new());
        }
        let all = parameters.get(VISUAL)?;
        let layer = |layer: usize| {
            let rows: Vec<u32> = (layer * count..(layer + 1) * count).map(|row| row as u32).collect();
            tape.gather(all, &rows)
        };
        (0..depth).map(layer).collect()
    }
}
