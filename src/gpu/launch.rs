//! A kernel launch as callers describe it, and what is counted of launches.

use serde::{Deserialize, Serialize};

use super::buffer::Buffer;
use super::pipeline::ShaderSpec;

/// The name of a launch in profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LaunchLabel {
    /// Kernel family: `matmul`.
    pub kernel: String,
    /// Variant: `tile`.
    pub variant: String,
    /// The case as text: `matmul f32 m=77 n=512 k=512 +bias`.
    pub case: String,
}

/// Arithmetic and memory traffic of one launch, as its kernel counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Work {
    /// Floating-point operations; a multiply-add is two.
    pub flops: f64,
    /// Bytes read and written, each counted once.
    pub bytes: f64,
}

/// One kernel launch.
#[derive(Clone)]
pub struct Dispatch<'a> {
    /// The shader variant.
    pub shader: &'a ShaderSpec,
    /// Buffers with the byte offset at which each is bound, in binding order.
    pub buffers: &'a [(&'a Buffer, u64)],
    /// The shader's `Params` struct: at most 128 bytes of u32 and f32.
    pub params: &'a [u8],
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
    /// Its arithmetic and memory traffic.
    pub work: Work,
    /// Its name in profiles; called only while a profile is active.
    pub label: &'a dyn Fn() -> LaunchLabel,
}

/// Counters since the device was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RecordStats {
    /// Kernel launches.
    pub dispatches: u64,
    /// Submits with launches in them.
    pub submits: u64,
    /// Bytes written from the host.
    pub uploaded: u64,
    /// Bytes read back to the host.
    pub downloaded: u64,
}
