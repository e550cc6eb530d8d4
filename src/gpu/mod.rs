//! The device layer: the only folder that names wgpu.
//!
//! It lists adapters and their capabilities ([`adapter`], [`capabilities`]), caches compiled
//! pipelines and pooled buffers, records launches into few submits, copies bytes in and out, and
//! turns every failure into a [`GpuError`] with a hint. It handles bytes, bindings and grids, and no
//! mathematics.
//!
//! Any function that takes or is a method of [`Gpu`] may return [`GpuError::Lost`] after a device loss, and the
//! errors of work recorded before. `# Errors` sections list only what else can happen.
//!
//! Data structures come first (options, launches, profiles, buffers, pipelines); [`Gpu`] holds them, and each of its
//! `impl` blocks is in the file of its subject: allocation, transfer, recording, profiling.

pub mod adapter;
mod alloc;
mod bind_groups;
#[cfg(target_arch = "wasm32")]
mod browser;
pub mod buffer;
mod build_info;
mod cache;
pub mod capabilities;
pub mod clock;
mod compile;
#[cfg(all(feature = "isa", not(target_vendor = "apple")))]
pub mod compiler;
mod cores;
mod detect;
mod device;
mod driver_cache;
pub mod error;
#[cfg(feature = "isa")]
pub mod executable;
mod faults;
mod identity;
mod launch;
mod loader;
pub mod memory;
mod options;
mod pace;
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
#[cfg(feature = "isa")]
pub mod translate;
mod trials;
mod wait;

pub use buffer::Buffer;
pub use build_info::BuildInfo;
pub use capabilities::{Capabilities, CooperativeMatrix, DeviceClass, SubgroupRange};
pub use device::Gpu;
#[doc(hidden)] // for tests/fuzz.rs
pub use driver_cache::intact;
pub use error::GpuError;
pub use identity::VulkanIdentity;
pub use launch::{Dispatch, LaunchLabel, RecordStats, Work};
pub use loader::{DriverManifest, LoaderFacts};
pub use memory::{ByPurpose, PoolStats, Purpose};
pub use options::{AdapterChoice, Arbiter, GpuOptions, ShaderMode};
pub use pipeline::{Access, ShaderSpec};
pub use profile::{Clock, Profile, Scope, Span, Submit};
pub use scope::ScopeGuard;
pub use summary::AdapterSummary;
pub use template::Define;
pub use trials::IsolatedTrial;
