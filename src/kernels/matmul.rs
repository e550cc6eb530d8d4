//! Matrix product with fused scale, bias, activation and residual, optionally batched and strided.
//!
//! `shape.rs` has what is computed, `decision.rs` which variant computes it, `kernel.rs` the reference and
//! `cases.rs` the test cases.

mod block;
mod cases;
mod cooperative;
mod decision;
mod kernel;
mod shape;
mod sliced;
mod tile;

pub use cases::family;
pub use decision::weight_panels;
pub use shape::{Factors, Matmul, MatrixLayout, Order, attention_scores, attention_values};
