//! The parameters of a CLIP model in one form, loaded from either layout or random.
//!
//! All matrices are in the orientation of a linear layer, `[out, in]`, so that `y = x Wᵀ + b`. The
//! Hugging Face layout stores query, key and value apart and open_clip together; open_clip stores
//! its projections as `[in, out]`. Both differences are resolved here.
//!
//! Blocks are read one at a time ([`Blocks::get`]): a large model has 1.7 GB of weights in F32, which should not be
//! in memory twice during the upload. [`load`] nevertheless checks all names and shapes, so a file that does not fit
//! fails early.

mod blocks;
mod host;
mod random;

pub use blocks::Blocks;
pub use host::{Affine, BlockWeights, HostTensor};

use super::config::{ClipConfig, Layout};
use super::error::ModelError;
use super::folder::Folder;
use super::noise::Noise;
use super::weights::{Allowed, Checkpoint, HostTable};
use crate::words::plural;
use host::read;
use std::path::Path;
use std::sync::Arc;

/// The vision tower of width `w`, patch side `p`, grid side `g` and embedding length `e`.
#[derive(Debug, Clone)]
pub struct VisionWeights {
    /// The class token, `[w]`.
    pub class_embedding: HostTensor,
    /// The patch convolution as a matrix, `[w, 3 p p]`; columns in channel, row, column order.
    pub patch_embedding: HostTensor,
    /// Class token first, then patches row by row: `[1 + g g, w]`.
    pub position_embedding: HostTensor,
    /// Layer norm before the blocks, `[w]`.
    pub ln_pre: Affine,
    /// The transformer.
    pub blocks: Blocks,
    /// Layer norm after the blocks, `[w]`.
    pub ln_post: Affine,
    /// Into the shared embedding, `[e, w]`, without bias.
    pub projection: HostTensor,
}

/// The text tower of width `w`, context length `t` and embedding length `e`.
#[derive(Debug, Clone)]
pub struct TextWeights {
    /// The token table, `[vocab_size, w]`, left in the file: at 152 MB in F32 (ViT-L/14) it is larger
    /// than the 128 MiB storage binding that every device offers, and a run uses a few dozen rows.
    pub token_embedding: HostTable,
    /// `[t, w]`.
    pub position_embedding: HostTensor,
    /// The transformer.
    pub blocks: Blocks,
    /// Layer norm after the blocks, `[w]`.
    pub ln_final: Affine,
    /// Into the shared embedding, `[e, w]`, without bias.
    pub projection: HostTensor,
}

/// All parameters of a model, from a folder or random.
#[derive(Debug, Clone)]
pub struct ClipWeights {
    /// Sizes and settings.
    pub config: ClipConfig,
    /// Image side.
    pub vision: VisionWeights,
    /// Text side.
    pub text: TextWeights,
    /// Factor on cosine similarities before the softmax. Files hold its logarithm; this is the
    /// factor itself, 100 for OpenAI's models.
    pub logit_scale: f32,
    /// What the user should know of the file, one sentence each.
    pub notes: Vec<String>,
}

/// Logit scale of models with random weights: the one that OpenAI's models ended training with.
const RANDOM_LOGIT_SCALE: f32 = 100.0;

/// Reads the model in `folder`: configuration and everything but the blocks, whose presence and
/// shapes are checked. `matrices` says which values are allowed in the matrices of linear layers, which may be stored
/// as float16; all other weights must be finite.
///
/// # Errors
/// Everything that [`ClipConfig::from_folder`] and [`Checkpoint::open`] report; tensors that are
/// missing, do not have the shape that the configuration implies, or have a value that is not allowed.
pub fn load(folder: &Path, matrices: Allowed) -> Result<ClipWeights, ModelError> {
    read_model(Folder::Disk(folder), matrices)
}

/// As [`load`], for files that may be in memory.
///
/// # Errors
/// As [`load`].
pub fn read_model(folder: Folder<'_>, matrices: Allowed) -> Result<ClipWeights, ModelError> {
    let config = ClipConfig::read(folder)?;
    let file = Arc::new(Checkpoint::read(folder, config.layout)?);
    check_towers(&file, &config)?;
    let vision = vision_weights(&file, &config, matrices)?;
    let text = text_weights(&file, &config, matrices)?;
    let logit_scale = logit_scale(&file)?;
    let notes = unused(&file).into_iter().collect();
    Ok(ClipWeights { config, vision, text, logit_scale, notes })
}

/// Refuses one tower that was saved alone, and names the missing one.
fn check_towers(file: &Checkpoint, config: &ClipConfig) -> Result<(), ModelError> {
    let (vision, text) = config.layout.towers();
    let has = |start: &str| file.names().any(|name| name.starts_with(start));
    let missing = match (has(vision), text.iter().any(|start| has(start))) {
        (true, false) => "the text tower is missing: these are the weights of the vision tower alone",
        (false, true) => "the vision tower is missing: these are the weights of the text tower alone",
        _ => return Ok(()),
    };
    Err(ModelError::NotAModel {
        path: file.path().to_owned(),
        problem: missing.into(),
        fix: "take the file that has both towers and their projections".into(),
    })
}

/// A note on the tensors that no part of the network reads. Plausible, wrong results come from them when they change
/// the others: an adapter that was not merged into the weights, a bias of a projection.
fn unused(file: &Checkpoint) -> Option<String> {
    /// Tensors that files carry along and that say nothing but sizes, positions and the causal mask.
    const IDLE: [&str; 6] = [
        "position_ids",
        "attn_mask",
        "input_resolution",
        "context_length",
        "vocab_size",
        "num_batches_tracked",
    ];
    let is_idle = |name: &&str| IDLE.contains(&name.rsplit('.').next().unwrap_or(name));
    let names: Vec<&str> = file.unused().into_iter().filter(|name| !is_idle(name)).collect();
    let first: Vec<String> = names.iter().take(3).map(|name| format!("`{name}`")).collect();
    let hint = match names.iter().any(|name| name.contains("lora_")) {
        true => "; LoRA changes the model only once it is merged into the weights",
        false => "",
    };
    (!names.is_empty()).then(|| {
        format!(
            "{}: {} of {} are not part of CLIP's network and are not used: {}{}{hint}",
            file.path().display(),
            names.len(),
            plural(file.names().count(), "tensor"),
            first.join(", "),
            if names.len() > first.len() { ", …" } else { "" }
        )
    })
}

/// A model of this architecture whose parameters depend on the seed only. Blocks and rows of the token table are
/// generated on demand.
pub fn random(config: ClipConfig, seed: u64) -> ClipWeights {
    let (vision, text) = (Noise::new(seed).part(0), Noise::new(seed).part(1));
    let (w, p, g) = (config.vision.tower.width, config.vision.patch_size, config.vision.grid());
    let (t, embed) = (config.text.tower.width, config.embed_dim);
    let vision = VisionWeights {
        class_embedding: random::embedding(vision.part(0), &[w]),
        patch_embedding: random::matrix(vision.part(1), w, 3 * p * p, 1.0),
        position_embedding: random::embedding(vision.part(2), &[1 + g * g, w]),
        ln_pre: random::norm(w),
        blocks: Blocks::random(vision.part(3), &config.vision.tower),
        ln_post: random::norm(w),
        projection: random::matrix(vision.part(4), embed, w, 1.0),
    };
    let text = TextWeights {
        token_embedding: HostTable::random(text.part(0), config.text.vocab_size, t),
        position_embedding: random::embedding(text.part(1), &[config.text.context_length, t]),
        blocks: Blocks::random(text.part(2), &config.text.tower),
        ln_final: random::norm(t),
        projection: random::matrix(text.part(3), embed, t, 1.0),
    };
    ClipWeights { config, vision, text, logit_scale: RANDOM_LOGIT_SCALE, notes: Vec::new() }
}

fn vision_weights(
    file: &Arc<Checkpoint>,
    config: &ClipConfig,
    matrices: Allowed,
) -> Result<VisionWeights, ModelError> {
    let (w, p, g) = (config.vision.tower.width, config.vision.patch_size, config.vision.grid());
    let tensor = |name: &str, shape: &[usize]| read(file, &[name.into()], shape, Allowed::Finite);
    let [class, patch, position, ln_pre, ln_post, projection, blocks] = match config.layout {
        Layout::HuggingFace => [
            "vision_model.embeddings.class_embedding",
            "vision_model.embeddings.patch_embedding.weight",
            "vision_model.embeddings.position_embedding.weight",
            "vision_model.pre_layrnorm", // spelt so in every such file
            "vision_model.post_layernorm",
            "visual_projection.weight",
            "vision_model.encoder.layers.",
        ],
        Layout::OpenClip => [
            "visual.class_embedding",
            "visual.conv1.weight",
            "visual.positional_embedding",
            "visual.ln_pre",
            "visual.ln_post",
            "visual.proj",
            "visual.transformer.resblocks.",
        ],
    };
    let mut patch_embedding = read(file, &[patch.into()], &[w, 3, p, p], matrices)?;
    patch_embedding.shape = vec![w, 3 * p * p];
    Ok(VisionWeights {
        class_embedding: tensor(class, &[w])?,
        patch_embedding,
        position_embedding: tensor(position, &[1 + g * g, w])?,
        ln_pre: layer_norm(file, ln_pre, w)?,
        blocks: Blocks::open(file, config.layout, blocks, &config.vision.tower, matrices)?,
        ln_post: layer_norm(file, ln_post, w)?,
        projection: read_projection(file, config, projection, w, matrices)?,
    })
}

fn text_weights(
    file: &Arc<Checkpoint>,
    config: &ClipConfig,
    matrices: Allowed,
) -> Result<TextWeights, ModelError> {
    let w = config.text.tower.width;
    let [token, position, ln_final, projection, blocks] = match config.layout {
        Layout::HuggingFace => [
            "text_model.embeddings.token_embedding.weight",
            "text_model.embeddings.position_embedding.weight",
            "text_model.final_layer_norm",
            "text_projection.weight",
            "text_model.encoder.layers.",
        ],
        Layout::OpenClip => [
            "token_embedding.weight",
            "positional_embedding",
            "ln_final",
            "text_projection",
            "transformer.resblocks.",
        ],
    };
    Ok(TextWeights {
        token_embedding: file.table(token, config.text.vocab_size, w)?,
        position_embedding: read(
            file,
            &[position.into()],
            &[config.text.context_length, w],
            Allowed::Finite,
        )?,
        blocks: Blocks::open(file, config.layout, blocks, &config.text.tower, matrices)?,
        ln_final: layer_norm(file, ln_final, w)?,
        projection: read_projection(file, config, projection, w, matrices)?,
    })
}

/// The exponential of `logit_scale`, which is stored as a scalar or a tensor of one element.
fn logit_scale(file: &Checkpoint) -> Result<f32, ModelError> {
    let view = file.any_shape("logit_scale")?;
    let view = if view.shape == [1] { view } else { file.tensor("logit_scale", &[])? };
    let stored = view.to_f32()?.first().copied().unwrap_or_default();
    let scale = stored.exp();
    // OpenAI clamps it at 100. A factor without bound, or of 0, leaves no probabilities to tell apart.
    if !scale.is_finite() || scale < f32::MIN_POSITIVE {
        return Err(ModelError::Value {
            path: view.path().to_owned(),
            tensor: view.name.into(),
            index: vec![0; view.shape.len()],
            value: stored,
            fix: "its exponential is the factor on cosines, which must be positive and finite; models have up to \
                  4.6052 there, the logarithm of 100",
        });
    }
    Ok(scale)
}

/// `[embed_dim, width]` from either orientation.
fn read_projection(
    file: &Checkpoint,
    config: &ClipConfig,
    name: &str,
    width: usize,
    matrices: Allowed,
) -> Result<HostTensor, ModelError> {
    let embed = config.embed_dim;
    match config.layout {
        Layout::HuggingFace => read(file, &[name.into()], &[embed, width], matrices),
        Layout::OpenClip => Ok(transposed(read(file, &[name.into()], &[width, embed], matrices)?)),
    }
}

/// The transpose of a matrix.
fn transposed(matrix: HostTensor) -> HostTensor {
    let (rows, cols) = (matrix.shape[0], matrix.shape[1]);
    let data = (0..rows * cols).map(|i| matrix.data[(i % rows) * cols + i / rows]).collect();
    HostTensor { shape: vec![cols, rows], data }
}

fn layer_norm(file: &Checkpoint, name: &str, width: usize) -> Result<Affine, ModelError> {
    Ok(Affine {
        weight: read(file, &[format!("{name}.weight")], &[width], Allowed::Finite)?,
        bias: read(file, &[format!("{name}.bias")], &[width], Allowed::Finite)?,
    })
}

#[cfg(test)]
mod tests;
