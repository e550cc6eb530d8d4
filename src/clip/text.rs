//! CLIP's text transformer.

use super::config::{TextConfig, TextPooling};
use super::names::TextWeights;
use super::transformer::{ClipError, Transformer, WeightStorage, norm, projection};
use super::weights::HostTable;
use crate::gpu::Gpu;
use crate::ops::{self, Indices, Linear, Norm, Tensor};

/// The text tower. The token table stays in the memory-mapped file: at 49,408 × 768 × 4 bytes it is
/// larger than the default limit of a storage binding, and a run needs only a few of its rows.
#[derive(Debug)]
pub struct TextTower {
    config: TextConfig,
    token_embedding: HostTable,
    position: Tensor,
    transformer: Transformer,
    ln_final: Norm,
    projection: Linear,
}

impl TextTower {
    pub(super) fn upload(
        gpu: &Gpu,
        config: &TextConfig,
        weights: TextWeights,
        storage: WeightStorage,
    ) -> Result<Self, ClipError> {
        let width = config.tower.width;
        Ok(Self {
            position: Tensor::upload_weight(
                gpu,
                &weights.position_embedding.data,
                &[config.context_length, width],
            )?,
            transformer: Transformer::upload(gpu, &config.tower, &weights.blocks, true, storage)?,
            ln_final: norm(gpu, &weights.ln_final, config.tower.layer_norm_eps)?,
            projection: projection(gpu, &weights.projection, storage)?,
            token_embedding: weights.token_embedding,
            config: config.clone(),
        })
    }

    /// Tokens in a sequence.
    pub fn context_length(&self) -> usize {
        self.config.context_length
    }

    /// The most sequences whose every activation fits one binding of the device.
    pub fn max_batch(&self, gpu: &Gpu) -> usize {
        let tower = &self.config.tower;
        let widest = (3 * tower.width).max(tower.mlp_width);
        let limits = &gpu.capabilities().limits;
        let row = (4 * self.config.context_length * widest) as u64;
        (limits.storage_binding.min(limits.buffer) / row).max(1) as usize
    }

    /// Encodes token ids, each of context length: [texts, embed_dim], un-normalised.
    ///
    /// # Errors
    /// [`ClipError::Request`] when an id is not in the table; those of the ops.
    pub fn forward(&self, gpu: &Gpu, ids: &[Vec<u32>]) -> Result<Tensor, ClipError> {
        let length = self.config.context_length;
        if let Some(bad) = ids.iter().find(|s| s.len() != length) {
            return Err(ClipError::Request(format!("a sequence of {} ids, expected {length}", bad.len())));
        }
        let _scope = gpu.scope("text forward", format_args!("×{}", ids.len()));
        let (table, index) = self.embedding_rows(gpu, ids)?;
        // Normalising one position of each sequence is the same as picking from the normalised whole.
        let ends: Vec<u32> =
            ids.iter().enumerate().map(|(i, s)| (i * length + self.pooled_position(s)) as u32).collect();
        let ends = Indices::upload(gpu, &ends)?;
        let embedded = ops::gather(gpu, &table, &index)?;
        let embedded = embedded.reshape(&[ids.len(), length, self.config.tower.width])?;
        let mut x = ops::with_positions(gpu, &embedded, &self.position, None)?;
        drop(embedded);
        for layer in 0..self.transformer.depth() {
            x = self.transformer.block(gpu, layer, &x)?;
        }
        let pooled = ops::gather(gpu, &x, &ends)?;
        Ok(self.projection.forward(gpu, &self.ln_final.forward(gpu, &pooled)?, None, None)?)
    }

    /// The rows that these ids use, and the ids renumbered to them.
    fn embedding_rows(&self, gpu: &Gpu, ids: &[Vec<u32>]) -> Result<(Tensor, Indices), ClipError> {
        let mut used: Vec<u32> = ids.iter().flatten().copied().collect();
        used.sort_unstable();
        used.dedup();
        let rows = self.token_embedding.rows(&used)?;
        let table = Tensor::upload(gpu, &rows, &[used.len(), self.config.tower.width])?;
        let renumbered: Vec<u32> =
            ids.iter().flatten().map(|id| used.partition_point(|u| u < id) as u32).collect();
        Ok((table, Indices::upload(gpu, &renumbered)?))
    }

    /// Where CLIP reads a sequence: at its end-of-text token.
    fn pooled_position(&self, ids: &[u32]) -> usize {
        let first = |wanted: u32| ids.iter().position(|&id| id == wanted).unwrap_or(0);
        match self.config.pooling {
            TextPooling::ArgmaxId => first(ids.iter().copied().max().unwrap_or(0)),
            TextPooling::FirstEos(eos) => first(eos),
        }
    }
}
