//! The kernel library: one file and its WGSL per kernel.
//!
//! A kernel is described by a [`Problem`]: shapes, element types and options, and the [`Variant`]s that can
//! compute it on a device. A variant carries its [`Plan`] (the shader's constants, the parameters and
//! the grid, made by one decision so that they cannot drift apart) or the precondition that is not met
//! ([`Unmet`]). [`run`] launches the preferred variant; the choice is made once for a problem and device.
//!
//! A [`Verifiable`] problem also has its result in float64, and how far float32 may differ from it: what
//! [`check()`], `bench` and `tune` need. The [`registry`] lists all of them.
//!
//! Rules that every kernel follows:
//! * row-major, densest dimension last; sizes come from parameters, never from `arrayLength`;
//! * every element of the output is written, none outside of it, whatever was in it before;
//! * arithmetic in f32, whatever the storage;
//! * no assumed subgroup size, at most 16 KiB of workgroup memory and 256 invocations unless the
//!   device has more; every kernel has one variant that runs on the weakest device.
//!
//! Functions that take a [`Gpu`](crate::gpu::Gpu) also return the device's errors.

pub mod activation;
pub mod activation_backward;
pub mod adam;
pub mod attention;
pub mod attention_backward;
mod attention_blocks;
pub mod bounds;
pub mod case;
mod check;
mod choose;
pub mod combine;
pub mod concat;
pub mod cross_entropy;
mod derivative;
mod element;
mod elements;
pub mod extended;
mod family;
pub mod farthest;
pub mod gather;
pub mod gradient;
mod inputs;
pub mod l2norm;
pub mod l2norm_backward;
mod launch;
pub mod layernorm;
pub mod layernorm_backward;
pub mod matmul;
mod matrix_units;
pub mod nearest;
pub mod panels;
pub mod patches;
pub mod pixel_loss;
mod plan;
pub mod probe;
pub mod probe_caches;
pub mod probe_matrix;
mod problem;
pub mod registry;
pub mod resample;
pub mod resample_backward;
mod rows;
pub mod scatter;
pub mod similarity;
pub mod softmax;
pub mod softmax_backward;
pub mod splice;
pub mod stress;
pub mod sums;
pub mod tokens;
pub mod transpose;
pub mod trial;
mod unmet;
mod values;
mod verify;
mod wrapper;

pub use check::check;
pub use choose::{choose, run, run_variant, variants};
pub use derivative::{Derivative, Prepare, Scalar, weighted};
pub use element::Element;
pub use family::{Cases, Family, boxed};
pub use inputs::{Fill, Inputs};
pub use launch::Launch;
pub use plan::{Cost, Defines, Finish, Plan, include, linear_grid, param_bytes, shader};
pub use problem::{Operand, Problem, ProblemKey, Trial, Variant, Verifiable};
pub use trial::prove;
pub use unmet::{SIMD_LANES, Unmet, simd_lanes};
pub use values::make_inputs;
pub use verify::{Outcome, WrongElement, fits, verify};
pub use wrapper::Wrapper;

#[cfg(test)]
pub(crate) mod tests;
