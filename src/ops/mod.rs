//! Operations on shaped tensors: each checks shapes, allocates its result and records one kernel or a few.
//!
//! An op knows shapes and nothing of models; a kernel knows buffers and nothing of shapes. Ops return at once:
//! the device's work is done when something is read. [`launch()`] makes an op of any kernel, also of your own.
//!
//! Shapes in the documentation are row-major, densest dimension last; `..` stands for any dimensions.
//! Every op returns the device's errors as [`OpError::Gpu`].

mod activation;
mod adam;
mod arrange;
mod attention;
mod error;
mod farthest;
mod gather;
mod launch;
mod layers;
mod loss;
mod matmul;
mod nearest;
mod reduce;
mod resample;
mod rows;
mod tensor;
mod tokens;

pub use activation::{activate, activation_backward};
pub use adam::{AdamSettings, AdamState, adam};
pub use arrange::{combine, concat, scale, transpose};
pub use attention::{Rounding, attention, attention_backward, attention_rounded, attention_with_lse};
pub use error::OpError;
pub use farthest::farthest_first;
pub use gather::{ScatterIndex, gather, scatter};
pub use launch::{launch, launch_all};
pub use layers::{Linear, Norm, affine};
pub use loss::{PixelTarget, cross_entropy, cross_entropy_backward, pixel_loss, pixel_loss_backward};
pub use matmul::{matmul_nn, matmul_nt};
pub use nearest::{Bank, Neighbour, Neighbours, nearest};
pub use reduce::{batch_sums, column_products, column_sums, dot_products, group_means};
pub use resample::{resample, resample_backward, resample_problem};
pub use rows::{l2_backward, l2_normalise, similarity, softmax, softmax_backward};
pub use tensor::{Indices, Tensor};
pub use tokens::{blend_tokens, insert_tokens, patches, scale_tokens, with_positions};

pub use crate::kernels::Element;
pub use crate::kernels::activation::Activation;
pub use crate::kernels::matmul::Factors;
pub use crate::kernels::resample::{Filter, Sampling};

#[cfg(test)]
mod tests;
