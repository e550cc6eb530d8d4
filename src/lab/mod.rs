//! The kernel laboratory: is every kernel right on this device ([`mod@check`]), how fast is it and what holds
//! it back ([`mod@bench`]), which variant is best here ([`mod@tune`]), and where does the time of a run go
//! ([`mod@profile`])?
//!
//! All of it works on any [`Registry`](crate::kernels::registry::Registry), so kernels of one's own get
//! the same treatment as ours.

pub mod bench;
pub mod check;
pub mod profile;
pub mod tune;

use serde::{Deserialize, Serialize};

use crate::gpu::{AdapterSummary, Capabilities, Gpu, ShaderMode, SubgroupRange};

/// Which device gave a result, and how it was driven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Who the adapter is, driver included.
    pub adapter: AdapterSummary,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Checked or trusted shaders.
    pub mode: ShaderMode,
    /// Version of this crate.
    pub version: String,
    /// Variants that failed their trial here and were not used, with what went wrong.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Device {
    /// Describes an open device.
    pub fn of(gpu: &Gpu) -> Self {
        Self {
            adapter: gpu.adapter().clone(),
            capabilities: gpu.capabilities().clone(),
            mode: gpu.mode(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            notes: gpu.notes(),
        }
    }

    /// The notes as lines of a report.
    fn note_lines(&self) -> impl Iterator<Item = String> {
        self.notes.iter().map(|note| format!("note: {note}"))
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
