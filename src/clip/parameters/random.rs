//! Random parameters of any architecture, for measuring speed without a model's files.
//!
//! Matrices have a standard deviation of 1/√inputs, which preserves the variance of activations; those that add to
//! the residual stream have a further factor 1/√(2·layers), which preserves the stream's (Radford et al. 2019,
//! *Language Models are Unsupervised Multitask Learners*, section 2.3). Layer norms scale by 1, biases are 0.

use super::host::{Affine, BlockWeights, HostTensor};
use crate::clip::config::TowerConfig;
use crate::clip::noise::Noise;

/// A block of a tower.
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

/// A matrix `[outputs, inputs]`.
pub(super) fn matrix(noise: Noise, outputs: usize, inputs: usize, gain: f32) -> HostTensor {
    let data = noise.values(outputs * inputs, gain / (inputs as f32).sqrt());
    HostTensor { shape: vec![outputs, inputs], data }
}

/// Vectors along the last dimension, each of approximately unit length.
pub(super) fn embedding(noise: Noise, shape: &[usize]) -> HostTensor {
    let width = shape.last().copied().unwrap_or(1);
    let data = noise.values(shape.iter().product(), 1.0 / (width as f32).sqrt());
    HostTensor { shape: shape.to_vec(), data }
}

fn constant(len: usize, value: f32) -> HostTensor {
    HostTensor { shape: vec![len], data: vec![value; len] }
}

/// A layer norm that scales by 1 and shifts by 0.
pub(super) fn norm(width: usize) -> Affine {
    Affine { weight: constant(width, 1.0), bias: constant(width, 0.0) }
}
