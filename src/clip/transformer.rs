//! The pre-norm transformer that both of CLIP's towers are made of (Radford et al. 2021,
//! arXiv 2103.00020): x += attention(ln₁(x)); x += mlp(ln₂(x)).

use super::config::TowerConfig;
use super::error::ModelError;
use super::parameters::{Affine, BlockWeights, Blocks, HostTensor};
use super::ranges::BlockRanges;
use crate::autograd::{Tape, Var};
use crate::gpu::Gpu;
use crate::ops::{self, Activation, Element, Factors, Indices, Linear, Norm, OpError, Rounding, Tensor};

/// The precision in which weights are stored on the device.
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

/// How weights are stored on the device.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Placement {
    pub storage: WeightStorage,
    /// Whether gradients will be propagated through the layers.
    pub training: bool,
    /// What the factors of products may be rounded to.
    pub factors: Factors,
}

impl Placement {
    fn upload(
        self,
        gpu: &Gpu,
        weight: &[f32],
        bias: Option<&[f32]>,
        shape: (usize, usize),
    ) -> Result<Linear, OpError> {
        let linear = match self.training {
            true => Linear::upload_for_training(gpu, weight, bias, shape, self.storage.element()),
            false => Linear::upload(gpu, weight, bias, shape, self.storage.element()),
        };
        Ok(linear?.with_factors(self.factors))
    }
}

/// Why a model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The model folder cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An operation failed on the device.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The request does not fit the model.
    #[error("{0}")]
    Request(String),
    /// The model's output is NaN or infinite although its weights are finite.
    #[error(
        "{model}: {what} are not finite numbers: with these weights a sum exceeds the range of float32. The file is \
         damaged, or of a model that was trained to no end; download it again, or take another model"
    )]
    NotFinite {
        /// The model's folder.
        model: String,
        /// Which output.
        what: String,
    },
}

impl ClipError {
    /// Advice for the user; may be empty.
    pub fn hint(&self) -> String {
        match self {
            ClipError::Op(error) => error.hint(),
            ClipError::Model(_) | ClipError::Request(_) | ClipError::NotFinite { .. } => String::new(),
        }
    }
}

/// Uploads a linear layer.
pub(super) fn linear(gpu: &Gpu, affine: &Affine, placement: Placement) -> Result<Linear, OpError> {
    let shape = (affine.weight.shape[0], affine.weight.shape[1]);
    placement.upload(gpu, &affine.weight.data, Some(&affine.bias.data), shape)
}

/// Uploads a matrix [out, in] without bias, its rows padded with zeros to a multiple of 4 columns, as
/// [`patches`](crate::ops::patches) pads its rows.
pub(super) fn projection(gpu: &Gpu, matrix: &HostTensor, placement: Placement) -> Result<Linear, OpError> {
    let outputs = matrix.shape[0];
    let columns = matrix.data.len() / outputs;
    let inputs = columns.next_multiple_of(4);
    let mut padded = vec![0.0; outputs * inputs];
    for (to, from) in padded.chunks_mut(inputs).zip(matrix.data.chunks(columns)) {
        to[..columns].copy_from_slice(from);
    }
    placement.upload(gpu, &padded, None, (outputs, inputs))
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
    rounding: Rounding,
    attn_out: Linear,
    ln_2: Norm,
    mlp_fc: Linear,
    mlp_proj: Linear,
}

impl Block {
    fn upload(gpu: &Gpu, w: &BlockWeights, epsilon: f32, placement: Placement) -> Result<Self, OpError> {
        let ranges = BlockRanges::of(w);
        Ok(Self {
            ln_1: norm(gpu, &w.ln_1, epsilon)?,
            attn_in: linear(gpu, &w.attn_in, placement)?.with_input_max(ranges.attn_in),
            // What attention puts out is a convex combination of what it gets.
            rounding: Rounding { factors: placement.factors, input_max: Some(ranges.attn_out) },
            attn_out: linear(gpu, &w.attn_out, placement)?.with_input_max(ranges.attn_out),
            ln_2: norm(gpu, &w.ln_2, epsilon)?,
            mlp_fc: linear(gpu, &w.mlp_fc, placement)?.with_input_max(ranges.mlp_fc),
            mlp_proj: linear(gpu, &w.mlp_proj, placement)?.with_input_max(ranges.mlp_proj),
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
        placement: Placement,
    ) -> Result<Self, ClipError> {
        // One block at a time, so that a large model is not held twice in host memory.
        let blocks = weights
            .iter()
            .map(|block| Ok(Block::upload(gpu, &block?, config.layer_norm_eps, placement)?))
            .collect::<Result<Vec<_>, ClipError>>()?;
        Ok(Self { blocks, heads: config.heads, activation: config.activation, causal })
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Whether this tower was trained with a causal mask.
    pub fn causal(&self) -> bool {
        self.causal
    }

    /// The residual of block `index` for x [batch, tokens, width] with V-V attention: values in place of queries and
    /// keys (CLIP Surgery, Li et al. 2023, arXiv 2304.05653).
    pub fn vv_attention(&self, gpu: &Gpu, index: usize, x: &Tensor) -> Result<Tensor, OpError> {
        let block = &self.blocks[index];
        let qkv = block.attn_in.forward(gpu, &block.ln_1.forward(gpu, x)?, None, None)?;
        let (shape, width) = (qkv.shape().to_vec(), x.last());
        // Rows of the packed projections: the values three times, as queries, keys and values.
        let values: Vec<u32> = (0..x.rows() as u32).flat_map(|row| [3 * row + 2; 3]).collect();
        let packed = qkv.reshape(&[3 * x.rows(), width])?;
        let packed = ops::gather(gpu, &packed, &Indices::upload(gpu, &values)?)?.reshape(&shape)?;
        let attended = ops::attention_rounded(gpu, &packed, self.heads, false, block.rounding)?;
        block.attn_out.forward(gpu, &attended, None, None)
    }

    /// Runs block `index` (from 0) on x [batch, tokens, width]: seven launches, eight on a recording tape, which
    /// keeps only x and computes the block again in the backward pass.
    pub fn block<'m>(&'m self, tape: &Tape<'m>, index: usize, x: &Var, causal: bool) -> Result<Var, OpError> {
        let _scope = tape.gpu().scope("block", index);
        let block = &self.blocks[index];
        tape.checkpoint(x, move |tape, x| {
            let qkv = tape.linear(&tape.norm(x, &block.ln_1)?, &block.attn_in, None, None)?;
            let attended = tape.attention_rounded(&qkv, self.heads, causal, block.rounding)?;
            drop(qkv);
            let x = tape.linear(&attended, &block.attn_out, None, Some(x))?;
            drop(attended);
            let hidden = tape.norm(&x, &block.ln_2)?;
            let hidden = tape.linear(&hidden, &block.mlp_fc, Some(self.activation), None)?;
            tape.linear(&hidden, &block.mlp_proj, None, Some(&x))
        })
    }
}

/// Learned layer tokens: the tokens at the input of block i, after the first token of a sequence, are
/// keep·(the output of block i − 1 at their positions) + (1 − keep)·(the tokens of layer i).
#[derive(Debug, Clone, Copy)]
pub struct LayerTokens<'a> {
    /// The tokens of each layer, [count, width] each; later blocks have none of their own.
    pub layers: &'a [Var],
    /// The share of a block's output that is kept.
    pub keep: f32,
    /// `None`: the tokens of the first layer are inserted before block 0, as in DAPO. Otherwise they replace existing
    /// tokens from this block on, as in AnomalyCLIP.
    pub overwrite_from: Option<usize>,
}

impl LayerTokens<'_> {
    /// The number of tokens that a sequence grows by.
    pub fn inserted(self) -> usize {
        match self.overwrite_from {
            Some(_) => 0,
            None => self.layers.first().map_or(0, |tokens| tokens.tensor().rows()),
        }
    }

    /// The input of block `index` for x [batch, length, width]: with the tokens inserted or blended in.
    pub(super) fn apply(self, tape: &Tape<'_>, index: usize, x: &Var) -> Result<Var, OpError> {
        let Some(layer) = index.checked_sub(self.overwrite_from.unwrap_or(0)) else { return Ok(x.clone()) };
        match self.layers.get(layer) {
            Some(tokens) if self.overwrite_from.is_none() && layer == 0 => tape.insert_tokens(x, tokens),
            Some(tokens) => tape.blend_tokens(x, tokens, self.keep),
            None => Ok(x.clone()),
        }
    }
}
