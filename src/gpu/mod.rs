//! The device layer: the only folder that names wgpu.
//!
//! It finds adapters and says what they can do ([`adapter`], [`capabilities`]), keeps compiled
//! pipelines and pooled buffers, records dispatches into few submits, moves bytes in and out, and
//! turns everything that can go wrong into a [`GpuError`] with a hint. It knows bytes, bindings and
//! grids; it knows no mathematics.

pub mod adapter;
mod alloc;
pub mod buffer;
pub mod capabilities;
mod detect;
mod device;
pub mod error;
mod launch;
pub mod memory;
mod options;
pub mod pipeline;
mod preferences;
pub mod profile;
mod profiler;
mod record;
mod scope;
mod storage_texture;
mod stream;
mod summary;
pub mod template;
mod timestamps;
mod transfer;
mod trials;

pub use buffer::Buffer;
pub use capabilities::{Capabilities, DeviceClass, SubgroupRange};
pub use device::Gpu;
pub use error::GpuError;
pub use launch::{Dispatch, LaunchLabel, RecordStats, Work};
pub use memory::{ByPurpose, PoolStats, Purpose};
pub use options::{AdapterChoice, GpuOptions, ShaderMode};
pub use pipeline::{Access, ShaderSpec};
pub use profile::{Clock, Profile, Scope, Span, Submit};
pub use scope::ScopeGuard;
pub use summary::AdapterSummary;
pub use template::Define;
