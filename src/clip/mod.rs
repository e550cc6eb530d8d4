//! CLIP: two transformers that put images and texts into one space (Radford et al. 2021,
//! arXiv 2103.00020).
//!
//! [`config`], [`weights`] and [`parameters`] read a model folder of either common layout into one set of
//! names; [`tokenizer`] turns text into ids; [`transformer`], [`vision`] and [`text`] are plain
//! compositions of ops; [`model`] puts them together. [`torch`] reads PyTorch files, [`fetch`] downloads a
//! model; [`architectures`] and [`noise`] make one with random weights where only speed matters.
//!
//! Functions that take a [`Gpu`](crate::gpu::Gpu) or a [`Tape`](crate::autograd::Tape), and methods of a model on
//! a device, return the device's errors too; `# Errors` sections list the others.

pub mod architectures;
pub mod config;
pub mod embedded;
mod end_token;
pub mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
mod files;
#[cfg(test)]
pub(crate) mod fixtures;
mod folder;
pub mod model;
pub mod noise;
pub mod parameters;
mod ranges;
mod repair;
pub mod text;
pub mod tokenizer;
pub mod torch;
pub mod transformer;
pub mod vision;
pub mod weights;

pub use architectures::Architecture;
pub use error::ModelError;
pub use files::LFS_POINTER;
pub use folder::{Folder, ModelFiles, ReadAt};
pub use model::{Clip, ClipOptions};
pub use repair::name_key;
pub use transformer::{ClipError, LayerTokens, WeightStorage};

pub use crate::ops::Factors;
