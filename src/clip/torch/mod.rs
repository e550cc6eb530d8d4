//! Weights in PyTorch's own files, read without Python.
//!
//! Such a file is a Python pickle with the tensors' bytes beside it. A pickle is a program, and Python runs whatever
//! it names. Here it is only read: [`pickle`] knows the few names that tensors and their containers are made of,
//! calls nothing, and refuses a file with any other name. [`container`] finds pickle and bytes in the file,
//! [`tensors`] makes views dense, and [`infer`] writes the configuration that such files lack.

pub mod container;
mod error;
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
pub use tensors::{FileTensor, write};
