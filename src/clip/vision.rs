//! CLIP's vision transformer.

use super::config::VisionConfig;
use super::parameters::VisionWeights;
use super::transformer::{ClipError, LayerTokens, Placement, Transformer, norm, projection};
use crate::autograd::{Tape, Var};
use crate::gpu::Gpu;
use crate::ops::{self, Filter, Indices, Linear, Norm, OpError, Sampling, Tensor};

/// Largest edge accepted: keeps products of sizes within 64 bits.
const MAX_IMAGE_SIZE: usize = 1 << 16;

/// The vision tower for one image size.
#[derive(Debug)]
pub struct VisionTower {
    config: VisionConfig,
    image_size: usize,
    class_token: Tensor,
    patch_embedding: Linear,
    position: Tensor,
    ln_pre: Norm,
    transformer: Transformer,
    ln_post: Norm,
    projection: Linear,
    /// See [`VisionTower::patch_projection`].
    patch_projection: (Vec<f32>, Vec<f32>),
}

/// The vision tower's output for a batch.
#[derive(Debug)]
pub struct VisionOutput {
    /// [images, embed_dim], not normalised.
    pub image_features: Tensor,
    /// All patch tokens of the last block through `ln_post` and the projection, like the class token:
    /// [images, cells, embed_dim], not normalised. Only if requested.
    pub patch_features: Option<Tensor>,
    /// The hidden states of the patches after the blocks that were asked for, without `ln_post`:
    /// [images, cells, width] each.
    pub states: Vec<Tensor>,
}

impl VisionTower {
    /// Uploads the tower and resamples its positional embedding to `image_size` pixels.
    ///
    /// # Errors
    /// [`ClipError::Request`] when the patch does not divide the size; [`ModelError`](super::ModelError) of a block.
    pub(super) fn upload(
        gpu: &Gpu,
        config: &VisionConfig,
        weights: &VisionWeights,
        image_size: usize,
        placement: Placement,
    ) -> Result<Self, ClipError> {
        let patch = config.patch_size;
        if image_size > MAX_IMAGE_SIZE {
            return Err(ClipError::Request(format!(
                "image size {image_size}: more than {MAX_IMAGE_SIZE} pixels fit no device; use a smaller --image-size"
            )));
        }
        if image_size == 0 || !image_size.is_multiple_of(patch) {
            let below = (image_size / patch * patch).max(patch);
            return Err(ClipError::Request(format!(
                "image size {image_size}: this model cuts images into patches of {patch} pixels, which must divide \
                 the size; try --image-size {below} or {}",
                below + patch
            )));
        }
        let width = config.tower.width;
        let epsilon = config.tower.layer_norm_eps;
        // No gradient with respect to the pixels is needed.
        let frozen = Placement { training: false, ..placement };
        Ok(Self {
            image_size,
            class_token: Tensor::upload_weight(gpu, &weights.class_embedding.data, &[width])?,
            patch_embedding: projection(gpu, &weights.patch_embedding, frozen)?,
            position: resampled_positions(
                gpu,
                &weights.position_embedding.data,
                width,
                config.grid(),
                image_size / patch,
            )?,
            ln_pre: norm(gpu, &weights.ln_pre, epsilon)?,
            transformer: Transformer::upload(gpu, &config.tower, &weights.blocks, false, placement)?,
            ln_post: norm(gpu, &weights.ln_post, epsilon)?,
            projection: projection(gpu, &weights.projection, placement)?,
            patch_projection: fold_layer_norm(weights),
            config: config.clone(),
        })
    }

    /// `ln_post` and the projection folded into one linear layer, weight [embed_dim, width] and bias `[embed_dim]`.
    /// For a token of unit variance the result is the same; for one of standard deviation σ, with the bias times σ, it
    /// is σ times the original, which does not change cosines.
    pub fn patch_projection(&self) -> (&[f32], &[f32]) {
        (&self.patch_projection.0, &self.patch_projection.1)
    }

    /// Edge of the images in pixels.
    pub fn image_size(&self) -> usize {
        self.image_size
    }

    /// Patches along an edge.
    pub fn grid(&self) -> usize {
        self.image_size / self.config.patch_size
    }

    /// The positional embedding at this size, [1 + cells, width].
    pub fn position_embedding(&self) -> &Tensor {
        &self.position
    }

    /// The most images whose every activation fits one binding of the device.
    pub fn max_batch(&self, gpu: &Gpu) -> usize {
        let tower = &self.config.tower;
        let tokens = 1 + self.grid() * self.grid();
        let row = (3 * self.config.patch_size.pow(2)).next_multiple_of(4);
        let widest = (3 * tower.width).max(tower.mlp_width).max(row);
        let limits = &gpu.capabilities().limits;
        (limits.storage_binding.min(limits.buffer) / (4 * tokens * widest) as u64).max(1) as usize
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.transformer.depth()
    }

    /// Channels of a token.
    pub fn width(&self) -> usize {
        self.config.tower.width
    }

    /// Encodes pixels [images, 3, size, size] as plain CLIP does; `with_patches` requests the patch features, `layers` the
    /// hidden states of the patches after these blocks, counted from 1.
    pub fn forward(
        &self,
        gpu: &Gpu,
        pixels: &Tensor,
        with_patches: bool,
        layers: &[usize],
    ) -> Result<VisionOutput, OpError> {
        let images = pixels.shape()[0];
        let _scope = gpu.scope("vision forward", format_args!("×{images}"));
        let tape = Tape::inference(gpu);
        let length = 1 + self.grid() * self.grid();
        // Uploads first: one in between would split the recording into another submit.
        let class = Indices::upload(gpu, &rows(images, length, 0..1))?;
        let patches = with_patches || !layers.is_empty();
        let cells = patches.then(|| Indices::upload(gpu, &rows(images, length, 1..length))).transpose()?;
        let mut states = Vec::with_capacity(layers.len());
        let mut x = self.embed(&tape, pixels)?;
        for index in 0..self.transformer.depth() {
            x = self.transformer.block(&tape, index, &x, false)?;
            if let Some(cells) = cells.as_ref().filter(|_| layers.contains(&(index + 1))) {
                let state = ops::gather(gpu, x.tensor(), cells)?;
                states.push(state.reshape(&[images, length - 1, self.width()])?);
            }
        }
        let x = x.tensor();
        let project = |rows: &Indices| {
            let rows = ops::gather(gpu, x, rows)?;
            self.projection.forward(gpu, &self.ln_post.forward(gpu, &rows)?, None, None)
        };
        let image_features = project(&class)?;
        let patch_features = cells
            .filter(|_| with_patches)
            .map(|cells| {
                let features = project(&cells)?;
                features.reshape(&[images, length - 1, features.last()])
            })
            .transpose()?;
        Ok(VisionOutput { image_features, patch_features, states })
    }

    /// Encodes pixels [images, 3, size, size] with layer tokens, and returns the patches' hidden states after the
    /// blocks of each of `layers`, counted from 1.
    pub fn forward_with_tokens<'m, const N: usize>(
        &'m self,
        tape: &Tape<'m>,
        pixels: &Tensor,
        tokens: LayerTokens<'_>,
        layers: [&[usize]; N],
    ) -> Result<VisionStates<N>, OpError> {
        let images = pixels.shape()[0];
        let _scope = tape.gpu().scope("vision forward", format_args!("×{images}"));
        let (cells, count) = (self.grid() * self.grid(), tokens.inserted());
        let length = 1 + count + cells;
        let mut x = self.embed(tape, pixels)?;
        let mut states = layers.map(|layers| Vec::with_capacity(layers.len()));
        for index in 0..self.transformer.depth() {
            x = self.transformer.block(tape, index, &tokens.apply(tape, index, &x)?, false)?;
            for (states, layers) in states.iter_mut().zip(layers) {
                for _ in layers.iter().filter(|&&layer| layer == index + 1) {
                    let patches = tape.gather(&x, &rows(images, length, 1 + count..length))?;
                    states.push(patches.reshape(tape, &[images, cells, self.width()])?);
                }
            }
        }
        let class = tape.gather(&x, &rows(images, length, 0..1))?;
        let image_features = tape.linear(&tape.norm(&class, &self.ln_post)?, &self.projection, None, None)?;
        Ok(VisionStates { image_features, states })
    }

    /// Encodes pixels [images, 3, size, size] as plain CLIP does, except for the patches: before the last `blocks`
    /// blocks a second residual stream branches off, to which each of these blocks adds its V-V attention and no MLP
    /// (CLIP Surgery, Li et al. 2023, arXiv 2304.05653). Patch features are better localised this way. The hidden states
    /// after the blocks `layers` are those of plain CLIP.
    pub fn forward_with_vv_attention(
        &self,
        gpu: &Gpu,
        pixels: &Tensor,
        blocks: usize,
        layers: &[usize],
    ) -> Result<VisionOutput, OpError> {
        let images = pixels.shape()[0];
        let _scope = gpu.scope("vision forward", format_args!("×{images}"));
        let tape = Tape::inference(gpu);
        let length = 1 + self.grid() * self.grid();
        let mut x = self.embed(&tape, pixels)?;
        let mut local: Option<Tensor> = None;
        let mut states = Vec::with_capacity(layers.len());
        for index in 0..self.depth() {
            if index + blocks >= self.depth() {
                let added = self.transformer.vv_attention(gpu, index, x.tensor())?;
                let before = local.as_ref().unwrap_or(x.tensor());
                local = Some(ops::combine(gpu, 1.0, before, 1.0, &added)?);
            }
            x = self.transformer.block(&tape, index, &x, false)?;
            if layers.contains(&(index + 1)) {
                let cells = Indices::upload(gpu, &rows(images, length, 1..length))?;
                let state = ops::gather(gpu, x.tensor(), &cells)?;
                states.push(state.reshape(&[images, length - 1, self.width()])?);
            }
        }
        let project = |x: &Tensor, tokens| {
            let rows = ops::gather(gpu, x, &Indices::upload(gpu, &rows(images, length, tokens))?)?;
            self.projection.forward(gpu, &self.ln_post.forward(gpu, &rows)?, None, None)
        };
        let patches = project(local.as_ref().unwrap_or(x.tensor()), 1..length)?;
        Ok(VisionOutput {
            image_features: project(x.tensor(), 0..1)?,
            patch_features: Some(patches.reshape(&[images, length - 1, patches.last()])?),
            states,
        })
    }

    /// Statistics of the tokens at each block for pixels [images, 3, size, size].
    pub fn token_statistics(&self, gpu: &Gpu, pixels: &Tensor) -> Result<Vec<TokenStatistics>, OpError> {
        let tape = Tape::inference(gpu);
        let mut x = self.embed(&tape, pixels)?;
        let length = 1 + self.grid() * self.grid();
        let mut all = Vec::with_capacity(self.depth());
        for index in 0..self.depth() {
            let count = x.tensor().rows() as f32;
            let sum = ops::column_sums(gpu, x.tensor())?.read(gpu)?;
            x = self.transformer.block(&tape, index, &x, false)?;
            all.push(TokenStatistics {
                mean: sum.into_iter().map(|s| s / count).collect(),
                std: mean_std(&x.tensor().read(gpu)?, self.width(), length),
            });
        }
        Ok(all)
    }

    /// Patches, class token and positions through `ln_pre`: [images, 1 + cells, width].
    fn embed<'m>(&'m self, tape: &Tape<'m>, pixels: &Tensor) -> Result<Var, OpError> {
        let gpu = tape.gpu();
        let rows = ops::patches(gpu, pixels, self.config.patch_size)?;
        let embedded = self.patch_embedding.forward(gpu, &rows, None, None)?;
        drop(rows);
        let tokens = ops::with_positions(gpu, &embedded, &self.position, Some(&self.class_token))?;
        drop(embedded);
        Ok(Var::constant(self.ln_pre.forward(gpu, &tokens)?))
    }
}

/// Statistics of the tokens at a block.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenStatistics {
    /// The mean of all tokens at the block's input, `[width]`.
    pub mean: Vec<f32>,
    /// The mean over the patch tokens at its output of the standard deviation over channels.
    pub std: f32,
}

/// The standard deviation over channels, averaged over the tokens of [images, length, width] without the first token
/// of each sequence.
fn mean_std(x: &[f32], width: usize, length: usize) -> f32 {
    let patches = x.chunks(width).enumerate().filter(|(row, _)| row % length != 0);
    let deviations: Vec<f64> = patches
        .map(|(_, token)| {
            let n = width as f64;
            let mean = token.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
            (token.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt()
        })
        .collect();
    (deviations.iter().sum::<f64>() / deviations.len().max(1) as f64) as f32
}

/// W and b such that P·(γ∘(x − mean x) + β) = W·x + b.
fn fold_layer_norm(weights: &VisionWeights) -> (Vec<f32>, Vec<f32>) {
    let (scale, shift) = (&weights.ln_post.weight.data, &weights.ln_post.bias.data);
    let rows = weights.projection.data.chunks(scale.len());
    let mut folded = (Vec::new(), Vec::new());
    for row in rows {
        let scaled: Vec<f32> = row.iter().zip(scale).map(|(p, s)| p * s).collect();
        let mean = scaled.iter().sum::<f32>() / scaled.len() as f32;
        folded.0.extend(scaled.iter().map(|w| w - mean));
        folded.1.push(row.iter().zip(shift).map(|(p, s)| p * s).sum());
    }
    folded
}

/// The vision tower's output for a batch with layer tokens.
#[derive(Debug)]
pub struct VisionStates<const N: usize> {
    /// [images, embed_dim], not normalised.
    pub image_features: Var,
    /// For each list of layers the hidden states of the patches after these, without `ln_post`: [images, cells, width].
    pub states: [Vec<Var>; N],
}

/// Row indices of these tokens in a batch of sequences, sequence by sequence.
fn rows(images: usize, length: usize, tokens: std::ops::Range<usize>) -> Vec<u32> {
    (0..images).flat_map(|i| tokens.clone().map(move |token| (i * length + token) as u32)).collect()
}

/// The positional embedding [1 + from², width] for `grid` patches along an edge: the class position unchanged, the
/// others by antialiased bicubic resampling.
fn resampled_positions(
    gpu: &Gpu,
    native: &[f32],
    width: usize,
    from: usize,
    grid: usize,
) -> Result<Tensor, OpError> {
    if from == grid {
        return Tensor::upload_weight(gpu, native, &[1 + grid * grid, width]);
    }
    let (class, cells) = native.split_at(width);
    let cells = Tensor::upload(gpu, cells, &[1, from, from, width])?;
    let resampled =
        ops::resample(gpu, &cells, (grid, grid), Filter::Cubic, Sampling::Antialias, false)?.read(gpu)?;
    Tensor::upload_weight(gpu, &[class, &resampled].concat(), &[1 + grid * grid, width])
}
