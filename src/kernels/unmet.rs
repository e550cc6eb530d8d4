//! Why a variant cannot run: one named precondition, made into text only when somebody reads it.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::element::Element;
use crate::gpu::Capabilities;

/// A precondition of a variant that a problem or a device does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// A size is not a multiple of what a vector load needs.
    MultipleOf {
        /// Which sizes, as the subject of a sentence: `the width`.
        what: &'static str,
        /// The divisor.
        of: usize,
    },
    /// A workgroup needs more invocations than the device allows.
    Invocations {
        /// Invocations of the workgroup.
        needed: u32,
        /// The device's limit.
        limit: u32,
    },
    /// A workgroup needs more memory than the device has.
    WorkgroupMemory {
        /// Bytes.
        needed: u32,
        /// The device's limit in bytes.
        limit: u32,
    },
    /// What a first launch leaves to a second one does not fit a storage binding.
    Between {
        /// Bytes.
        needed: u64,
        /// The device's limit in bytes.
        limit: u64,
    },
    /// Subgroups must have one size that is known when the shader is compiled.
    FixedSubgroup,
    /// Subgroups have a fixed size, but not one of [`SIMD_LANES`].
    SubgroupSize(u32),
    /// The lanes of a subgroup cannot be split evenly over the rows that they read together.
    Lanes {
        /// Invocations of a subgroup.
        lanes: usize,
        /// Rows that they would share.
        rows: usize,
    },
    /// An invocation would keep more values than a GPU has registers.
    Registers(usize),
    /// The device has no cooperative matrices of this edge with factors of this type and float32 sums.
    CooperativeMatrix(u32, &'static str),
    /// Shaders cannot read storage textures on this device.
    StorageTextures,
    /// A storage texture would exceed the device's largest edge.
    TextureSize {
        /// Width in texels.
        width: usize,
        /// Height in texels.
        height: usize,
        /// The device's limit in texels.
        limit: usize,
    },
    /// The second operand of a product is stored in another order, or is not a single dense weight.
    WeightLayout(&'static str),
    /// An input must have this element type.
    Element(&'static str, Element),
    /// The variant failed its [`Trial`](super::Trial) on this device: what was wrong.
    TrialFailed(Arc<str>),
    /// Anything else, as a clause: `the length is zero`.
    Other(&'static str),
}

impl Unmet {
    /// `Ok` if the precondition is met after all, else this.
    ///
    /// # Errors
    /// `self` unless `met`.
    pub fn unless(self, met: bool) -> Result<(), Self> {
        if met { Ok(()) } else { Err(self) }
    }

    /// Requires a size to be a multiple of 4, as loads of `vec4` do; `what` names the size.
    ///
    /// # Errors
    /// [`Unmet::MultipleOf`].
    pub fn multiple_of_4(what: &'static str, size: usize) -> Result<(), Self> {
        Unmet::MultipleOf { what, of: 4 }.unless(size.is_multiple_of(4))
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmet::MultipleOf { what, of } => write!(f, "{what} is not a multiple of {of}"),
            Unmet::Invocations { needed, limit } => {
                write!(f, "needs {needed} invocations in a workgroup, the limit is {limit}")
            }
            Unmet::WorkgroupMemory { needed, limit } => {
                write!(f, "needs {needed} bytes of workgroup memory, the limit is {limit}")
            }
            Unmet::Between { needed, limit } => {
                write!(f, "needs {needed} bytes between its launches, a storage binding has at most {limit}")
            }
            Unmet::FixedSubgroup => f.write_str("needs subgroups of one fixed size"),
            Unmet::SubgroupSize(lanes) => {
                let (least, most) = SIMD_LANES.into_inner();
                write!(f, "needs subgroups of {least} to {most} invocations, these have {lanes}")
            }
            Unmet::Lanes { lanes, rows } => write!(f, "{lanes} lanes cannot share {rows} rows evenly"),
            Unmet::Registers(values) => {
                write!(f, "{values} values per invocation exceed a GPU's registers")
            }
            Unmet::CooperativeMatrix(edge, factors) => {
                write!(f, "needs cooperative matrices of {edge}x{edge} {factors}→f32")
            }
            Unmet::StorageTextures => f.write_str("shaders cannot read storage textures here"),
            Unmet::TextureSize { width, height, limit } => {
                write!(f, "a texture of {width}×{height} texels exceeds the limit of {limit}")
            }
            Unmet::WeightLayout(reason) | Unmet::Other(reason) => f.write_str(reason),
            Unmet::Element(input, element) => write!(f, "{input} is not {}", element.name()),
            Unmet::TrialFailed(reason) => f.write_str(reason),
        }
    }
}

/// Subgroup sizes that variants of one subgroup a workgroup are written for. Their code unrolls over the
/// lanes: larger subgroups would need too many registers.
pub const SIMD_LANES: RangeInclusive<u32> = 4..=32;

/// Invocations of a subgroup, where variants of one subgroup a workgroup can run.
///
/// # Errors
/// [`Unmet::FixedSubgroup`] or [`Unmet::SubgroupSize`].
pub fn simd_lanes(caps: &Capabilities) -> Result<usize, Unmet> {
    let lanes = caps.subgroups.and_then(|s| s.fixed()).ok_or(Unmet::FixedSubgroup)?;
    Unmet::SubgroupSize(lanes).unless(SIMD_LANES.contains(&lanes))?;
    Ok(lanes as usize)
}

/// Whether a workgroup of this many invocations and bytes of memory can run.
pub(super) fn workgroup_fits(caps: &Capabilities, invocations: u32, memory: u32) -> Result<(), Unmet> {
    let limits = &caps.limits;
    Unmet::Invocations { needed: invocations, limit: limits.invocations }
        .unless(invocations <= limits.invocations)?;
    Unmet::WorkgroupMemory { needed: memory, limit: limits.workgroup_memory }
        .unless(memory <= limits.workgroup_memory)
}
