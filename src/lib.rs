//! dapo-wgpu
pub mod cli;
pub mod clip;
pub mod dapo;
pub mod data;
pub mod gpu;
pub mod kernels;
pub mod metrics;
pub mod ops;
pub mod report;
