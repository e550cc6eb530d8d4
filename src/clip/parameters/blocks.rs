//! The transformer blocks of a tower.

use super::host::{Affine, BlockWeights, read};
use super::random::block as random_block;
use crate::clip::config::{Layout, TowerConfig};
use crate::clip::error::ModelError;
use crate::clip::noise::Noise;
use crate::clip::weights::{Allowed, Checkpoint};
use std::sync::Arc;

/// The blocks of one tower, each read or generated on demand.
#[derive(Debug, Clone)]
pub struct Blocks {
    source: Source,
    tower: TowerConfig,
}

/// Where the blocks come from.
#[derive(Debug, Clone)]
enum Source {
    /// An open file.
    File {
        file: Arc<Checkpoint>,
        layout: Layout,
        /// Everything before the block's number.
        prefix: &'static str,
        /// Which values its matrices may have.
        matrices: Allowed,
    },
    /// Random numbers.
    Noise(Noise),
}

/// Where one [`Affine`] of a block comes from.
struct Part {
    /// Layers to stack along the output; their weights have the shape `weight` each.
    layers: &'static [&'static str],
    /// Between the layer's name and `weight` or `bias`.
    separator: char,
    weight: Vec<usize>,
}

impl Part {
    /// Names and common shape of the tensors called `suffix` in the block whose names start with `block`.
    fn tensors(&self, block: &str, suffix: &str) -> (Vec<String>, Vec<usize>) {
        let names =
            self.layers.iter().map(|layer| format!("{block}{layer}{}{suffix}", self.separator)).collect();
        (names, if suffix == "bias" { vec![self.weight[0]] } else { self.weight.clone() })
    }
}

impl Blocks {
    /// Checks that every block is present with the right shapes, and that there are no more.
    pub(super) fn open(
        file: &Arc<Checkpoint>,
        layout: Layout,
        prefix: &'static str,
        tower: &TowerConfig,
        matrices: Allowed,
    ) -> Result<Self, ModelError> {
        let layers = tower.layers;
        for index in 0..layers {
            for part in parts(layout, tower) {
                for suffix in ["weight", "bias"] {
                    let (names, shape) = part.tensors(&format!("{prefix}{index}."), suffix);
                    names.iter().try_for_each(|name| file.tensor(name, &shape).map(drop))?;
                }
            }
        }
        let surplus = format!("{prefix}{layers}.");
        match file.names().find(|name| name.starts_with(&surplus)) {
            None => Ok(Blocks {
                source: Source::File { file: file.clone(), layout, prefix, matrices },
                tower: tower.clone(),
            }),
            Some(name) => {
                Err(ModelError::ExtraLayers { path: file.path().to_owned(), tensor: name.into(), layers })
            }
        }
    }

    /// Random blocks of this tower.
    pub(super) fn random(noise: Noise, tower: &TowerConfig) -> Self {
        Blocks { source: Source::Noise(noise), tower: tower.clone() }
    }

    /// Number of blocks.
    #[allow(clippy::len_without_is_empty)] // a tower has at least one
    pub fn len(&self) -> usize {
        self.tower.layers
    }

    /// Block `index`, counted from 0 at the input.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] when a file has no such block; [`ModelError::Value`] for a weight that is not
    /// allowed; what can go wrong with reading.
    pub fn get(&self, index: usize) -> Result<BlockWeights, ModelError> {
        let (file, layout, prefix, matrices) = match &self.source {
            Source::File { file, layout, prefix, matrices } => (file, *layout, prefix, *matrices),
            Source::Noise(noise) => return Ok(random_block(noise.part(index as u64), &self.tower)),
        };
        let block = format!("{prefix}{index}.");
        let affine = |part: Part| -> Result<Affine, ModelError> {
            let [weight, bias] = ["weight", "bias"].map(|suffix| {
                let (names, shape) = part.tensors(&block, suffix);
                read(file, &names, &shape, if shape.len() == 2 { matrices } else { Allowed::Finite })
            });
            Ok(Affine { weight: weight?, bias: bias? })
        };
        let [ln_1, attn_in, attn_out, ln_2, mlp_fc, mlp_proj] = parts(layout, &self.tower);
        Ok(BlockWeights {
            ln_1: affine(ln_1)?,
            attn_in: affine(attn_in)?,
            attn_out: affine(attn_out)?,
            ln_2: affine(ln_2)?,
            mlp_fc: affine(mlp_fc)?,
            mlp_proj: affine(mlp_proj)?,
        })
    }

    /// All blocks in order, each read when the iterator reaches it.
    pub fn iter(&self) -> impl Iterator<Item = Result<BlockWeights, ModelError>> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// The six layers of a block in the order of [`BlockWeights`].
fn parts(layout: Layout, tower: &TowerConfig) -> [Part; 6] {
    let (d, m) = (tower.width, tower.mlp_width);
    let part = |layers, weight| Part { layers, separator: '.', weight };
    match layout {
        Layout::HuggingFace => [
            part(&["layer_norm1"], vec![d]),
            part(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], vec![d, d]),
            part(&["self_attn.out_proj"], vec![d, d]),
            part(&["layer_norm2"], vec![d]),
            part(&["mlp.fc1"], vec![m, d]),
            part(&["mlp.fc2"], vec![d, m]),
        ],
        Layout::OpenClip => [
            part(&["ln_1"], vec![d]),
            // torch's own attention module names these `in_proj_weight` and `in_proj_bias`.
            Part { layers: &["attn.in_proj"], separator: '_', weight: vec![3 * d, d] },
            part(&["attn.out_proj"], vec![d, d]),
            part(&["ln_2"], vec![d]),
            part(&["mlp.c_fc"], vec![m, d]),
            part(&["mlp.c_proj"], vec![d, m]),
        ],
    }
}
