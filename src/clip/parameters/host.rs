//! Parameters in host memory.

use crate::clip::error::ModelError;
use crate::clip::weights::{Allowed, Checkpoint, TensorView};

/// A tensor in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Extent of each dimension, the last one contiguous.
    pub shape: Vec<usize>,
    /// The elements, `shape`'s product in number.
    pub data: Vec<f32>,
}

/// Weight and bias of a linear layer or a layer norm.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// `[out, in]` of a linear layer, `[width]` of a layer norm.
    pub weight: HostTensor,
    /// `[out]` or `[width]`.
    pub bias: HostTensor,
}

/// One pre-norm transformer block of width `d` and MLP width `m`.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockWeights {
    /// Layer norm before the attention, `[d]`.
    pub ln_1: Affine,
    /// Query, key and value, in this order: `[3d, d]` and `[3d]`.
    pub attn_in: Affine,
    /// Output of the attention: `[d, d]` and `[d]`.
    pub attn_out: Affine,
    /// Layer norm before the MLP, `[d]`.
    pub ln_2: Affine,
    /// First layer of the MLP: `[m, d]` and `[m]`.
    pub mlp_fc: Affine,
    /// Second layer of the MLP: `[d, m]` and `[d]`.
    pub mlp_proj: Affine,
}

/// Tensors `names`, each of shape `shape`, stacked along the first dimension.
pub(super) fn read(
    file: &Checkpoint,
    names: &[String],
    shape: &[usize],
    allowed: Allowed,
) -> Result<HostTensor, ModelError> {
    let parts: Vec<TensorView> =
        names.iter().map(|name| file.tensor(name, shape)).collect::<Result<_, _>>()?;
    let each = shape.iter().product::<usize>();
    let mut data = vec![0.0; names.len() * each];
    let mut places = parts.iter().zip(data.chunks_mut(each.max(1)));
    places.try_for_each(|(part, place)| part.read_f32(place, allowed))?;
    let mut stacked = shape.to_vec();
    if let Some(first) = stacked.first_mut() {
        *first *= names.len();
    }
    Ok(HostTensor { shape: stacked, data })
}
