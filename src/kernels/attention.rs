//! Fused multi-head attention over packed projections, linear in memory.
//!
//! The unfused path, `matmul` → `softmax` → `matmul` ([`super::matmul::attention_scores`] and
//! [`super::matmul::attention_values`]), is its oracle.
//!
//! `shape.rs` has what is computed, `variants.rs` which variant computes it, `cooperative.rs` those by cooperative
//! matrices, `kernel.rs` and `reference.rs` the reference with its error bounds and `cases.rs` the test cases.

mod cases;
mod cooperative;
mod kernel;
mod reference;
mod shape;
mod variants;

pub use cases::family;
pub use shape::Attention;
