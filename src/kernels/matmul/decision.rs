//! Which variant computes a product, with what block, on what grid.
//!
//! * `tile…` for GPUs: blocks staged in workgroup memory, in five sizes.
//! * `sliced` for GPUs that have more compute units than the product has blocks; see [`sliced`].
//! * `panel…` and `subgroup…` for devices that run a subgroup as one SIMD vector, wide and narrow;
//!   `panel…` reads weights as [`Panels`], a storage texture.
//! * `half…`, `split…` and `coop8` for GPUs with cooperative matrices; see [`cooperative`].
//! * `register` for CPUs without subgroups, `naive` for every shape and device.

use std::cmp::Reverse;

use super::block::{Block, number};
use super::shape::{Matmul, Order};
use super::tile::{TILES, Tile};
use super::{cooperative, sliced};
use crate::gpu::{Capabilities, DeviceClass};
use crate::kernels::panels::Panels;
use crate::kernels::{Element, Unmet, Variant, shader, simd_lanes};

/// The storage texture from which a device that runs a subgroup as one vector reads the weight [n, k] of a
/// product; `None` where rows in a buffer serve better.
pub fn weight_panels(caps: &Capabilities, n: usize, k: usize, element: Element) -> Option<Panels> {
    let problem = Matmul { b_element: element, ..Matmul::linear(1, n, k) };
    let preferred = caps.class == DeviceClass::SimdCpu && panel_lanes(&problem, caps).is_ok();
    preferred.then(|| panels(&problem))
}

/// The weight of a product as a storage texture.
fn panels(p: &Matmul) -> Panels {
    Panels { rows: p.n, columns: p.k }
}

/// A block of outputs that a workgroup of one subgroup owns. Loads cost rows + columns, products
/// rows · columns: large blocks win until their code no longer fits the cache of instructions, or until
/// there are too few of them for the cores. Rows are loaded from a buffer; with panels, columns
/// come from a storage texture, which is cheaper: hence wider.
struct SubgroupBlock {
    name: &'static str,
    panels: bool,
    /// Columns, in lanes.
    columns: usize,
}

const SUBGROUP_BLOCKS: [SubgroupBlock; 4] = [
    SubgroupBlock { name: "panel", panels: true, columns: 8 },
    SubgroupBlock { name: "panel2", panels: true, columns: 2 },
    SubgroupBlock { name: "subgroup", panels: false, columns: 4 },
    SubgroupBlock { name: "subgroup2", panels: false, columns: 2 },
];

impl SubgroupBlock {
    /// Rows in lanes. Sixteen lanes double the accumulators of a row, so half the rows keep the size.
    fn rows(p: &Matmul, lanes: usize) -> usize {
        p.m.div_ceil(lanes).clamp(1, (32 / lanes).max(1))
    }

    /// Whether there are too few blocks for the cores of a usual CPU.
    fn starves(&self, p: &Matmul, lanes: usize) -> bool {
        p.m.div_ceil(Self::rows(p, lanes) * lanes) * p.n.div_ceil(self.columns * lanes) < 16
    }

    fn variant(&self, p: &Matmul, caps: &Capabilities) -> Variant {
        let lanes = if self.panels { panel_lanes(p, caps) } else { subgroup_lanes(p, caps) };
        let lanes = match lanes {
            Ok(lanes) => lanes,
            Err(unmet) => return Variant::new(self.name, Err(unmet)),
        };
        let rows = Self::rows(p, lanes);
        // An accumulator is blended and spilled once a visit: two vec4s of k make more of it.
        let steps = if p.k.is_multiple_of(8) { 2 } else { 1 };
        let own = [("LANES", lanes), ("ROWS", rows), ("COLS", self.columns), ("STEPS", steps)];
        let own = own.map(|(name, size)| number(name, size)).to_vec();
        let block = Block { panels: self.panels, ..Block::new(rows * lanes, self.columns * lanes) };
        let variant = block.variant(self.name, p, own, |defines| shader!("matmul_subgroup.wgsl", defines));
        Variant { panels: self.panels.then(|| (1, panels(p))), ..variant }
    }

    /// All of these variants, narrow ones before wide ones where the wide ones starve the cores.
    fn variants(p: &Matmul, caps: &Capabilities) -> Vec<Variant> {
        let mut blocks: Vec<&Self> = SUBGROUP_BLOCKS.iter().collect();
        if let Ok(lanes) = simd_lanes(caps) {
            for pair in blocks.chunks_mut(2).filter(|pair| pair[0].starves(p, lanes)) {
                pair.swap(0, 1);
            }
        }
        blocks.into_iter().map(|block| block.variant(p, caps)).collect()
    }
}

/// Invocations of a subgroup, where variants that read B as panels can run.
fn panel_lanes(p: &Matmul, caps: &Capabilities) -> Result<usize, Unmet> {
    let lanes = subgroup_lanes(p, caps)?;
    let weight = p.batches() == 1 && p.b.row == p.k && p.b.offset == 0;
    Unmet::WeightLayout("b is not a single dense weight").unless(weight)?;
    Unmet::Element("b", Element::F32).unless(p.b_element == Element::F32)?;
    panels(p).supported(caps)?;
    Ok(lanes)
}

/// Invocations of a subgroup, where variants of one subgroup a workgroup can run.
fn subgroup_lanes(p: &Matmul, caps: &Capabilities) -> Result<usize, Unmet> {
    let lanes = simd_lanes(caps)?;
    rows_of_k(p)?;
    Ok(lanes)
}

/// Whether rows of both operands can be read in vec4s along k.
fn rows_of_k(p: &Matmul) -> Result<(), Unmet> {
    Unmet::WeightLayout("b is stored as [k, n]").unless(p.order == Order::Nk)?;
    p.aligned()
}

fn register(p: &Matmul) -> Variant {
    let block = Block::new(p.m.min(8), 64);
    match rows_of_k(p) {
        Err(unmet) => Variant::new("register", Err(unmet)),
        Ok(()) => {
            let own = vec![number("ROWS", block.rows), number("COLS", 8)];
            block.variant("register", p, own, |defines| shader!("matmul_register.wgsl", defines))
        }
    }
}

/// Invocations past the edges return at once, so it costs no more than the problem.
fn naive(p: &Matmul) -> Variant {
    let block = Block { vec4: false, ..Block::new(8, 8) };
    Variant::always("naive", block.plan(p, Vec::new(), |defines| shader!("matmul_naive.wgsl", defines)))
}

/// All variants, the preferred one for this device and shape first.
pub(super) fn variants(p: &Matmul, caps: &Capabilities) -> Vec<Variant> {
    let mut tiles: Vec<&Tile> = TILES.iter().collect();
    // Stable: of those that keep the device busy the largest comes first, then the one with the most blocks.
    tiles.sort_by_key(|tile| (!tile.keeps_busy(p, 1, caps)).then(|| Reverse(tile.blocks(p))));
    let sliced = sliced::variant(p, caps);
    let tiles = tiles.into_iter().map(|tile| tile.variant(p, caps));
    let subgroups = SubgroupBlock::variants(p, caps);
    let (register, naive) = (register(p), naive(p));
    let (mut all, matrix_units) = cooperative::variants(p, caps);
    match caps.class {
        DeviceClass::Gpu => {
            if sliced.wins {
                all.push(sliced.variant);
                all.extend(tiles);
            } else {
                all.extend(tiles);
                all.push(sliced.variant);
            }
            // Whether they win depends on how many units a GPU has: `tune` finds out.
            all.extend(matrix_units);
            all.extend([naive, register]);
            all.extend(subgroups);
        }
        DeviceClass::SimdCpu => {
            all.extend(subgroups.into_iter().chain([register, naive]));
            all.extend(matrix_units);
            all.extend(tiles);
            all.push(sliced.variant);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::shape::Factors;
    use super::*;
    use crate::gpu::SubgroupRange;
    use crate::gpu::capabilities::CooperativeMatrix;
    use crate::gpu::capabilities::tests::minimal;

    fn preferred(p: &Matmul, caps: &Capabilities) -> &'static str {
        variants(p, caps).into_iter().find(Variant::usable).expect("a variant").name
    }

    #[test]
    fn the_largest_tile_that_keeps_the_compute_units_busy_is_preferred() {
        let h100 = Capabilities { cores: Some(132), ..minimal(DeviceClass::Gpu) };
        assert_eq!(preferred(&Matmul::linear(1370, 4096, 1024), &h100), "tile128x64");
        assert_eq!(preferred(&Matmul::linear(1370, 1024, 768), &h100), "tile32");
        assert_eq!(preferred(&Matmul::linear(197, 768, 768), &h100), "tile32");
        let small = Capabilities { cores: Some(6), ..h100 };
        assert_eq!(preferred(&Matmul::linear(197, 768, 768), &small), "tile128x64");
    }

    #[test]
    fn long_sums_are_cut_into_slices_where_blocks_are_too_few_for_the_compute_units() {
        let gpu = |cores| Capabilities { cores: Some(cores), ..minimal(DeviceClass::Gpu) };
        let (wide, long) = (Matmul::linear(1370, 1024, 1024), Matmul::linear(577, 1024, 4096));
        assert_eq!(preferred(&wide, &gpu(132)), "sliced");
        assert_eq!(preferred(&long, &gpu(132)), "sliced");
        // Twenty-four are busy as it is, and sums of 1024 do not make slices for a thousand.
        assert_eq!(preferred(&wide, &gpu(24)), "tile128x64");
        assert_eq!(preferred(&wide, &gpu(1000)), "tile32");
        let slices = |p: &Matmul, cores| {
            let found = variants(p, &gpu(cores)).into_iter().find(|v| v.name == "sliced").expect("a variant");
            found.plan.map(|plan| plan.grid[2])
        };
        assert_eq!((slices(&wide, 132), slices(&long, 132), slices(&wide, 1)), (Ok(2), Ok(4), Ok(2)));
        assert!(slices(&Matmul::linear(577, 1024, 768), 132).is_err(), "slices of 384");
        assert!(slices(&Matmul::linear(577, 1022, 4096), 132).is_err(), "rows that are no whole vec4s");
        // Two slices of 128 MiB each are more than a binding of the weakest device takes.
        assert!(matches!(slices(&Matmul::linear(8192, 4096, 1024), 1), Err(Unmet::Between { .. })));
    }

    /// A software device, whose order has nothing to do with the number of blocks, keeps its choice.
    #[test]
    fn a_software_device_sums_in_one_launch() {
        let caps = Capabilities { cores: Some(64), ..minimal(DeviceClass::SimdCpu) };
        let all = variants(&Matmul::linear(7, 68, 4096), &caps);
        assert_eq!(all.iter().position(|v| v.name == "sliced"), Some(all.len() - 1));
        assert_eq!(all.iter().find(|v| v.usable()).map(|v| v.name), Some("register"));
    }

    #[test]
    fn float16_units_need_a_known_range_and_long_sums() {
        let shape =
            CooperativeMatrix { size: 16, factors: "f16".into(), accumulator: "f32".into(), lanes: None };
        let amd = Capabilities {
            f16: true,
            subgroups: Some(SubgroupRange { min: 32, max: 64 }),
            cooperative_matrix: vec![shape],
            limits: crate::gpu::capabilities::DeviceLimits {
                workgroup_memory: 64 << 10,
                invocations: 1024,
                ..minimal(DeviceClass::Gpu).limits
            },
            ..minimal(DeviceClass::Gpu)
        };
        let usable = |p: &Matmul, name: &str| variants(p, &amd).iter().any(|v| v.name == name && v.usable());
        let ranged = Matmul { range: Some((8.0, 1.0)), ..Matmul::linear(64, 64, 160) };
        assert!(usable(&ranged, "split16") && !usable(&ranged, "half16") && !usable(&ranged, "split8"));
        assert!(!usable(&Matmul { range: None, ..ranged.clone() }, "split16"));
        assert!(!usable(&Matmul { range: ranged.range, ..Matmul::linear(64, 64, 156) }, "split16"));
        let half = Matmul { factors: Factors::F16, ..ranged };
        assert_eq!(preferred(&half, &amd), "half16");
    }

    #[test]
    fn powers_of_two_bring_the_largest_factor_to_half_of_the_range_of_float16() {
        let p = Matmul { range: Some((3.0, 0.25)), ..Matmul::linear(4, 4, 4) };
        assert_eq!(p.powers(), (8192.0, 131_072.0));
        assert_eq!(Matmul::linear(4, 4, 4).powers(), (1.0, 1.0));
    }
}
