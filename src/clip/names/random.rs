//! Random parameters of any architecture, for measuring speed without a model's files.
//!
//! Matrices have a deviation of 1/√inputs, which keeps the size of activations, and those that add to
//! the residual stream a further 1/√(2·layers), which keeps the stream's (Radford et al. 2019, *Language
//! Models are Unsupervised Multitask Learners*, section 2.3). Norms scale by 1, biases are 0.

use super::{Affine, BlockWeights, Blocks, ClipFiles, HostTensor, TextWeights, VisionWeights};
use crate::clip::config::{ClipConfig, TowerConfig};
use crate::clip::noise::Noise;
use crate::clip::weights::HostTable;

/// The inverse temperature that OpenAI's models ended training with.
const LOGIT_SCALE: f32 = 100.0;

/// A model of this architecture whose parameters depend on the seed only. Blocks and rows of the token
/// table are drawn when they are asked for.
pub fn random(config: ClipConfig, seed: u64) -> ClipFiles {
    let (vision, text) = (Noise::new(seed).part(0), Noise::new(seed).part(1));
    let (w, p, g) = (config.vision.tower.width, config.vision.patch_size, config.vision.grid());
    let (t, embed) = (config.text.tower.width, config.embed_dim);
    let vision = VisionWeights {
        class_embedding: embedding(vision.part(0), &[w]),
        patch_embedding: matrix(vision.part(1), w, 3 * p * p, 1.0),
        position_embedding: embedding(vision.part(2), &[1 + g * g, w]),
        ln_pre: norm(w),
        blocks: Blocks::random(vision.part(3), &config.vision.tower),
        ln_post: norm(w),
        projection: matrix(vision.part(4), embed, w, 1.0),
    };
    let text = TextWeights {
        token_embedding: HostTable::random(text.part(0), config.text.vocab_size, t),
        position_embedding: embedding(text.part(1), &[config.text.context_length, t]),
        blocks: Blocks::random(text.part(2), &config.text.tower),
        ln_final: norm(t),
        projection: matrix(text.part(3), embed, t, 1.0),
    };
    ClipFiles { config, vision, text, logit_scale: LOGIT_SCALE }
}

/// A block of this tower.
pub(super) fn block(noise: Noise, tower: &TowerConfig) -> BlockWeights {
    let (d, m) = (tower.width, tower.mlp_width);
    let residual = 1.0 / ((2 * tower.layers) as f32).sqrt();
    let linear = |part, outputs, inputs, gain| Affine {
        weight: matrix(noise.part(part), outputs, inputs, gain),
        bias: constant(outputs, 0.0),
    };
    BlockWeights {
        ln_1: norm(d),
        attn_in: linear(0, 3 * d, d, 1.0),
        attn_out: linear(1, d, d, residual),
        ln_2: norm(d),
        mlp_fc: linear(2, m, d, 1.0),
        mlp_proj: linear(3, d, m, residual),
    }
}

fn matrix(noise: Noise, outputs: usize, inputs: usize, gain: f32) -> HostTensor {
    let data = noise.values(outputs * inputs, gain / (inputs as f32).sqrt());
    HostTensor { shape: vec![outputs, inputs], data, from_f16: false }
}

/// Vectors whose last dimension is the width, each of about unit length.
fn embedding(noise: Noise, shape: &[usize]) -> HostTensor {
    let width = shape.last().copied().unwrap_or(1);
    let data = noise.values(shape.iter().product(), 1.0 / (width as f32).sqrt());
    HostTensor { shape: shape.to_vec(), data, from_f16: false }
}

fn constant(len: usize, value: f32) -> HostTensor {
    HostTensor { shape: vec![len], data: vec![value; len], from_f16: false }
}

fn norm(width: usize) -> Affine {
    Affine { weight: constant(width, 1.0), bias: constant(width, 0.0) }
}
