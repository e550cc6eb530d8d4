//! Tools for kernels: conformance tests ([`mod@check`]), benchmarks against the device's ceilings
//! ([`mod@bench`]), autotuning ([`mod@tune`]) and summaries of profiles ([`mod@profile`]).
//!
//! All of them work on any [`Registry`](crate::kernels::registry::Registry), also on one with kernels of another
//! crate.

pub mod bench;
pub mod check;
pub mod dump;
mod grid;
#[cfg(all(feature = "isa", not(target_vendor = "apple")))]
pub mod isa;
mod origin;
pub mod profile;
pub mod tune;

pub use origin::Origin;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::gpu::{AdapterSummary, Capabilities, Gpu, ShaderMode, SubgroupRange};

/// The device of a result and its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Device {
    /// The adapter, driver included.
    pub adapter: AdapterSummary,
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// Checked or trusted shaders.
    pub mode: ShaderMode,
    /// Version of this crate.
    pub version: String,
    /// Variants that failed their trial on this device and were not used, each with the reason.
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

    /// The notes as lines of text.
    fn note_lines(&self) -> impl Iterator<Item = String> {
        self.notes.iter().map(|note| format!("note: {note}"))
    }

    /// The capabilities that kernels used, in one line:
    /// `subgroups of 8 · f16 · 1024 invocations · immediates · trusted shaders`.
    pub fn summary(&self) -> String {
        let Capabilities { subgroups, f16, limits, immediates, cooperative_matrix, .. } = &self.capabilities;
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
        let matrices = if cooperative_matrix.is_empty() { "" } else { " · cooperative matrices" };
        format!(
            "{subgroups} · {f16}{matrices} · {} invocations · {immediates} · {mode} shaders",
            limits.invocations
        )
    }
}

/// Called with the progress of a run: cases done, cases in total, and the current case. After a [`ControlFlow::Break`] the
/// run ends before that case, with what was done.
pub type Progress<'a> = dyn FnMut(usize, usize, &str) -> ControlFlow<()> + 'a;
