//! The pre-norm transformer that both of CLIP's towers are made of (Radford et al. 2021,
//! arXiv 2103.00020): x += attention(ln₁(x)); x += mlp(ln₂(x)).

use super::config::TowerConfig;
use super::error::ModelError;
use super::names::{Affine, BlockWeights, Blocks, HostTensor};
use crate::gpu::Gpu;
use crate::ops::{self, Activation, Element, Linear, Norm, OpError, Tensor};

/// How a model is put on the device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WeightStorage {
    /// Every weight as float32.
    #[default]
    F32,
    /// Matrices as float16: half the memory; exact for weights that were float16 in the file.
    F16,
}

impl WeightStorage {
    fn element(self) -> Element {
        match self {
            WeightStorage::F32 => Element::F32,
            WeightStorage::F16 => Element::F16,
        }
    }
}

/// Why a model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The folder is at fault.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The device is at fault.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The request does not fit the model.
    #[error("{0}")]
    Request(String),
}

impl ClipError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match self {
            ClipError::Op(error) => error.hint(),
            ClipError::Model(_) | ClipError::Request(_) => String::new(),
        }
    }
}

/// Uploads a linear layer.
pub(super) fn linear(gpu: &Gpu, affine: &Affine, storage: WeightStorage) -> Result<Linear, OpError> {
    let shape = (affine.weight.shape[0], affine.weight.shape[1]);
    Linear::upload(gpu, &affine.weight.data, Some(&affine.bias.data), shape, storage.element())
}

/// Uploads a matrix [out, in] without bias, its rows padded with zeros to a multiple of 4 columns, as
/// [`ops::patches`] pads its rows.
pub(super) fn projection(gpu: &Gpu, matrix: &HostTensor, storage: WeightStorage) -> Result<Linear, OpError> {
    let outputs = matrix.shape[0];
    let columns = matrix.data.len() / outputs;
    let inputs = columns.next_multiple_of(4);
    let mut padded = vec![0.0; outputs * inputs];
    for (to, from) in padded.chunks_mut(inputs).zip(matrix.data.chunks(columns)) {
        to[..columns].copy_from_slice(from);
    }
    Linear::upload(gpu, &padded, None, (outputs, inputs), storage.element())
}

/// Uploads a layer normalisation.
pub(super) fn norm(gpu: &Gpu, affine: &Affine, epsilon: f32) -> Result<Norm, OpError> {
    Norm::upload(gpu, &affine.weight.data, &affine.bias.data, epsilon)
}

/// One residual block.
#[derive(Debug)]
pub struct Block {
    ln_1: Norm,
    attn_in: Linear,
    attn_out: Linear,
    ln_2: Norm,
    mlp_fc: Linear,
    mlp_proj: Linear,
}

impl Block {
    fn upload(gpu: &Gpu, w: &BlockWeights, epsilon: f32, storage: WeightStorage) -> Result<Self, OpError> {
        Ok(Self {
            ln_1: norm(gpu, &w.ln_1, epsilon)?,
            attn_in: linear(gpu, &w.attn_in, storage)?,
            attn_out: linear(gpu, &w.attn_out, storage)?,
            ln_2: norm(gpu, &w.ln_2, epsilon)?,
            mlp_fc: linear(gpu, &w.mlp_fc, storage)?,
            mlp_proj: linear(gpu, &w.mlp_proj, storage)?,
        })
    }
}

/// The blocks of one tower.
#[derive(Debug)]
pub struct Transformer {
    blocks: Vec<Block>,
    heads: usize,
    activation: Activation,
    causal: bool,
}

impl Transformer {
    pub(super) fn upload(
        gpu: &Gpu,
        config: &TowerConfig,
        weights: &Blocks,
        causal: bool,
        storage: WeightStorage,
    ) -> Result<Self, ClipError> {
        // One block at a time, so that a large model is not held twice in host memory.
        let blocks = weights
            .iter()
            .map(|block| Ok(Block::upload(gpu, &block?, config.layer_norm_eps, storage)?))
            .collect::<Result<Vec<_>, ClipError>>()?;
        Ok(Self { blocks, heads: config.heads, activation: config.activation, causal })
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Runs block `index` (from 0) on x [batch, tokens, width]: seven launches.
    ///
    /// # Errors
    /// Those of the ops.
    pub fn block(&self, gpu: &Gpu, index: usize, x: &Tensor) -> Result<Tensor, OpError> {
        let _scope = gpu.scope("block", index);
        let block = &self.blocks[index];
        let qkv = block.attn_in.forward(gpu, &block.ln_1.forward(gpu, x)?, None, None)?;
        let attended = ops::attention(gpu, &qkv, self.heads, self.causal)?;
        drop(qkv);
        let x = block.attn_out.forward(gpu, &attended, None, Some(x))?;
        let hidden = block.mlp_fc.forward(gpu, &block.ln_2.forward(gpu, &x)?, Some(self.activation), None)?;
        block.mlp_proj.forward(gpu, &hidden, None, Some(&x))
    }
}
