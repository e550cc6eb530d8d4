//! dapo-wgpu
pub mod gpu;
pub mod kernels;
