//! The device layer: the only folder that names wgpu.
//!
//! It finds adapters and says what they can do ([`adapter`], [`capabilities`]), keeps compiled
//! pipelines and pooled buffers, records dispatches into few submits, moves bytes in and out, and
//! turns everything that can go wrong into a [`GpuError`] with a hint. It knows bytes, bindings and
//! grids; it knows no mathematics.

pub mod adapter;
pub mod buffer;
mod cache;
pub mod capabilities;
mod device;
pub mod error;
pub mod memory;
pub mod pipeline;
mod preferences;
pub mod profile;
mod record;
pub mod scope;
pub mod template;
mod texels;
mod timing;
mod transfer;
mod verdicts;

pub use adapter::{AdapterChoice, AdapterSummary};
pub use buffer::Buffer;
pub use capabilities::{Capabilities, DeviceClass, SubgroupRange};
pub use device::{Gpu, GpuOptions, ShaderMode};
pub use error::GpuError;
pub use memory::{ByPurpose, PoolStats, Purpose};
pub use pipeline::{Access, ShaderSpec};
pub use profile::{Clock, LaunchLabel, Profile, Span, Submit};
pub use record::{Dispatch, RecordStats, Work};
pub use scope::{Scope, ScopeGuard};
pub use template::Define;
