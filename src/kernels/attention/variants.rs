//! Which variant computes attention.
//!
//! * `half…` for devices with cooperative matrices, where factors may be rounded to float16; see [`cooperative`].
//! * `quad` and `tile` for GPUs: keys and values staged in workgroup memory.
//! * `subgroup…` for devices that run a subgroup as one SIMD vector.

use super::cooperative;
use super::shape::Attention;
use crate::gpu::Capabilities;
use crate::kernels::attention_blocks::{SubgroupBlock, block_variants, head_dim_fits};
use crate::kernels::{Variant, shader};

const SUBGROUP_BLOCKS: [SubgroupBlock; 4] = [
    SubgroupBlock { name: "subgroup1", queries: 1, keys: None },
    SubgroupBlock { name: "subgroup4x4", queries: 4, keys: Some(4) },
    SubgroupBlock { name: "subgroup8x2", queries: 8, keys: Some(2) },
    SubgroupBlock { name: "subgroup8x8", queries: 8, keys: Some(8) },
];

/// All variants, the preferred one for this device and shape first.
pub(super) fn variants(p: &Attention, caps: &Capabilities) -> Vec<Variant> {
    // Few queries fill no large block.
    let preferred = |lanes: usize| match p.tokens {
        tokens if lanes > 8 && tokens >= 16 * lanes => "subgroup8x8",
        tokens if lanes <= 8 && tokens >= 64 * lanes => "subgroup8x2",
        tokens if tokens > lanes => "subgroup4x4",
        _ => "subgroup1",
    };
    let d4 = p.head_dim / 4;
    let tile = Variant::when("tile", head_dim_fits(p.head_dim), || {
        // Keys and values of a tile take 8 KiB: half of what every device has, so two fit.
        let keys = (256 / d4).clamp(4, 16) / 4 * 4;
        let defines = p.defines([("QUERIES", 64), ("KEYS", keys)]);
        p.plan(shader!("attention_tile.wgsl", defines), 64)
    });
    let quad = Variant::when("quad", p.quads(caps), || {
        let defines = p.defines([("KEYS", 16)]);
        p.plan(shader!("attention_quad.wgsl", defines), 64)
    });
    let quad = Variant { trial: Some(p.trial()), ..quad };
    let mut all = cooperative::variants(p, caps);
    let tiles = vec![quad, tile];
    all.extend(block_variants(tiles, &SUBGROUP_BLOCKS, preferred, p.head_dim, caps, |lanes, block| {
        let keys = block.keys.unwrap_or(lanes);
        let defines = p.defines([("LANES", lanes), ("PER_LANE", block.queries), ("KEYS", keys)]);
        p.plan(shader!("attention_subgroup.wgsl", defines), lanes * block.queries)
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::capabilities::tests::minimal;
    use crate::gpu::{DeviceClass, SubgroupRange};

    /// Blocks of queries that a GPU has no registers for are no candidates there; on a CPU they are.
    #[test]
    fn blocks_beyond_a_gpus_registers_are_not_usable_there() {
        let usable = |class: DeviceClass, lanes: u32, head_dim: usize| -> Vec<&'static str> {
            let subgroups = Some(SubgroupRange { min: lanes, max: lanes });
            let caps = Capabilities { subgroups, ..minimal(class) };
            let case = Attention::new(1, 577, 1, head_dim);
            let mut names: Vec<_> =
                variants(&case, &caps).into_iter().filter(Variant::usable).map(|v| v.name).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(usable(DeviceClass::Gpu, 32, 64), ["quad", "subgroup1", "tile"]);
        assert_eq!(usable(DeviceClass::Gpu, 32, 16), ["quad", "subgroup1", "subgroup8x8", "tile"]);
        assert_eq!(usable(DeviceClass::SimdCpu, 16, 64).len(), 6);
    }
}
