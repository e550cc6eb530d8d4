//! What the variants of attention and of its gradient share.

use super::{Plan, Unmet, Variant, simd_lanes};
use crate::gpu::{Capabilities, DeviceClass};

/// A variant for devices that run a subgroup as one SIMD vector.
pub(super) struct SubgroupBlock {
    pub(super) name: &'static str,
    /// Queries of a lane. They share the loads of keys and values.
    pub(super) queries: usize,
    /// Keys of a visit; `None`: one for each lane. Fewer make less code, which must fit the cache of
    /// instructions together with what more queries add.
    pub(super) keys: Option<usize>,
}

/// Registers of an invocation on today's GPUs: 255 or 256 of 32 bits.
const MOST_REGISTERS: usize = 256;

impl SubgroupBlock {
    /// Invocations of a subgroup, where this block can run.
    fn lanes(&self, d4: usize, caps: &Capabilities) -> Result<usize, Unmet> {
        // A lane keeps its queries and their outputs. What a GPU has no registers for goes to memory at every step, and
        // a driver can take minutes to compile it.
        let floats = self.queries * 2 * 4 * d4;
        Unmet::Registers(floats).unless(caps.class != DeviceClass::Gpu || floats <= MOST_REGISTERS)?;
        let lanes = simd_lanes(caps)?;
        if let Some(keys) = self.keys {
            let parts = lanes / keys;
            // A part of a row is at least a vec4; blocks of 8 × 8 need lanes for their keys' parts.
            let splits = lanes.is_multiple_of(keys) && parts > 0 && d4.is_multiple_of(parts);
            let small = keys < 8 || parts > 1;
            Unmet::Lanes { lanes, rows: keys }.unless(splits && small)?;
        }
        Ok(lanes)
    }
}

/// Whether all variants can hold a head's row.
pub(super) fn head_dim_fits(head_dim: usize) -> Result<(), Unmet> {
    let fits = head_dim.is_multiple_of(4) && head_dim <= 128;
    Unmet::Other("the head dimension is not a multiple of 4 up to 128").unless(fits)
}

/// The variants for GPUs, the preferred one first, and these blocks, the best for the device first; of the blocks it is the `preferred`
/// one for a number of lanes. `plan` gets the lanes and the block.
pub(super) fn block_variants(
    tiles: Vec<Variant>,
    blocks: &[SubgroupBlock],
    preferred: impl Fn(usize) -> &'static str,
    head_dim: usize,
    caps: &Capabilities,
    plan: impl Fn(usize, &SubgroupBlock) -> Plan,
) -> Vec<Variant> {
    let variant = |block: &SubgroupBlock| {
        let lanes = head_dim_fits(head_dim).and_then(|()| block.lanes(head_dim / 4, caps));
        Variant::new(block.name, lanes.map(|lanes| plan(lanes, block)))
    };
    let mut blocks: Vec<Variant> = blocks.iter().map(variant).collect();
    if let Ok(lanes) = simd_lanes(caps) {
        let preferred = preferred(lanes);
        blocks.sort_by_key(|block| block.name != preferred);
    }
    match caps.class {
        DeviceClass::Gpu => [tiles, blocks].concat(),
        DeviceClass::SimdCpu => [blocks, tiles].concat(),
    }
}
