//! CLIP: two transformers that put images and texts into one space (Radford et al. 2021,
//! arXiv 2103.00020).
//!
//! [`config`], [`weights`] and [`names`] read a model folder of either common layout into one set of
//! names; [`tokenizer`] turns text into ids; [`transformer`], [`vision`] and [`text`] are plain
//! compositions of ops; [`model`] puts them together. [`fetch`] downloads a model where there is a
//! network; [`architectures`] and [`noise`] stand in for one where only speed counts.

pub mod architectures;
pub mod config;
pub mod embedded;
pub mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod model;
pub mod names;
pub mod noise;
pub mod text;
pub mod tokenizer;
pub mod torch;
pub mod transformer;
pub mod vision;
pub mod weights;

pub use architectures::Architecture;
pub use error::ModelError;
pub use model::{Clip, ClipOptions};
pub use transformer::{ClipError, LayerTokens, WeightStorage};
