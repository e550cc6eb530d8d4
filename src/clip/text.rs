//! CLIP's text transformer.

use super::config::{TextConfig, TextPooling};
use super::parameters::TextWeights;
use super::transformer::{ClipError, LayerTokens, Placement, Transformer, norm, projection};
use super::weights::HostTable;
use crate::autograd::{Tape, Var};
use crate::gpu::Gpu;
use crate::ops::{self, Indices, Linear, Norm, OpError, Tensor};

/// The text tower. The token table stays in the file: at 49,408 × 768 × 4 bytes it is
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
        placement: Placement,
    ) -> Result<Self, ClipError> {
        let width = config.tower.width;
        Ok(Self {
            position: Tensor::upload_weight(
                gpu,
                &weights.position_embedding.data,
                &[config.context_length, width],
            )?,
            transformer: Transformer::upload(gpu, &config.tower, &weights.blocks, true, placement)?,
            ln_final: norm(gpu, &weights.ln_final, config.tower.layer_norm_eps)?,
            projection: projection(gpu, &weights.projection, placement)?,
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

    /// Encodes token ids, each of context length: [texts, embed_dim], not normalised.
    ///
    /// # Errors
    /// [`ClipError::Request`] for a sequence of another length; [`ModelError::Row`](super::ModelError::Row) for an id
    /// that is not in the table.
    pub fn forward(&self, gpu: &Gpu, ids: &[Vec<u32>]) -> Result<Tensor, ClipError> {
        let length = self.config.context_length;
        if let Some(bad) = ids.iter().find(|s| s.len() != length) {
            return Err(ClipError::Request(format!(
                "a sequence has {} token ids, expected {length}",
                bad.len()
            )));
        }
        let _scope = gpu.scope("text forward", format_args!("×{}", ids.len()));
        let (table, index) = self.embedding_rows(gpu, ids)?;
        // The layer norm is per token, so pooling may come before it.
        let ends: Vec<u32> =
            ids.iter().enumerate().map(|(i, s)| (i * length + self.pooled_position(s)) as u32).collect();
        let ends = Indices::upload(gpu, &ends)?;
        let embedded = ops::gather(gpu, &table, &index)?;
        let embedded = embedded.reshape(&[ids.len(), length, self.config.tower.width])?;
        let tape = Tape::inference(gpu);
        let mut x = Var::constant(ops::with_positions(gpu, &embedded, &self.position, None)?);
        drop(embedded);
        for layer in 0..self.transformer.depth() {
            x = self.transformer.block(&tape, layer, &x, self.transformer.causal())?;
        }
        let pooled = ops::gather(gpu, x.tensor(), &ends)?;
        Ok(self.projection.forward(gpu, &self.ln_final.forward(gpu, &pooled)?, None, None)?)
    }

    /// Encodes embedded sequences x [texts, context length, width] with layer tokens; `positions` are the pooled
    /// positions, counted in the sequence after the last block. Result: [texts, embed_dim], not normalised.
    ///
    /// With fewer layers of tokens than blocks, the first block without tokens of its own still attends to those of
    /// the block before it; then inserted tokens are removed from the sequence, as DAPO does.
    pub fn forward_with_tokens<'m>(
        &'m self,
        tape: &Tape<'m>,
        x: &Var,
        tokens: LayerTokens<'_>,
        positions: &[usize],
        causal: bool,
    ) -> Result<Var, OpError> {
        let _scope = tape.gpu().scope("text forward", format_args!("×{}", positions.len()));
        let mut x = tape.with_positions(x, &self.position, None)?;
        for layer in 0..self.transformer.depth() {
            x = self.transformer.block(tape, layer, &tokens.apply(tape, layer, &x)?, causal)?;
            if tokens.inserted() > 0 && layer == tokens.layers.len() {
                x = tape.remove_tokens(&x, tokens.inserted())?;
            }
        }
        let length = x.shape()[1];
        let rows: Vec<u32> = positions.iter().enumerate().map(|(i, at)| (i * length + at) as u32).collect();
        let pooled = tape.gather(&x, &rows)?;
        tape.linear(&tape.norm(&pooled, &self.ln_final)?, &self.projection, None, None)
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.transformer.depth()
    }

    /// Channels of a token.
    pub fn width(&self) -> usize {
        self.config.tower.width
    }

    /// Rows of the token table, [ids, width].
    ///
    /// # Errors
    /// [`ModelError::Row`](super::ModelError::Row) for an id that is not in the table.
    pub fn token_rows(&self, ids: &[u32]) -> Result<Vec<f32>, ClipError> {
        Ok(self.token_embedding.rows(ids)?)
    }

    /// The hidden state of the start token at the input of each block, `[depth][width]`. With a causal mask it attends
    /// to itself alone, so it is the same in every sequence.
    ///
    /// # Errors
    /// [`ModelError::Row`](super::ModelError::Row) for an id that is not in the table.
    pub fn start_token_states(&self, gpu: &Gpu, start_id: u32) -> Result<Vec<Vec<f32>>, ClipError> {
        let width = self.width();
        let position = self.position.read(gpu)?;
        let mut token: Vec<f32> =
            self.token_rows(&[start_id])?.iter().zip(&position).map(|(t, p)| t + p).collect();
        let tape = Tape::inference(gpu);
        let mut x = Var::constant(Tensor::upload(gpu, &token, &[1, 1, width])?);
        let mut entering = Vec::with_capacity(self.depth());
        for layer in 0..self.depth() {
            x = self.transformer.block(&tape, layer, &x, self.transformer.causal())?;
            entering.push(std::mem::replace(&mut token, x.tensor().read(gpu)?));
        }
        Ok(entering)
    }

    /// Mean and unbiased standard deviation of each channel of the token table, `[width]` each.
    ///
    /// # Errors
    /// None for a table of a model: every id is a row.
    pub fn token_statistics(&self) -> Result<(Vec<f64>, Vec<f64>), ClipError> {
        let (width, count) = (self.width(), self.config.vocab_size);
        let ids: Vec<u32> = (0..count as u32).collect();
        let (mut sum, mut square) = (vec![0.0f64; width], vec![0.0f64; width]);
        // Relative to the first row, against cancellation in the squares.
        let base = self.token_rows(&ids[..1])?;
        for some in ids.chunks(4096) {
            for row in self.token_rows(some)?.chunks(width) {
                for c in 0..width {
                    let d = f64::from(row[c]) - f64::from(base[c]);
                    sum[c] += d;
                    square[c] += d * d;
                }
            }
        }
        let n = count as f64;
        let deviation = |c: usize| ((square[c] - sum[c] * sum[c] / n) / (n - 1.0).max(1.0)).max(0.0).sqrt();
        let deviations = (0..width).map(deviation).collect();
        Ok((sum.iter().zip(&base).map(|(s, &b)| s / n + f64::from(b)).collect(), deviations))
    }

    /// The table rows that these ids use, and the ids as indices into those rows.
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

    /// The position that CLIP pools: that of the end-of-text token.
    pub fn pooled_position(&self, ids: &[u32]) -> usize {
        let first = |wanted: u32| ids.iter().position(|&id| id == wanted).unwrap_or(0);
        match self.config.pooling {
            TextPooling::ArgmaxId => first(ids.iter().copied().max().unwrap_or(0)),
            TextPooling::FirstEos(eos) => first(eos),
        }
    }
}
