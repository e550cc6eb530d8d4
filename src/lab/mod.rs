//! The kernel laboratory: is every kernel right on this device ([`mod@check`]), how fast is it and what holds
//! it back ([`mod@bench`])?
//!
//! All of it works on any [`Registry`](crate::kernels::registry::Registry), so kernels of one's own get
//! the same treatment as ours.

pub mod bench;
pub mod check;

use serde::Serialize;

use crate::gpu::{AdapterSummary, Capabilities, Gpu, ShaderMode, SubgroupRange};

/// Which device gave a result, and how it was driven.
#[derive(Debug, Clone, Serialize)]
pub struct Device {
    /// Who the adapter is, driver included.
    pub adapter: AdapterSummary,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Checked or trusted shaders.
    pub mode: ShaderMode,
    /// Version of this crate.
    pub version: &'static str,
}

impl Device {
    /// Describes an open device.
    pub fn of(gpu: &Gpu) -> Self {
        Self {
            adapter: gpu.adapter().clone(),
            capabilities: gpu.capabilities().clone(),
            mode: gpu.mode(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// What kernels were given, in one line:
    /// `subgroups of 8 · f16 · 1024 invocations · immediates · trusted shaders`.
    pub fn given(&self) -> String {
        let Capabilities { subgroups, f16, limits, immediates, .. } = &self.capabilities;
        let subgroups = match subgroups {
            None => "no subgroups".to_owned(),
            Some(SubgroupRange { min, max }) if min == max => format!("subgroups of {min}"),
            Some(SubgroupRange { min, max }) => format!("subgroups of {min} to {max}"),
        };
        let f16 = if *f16 { "f16" } else { "no f16" };
        let immediates = if *immediates > 0 { "immediates" } else { "no immediates" };
        let mode = match self.mode {
            ShaderMode::Checked => "checked",
            ShaderMode::Trusted => "trusted",
        };
        format!("{subgroups} · {f16} · {} invocations · {immediates} · {mode} shaders", limits.invocations)
    }
}

/// What a laboratory run is doing: case `done` of `total`, by name.
pub type Progress<'a> = dyn FnMut(usize, usize, &str) + 'a;
