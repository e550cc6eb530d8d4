//! What a device can do, and which of its optional features are used.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The most bytes of a kernel's parameters: what every device with immediates offers.
pub const MAX_PARAMS: usize = 128;

/// How a device runs a workgroup; kernels choose their variants by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    /// A GPU: many workgroups at once, fast workgroup memory, coalesced loads.
    Gpu,
    /// A CPU that runs the lanes of a subgroup as one SIMD vector: barriers and gathers are slow,
    /// registers and broadcasts are fast.
    SimdCpu,
}

/// Smallest and largest subgroup that the device may choose for a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SubgroupRange {
    /// Smallest number of invocations in a subgroup.
    pub min: u32,
    /// Largest number of invocations in a subgroup.
    pub max: u32,
}

impl SubgroupRange {
    /// The size, when the device has only one.
    pub fn fixed(self) -> Option<u32> {
        (self.min == self.max).then_some(self.min)
    }
}

/// A square cooperative-matrix shape that WGSL can express (`m = n = k`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CooperativeMatrix {
    /// Edge of the tile: 8 or 16.
    pub size: u32,
    /// Element type of the factors.
    pub factors: Cow<'static, str>,
    /// Element type of the accumulator.
    pub accumulator: Cow<'static, str>,
    /// Invocations of the subgroup that holds one; `None` where the device varies it.
    pub lanes: Option<u32>,
}

impl CooperativeMatrix {
    /// Whether factors are float16 and the accumulator is float32.
    pub fn f16_factors(&self) -> bool {
        self.factors == "f16" && self.accumulator == "f32"
    }

    /// Whether factors and accumulator are both float32.
    pub fn f32(&self) -> bool {
        self.factors == "f32" && self.accumulator == "f32"
    }
}

/// Limits that kernels depend on. Bytes unless stated otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeviceLimits {
    /// Largest range that one storage binding may cover.
    pub storage_binding: u64,
    /// Largest buffer.
    pub buffer: u64,
    /// Workgroup memory.
    pub workgroup_memory: u32,
    /// Invocations in a workgroup.
    pub invocations: u32,
    /// Workgroups in one dimension of a dispatch.
    pub workgroups: u32,
    /// Storage buffers that one shader may bind.
    pub storage_buffers: u32,
}

/// Whether an optional path is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PathState {
    /// Present and used.
    Used,
    /// Present, but no kernel needs it yet.
    Idle,
    /// The device or driver does not offer it.
    Unavailable,
    /// Offered, but switched off by its environment variable.
    SwitchedOff,
}

/// One optional path as `dapo-wgpu devices` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OptionalPath {
    /// Name of the capability.
    pub name: Cow<'static, str>,
    /// Whether it is used.
    pub state: PathState,
    /// What was found, or why it is not used.
    pub detail: String,
    /// The environment variable that switches it off when set to anything but `0`.
    pub switch: Cow<'static, str>,
}

/// What the device can do. Part of every kernel's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Capabilities {
    /// How the device runs a workgroup.
    pub class: DeviceClass,
    /// f16 arithmetic and storage in shaders. (f16 *weights* need neither: they are read packed.)
    pub f16: bool,
    /// Subgroup operations and their size range.
    pub subgroups: Option<SubgroupRange>,
    /// Timestamp queries are offered; [`super::Gpu::timestamps_tick`] tests whether they advance.
    pub timestamps: bool,
    /// Bytes of immediate data, 0 when parameters go through a uniform buffer instead.
    pub immediates: u32,
    /// Cooperative-matrix shapes that the device offers and WGSL can express.
    pub cooperative_matrix: Vec<CooperativeMatrix>,
    /// Largest width and height of a storage texture of four floats that shaders can read; 0 when they cannot.
    #[serde(rename = "texels")]
    pub storage_texture_size: u32,
    /// Compute units, where the driver says how many.
    #[serde(default)]
    pub cores: Option<u32>,
    /// The device's limits.
    pub limits: DeviceLimits,
    /// Every optional path with its state.
    pub paths: Vec<OptionalPath>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The weakest device that WebGPU allows: what every kernel must have a variant for.
    pub(crate) fn minimal(class: DeviceClass) -> Capabilities {
        Capabilities {
            class,
            f16: false,
            subgroups: None,
            timestamps: false,
            immediates: 0,
            cooperative_matrix: Vec::new(),
            storage_texture_size: 0,
            cores: None,
            limits: DeviceLimits {
                storage_binding: 128 << 20,
                buffer: 256 << 20,
                workgroup_memory: 16 << 10,
                invocations: 256,
                workgroups: 65_535,
                storage_buffers: 8,
            },
            paths: Vec::new(),
        }
    }

    #[test]
    fn a_subgroup_range_is_fixed_only_when_both_ends_agree() {
        assert_eq!(SubgroupRange { min: 8, max: 8 }.fixed(), Some(8));
        assert_eq!(SubgroupRange { min: 32, max: 64 }.fixed(), None);
    }
}
