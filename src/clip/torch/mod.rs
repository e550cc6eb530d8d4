//! Weights in PyTorch's own files, read without Python.
//!
//! Such a file is a Python pickle together with the tensors' bytes. A pickle is a program that may call any Python
//! function. Here nothing is called: [`pickle`] interprets the few globals that tensors and their containers need and
//! refuses a file with any other. [`container`] locates the pickle and the bytes, [`tensors`] finds tensors by name and
//! makes them contiguous, and [`infer`] infers the configuration that such files lack.

#[cfg(test)]
mod attacks;
pub mod container;
mod error;
mod file_tensor;
pub mod infer;
mod machine;
mod names;
pub mod pickle;
pub mod tensors;
#[cfg(test)]
pub(crate) mod tests;
pub mod value;

pub use container::{Progress, TorchFile};
pub use error::TorchError;
pub use file_tensor::FileTensor;
pub use tensors::write;
