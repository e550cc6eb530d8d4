//! Reverse-mode differentiation of compositions of [`ops`](crate::ops).
//!
//! ```
//! # use dapo_wgpu::{autograd::{Tape, Var}, gpu::{Gpu, GpuOptions}, ops::Tensor};
//! # fn main() -> Result<(), dapo_wgpu::ops::OpError> {
//! # let gpu = Gpu::open(&GpuOptions::default())?;
//! let x = Var::constant(Tensor::upload(&gpu, &[1.0, 2.0], &[1, 2])?);
//! let tape = Tape::new(&gpu);
//! let weight = tape.leaf(Tensor::upload(&gpu, &[0.0; 4], &[2, 2])?);
//! let bias = tape.leaf(Tensor::upload(&gpu, &[0.0; 2], &[2])?);
//! let logits = tape.affine(&x, &weight, &bias)?;
//! let loss = tape.cross_entropy(&logits, &[1], 1.0)?;
//! let seeds = tape.ones([&loss])?;
//! let mut gradients = tape.backward(seeds)?;
//! // softmax - onehot, and its outer product with x.
//! let close = |a: Vec<f32>, b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
//! assert!(close(gradients.take(&bias).expect("a leaf").read(&gpu)?, &[0.5, -0.5]));
//! assert!(close(gradients.take(&weight).expect("a leaf").read(&gpu)?, &[0.5, 1.0, -0.5, -1.0]));
//! # Ok(())
//! # }
//! ```
//!
//! # How it works
//! A model is a function of [`Var`]s written with the methods of a [`Tape`]. Each method runs its op at
//! once, and if any of its inputs requires a gradient, adds a *node* to the tape: which inputs it had, and a
//! *rule* that turns the gradient of its result into gradients of its inputs. The rule is a closure; what
//! it captures is what the op saves for the backward pass, no more. [`Tape::backward`] walks the nodes
//! from the last to the first, calls each rule, and accumulates what arrives at an input from several places.
//! The order of the walk is fixed, and so are all sums within kernels: the same gradients, to the bit, on
//! the same device.
//!
//! ```text
//! forward:   leaf x ──► linear ──► activate ──► loss        nodes are appended as ops run
//! backward:        dx ◄── rule ◄──── rule ◄──── seed        rules are called from the end
//! ```
//!
//! * **Frozen weights cost nothing.** A [`Linear`](crate::ops::Linear) or [`Norm`](crate::ops::Norm) is
//!   not a [`Var`]: its rule makes the gradient of its input only. Weights that are [`Tape::leaf`]s of
//!   [`Tape::affine`] get theirs too.
//! * **Nothing is recorded where no gradient is required.** On [`Tape::inference`], and wherever all inputs are
//!   constants, ops take their fused forms and free their inputs: a model is written once for both.
//! * **Checkpoints.** [`Tape::checkpoint`] saves only the input of a part of the model and runs that part
//!   again when its gradient is due (Chen et al. 2016, arXiv 1604.06174).
//! * **Memory follows use.** Nodes are dropped as the walk passes them, and with them what they saved.
//!
//! An op of your own gets its gradient by [`Tape::custom`], or by [`Tape::record`] where its rule needs more
//! than inputs and result.
//!
//! Methods that run ops also return the device's errors, as [`OpError::Gpu`](crate::ops::OpError::Gpu).

mod adam;
mod attention;
mod layers;
mod loss;
mod rows;
mod tape;
mod tokens;

pub use adam::{Optimiser, Parameter};
pub use tape::{Gradients, InputGradients, Tape, Var, accumulate};

#[cfg(test)]
mod tests;
