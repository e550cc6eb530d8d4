//! Variants for GPUs whose workgroups stage blocks of A and B in workgroup memory.

use super::block::{Block, number};
use super::shape::{Matmul, Order};
use crate::gpu::Capabilities;
use crate::kernels::unmet::workgroup_fits;
use crate::kernels::{Variant, shader};

/// Invocations that a compute unit needs, to hide the latency of one's loads behind another's products: two subgroups of
/// 32 for each of the four schedulers that it usually has. Workgroups do not tell: those of `tile64x8` have two subgroups,
/// those of `tile64` eight.
const INVOCATIONS_A_CORE: usize = 256;
/// Compute units of a GPU whose driver does not say how many it has.
const USUAL_CORES: u32 = 32;

/// A block of outputs that a workgroup of a `tile` variant owns.
pub(super) struct Tile {
    pub name: &'static str,
    pub rows: u32,
    pub columns: u32,
    /// Rows of an invocation's part, and columns.
    part: u32,
    /// Depth of a stage.
    depth: u32,
}

/// Sizes in use elsewhere on GPUs, in order of what they ask of memory; a part of 8 × 8 reads workgroup memory half as
/// often a product as one of 4 × 4. Which one is fastest depends on registers, too, so `tune` decides. All fit 16 KiB
/// and 256 invocations.
pub(super) const TILES: [Tile; 5] = [
    Tile { name: "tile128x64", rows: 128, columns: 64, part: 8, depth: 16 },
    Tile { name: "tile64x8", rows: 64, columns: 64, part: 8, depth: 16 },
    Tile { name: "tile32", rows: 32, columns: 32, part: 4, depth: 16 },
    Tile { name: "tile64", rows: 64, columns: 64, part: 4, depth: 16 },
    Tile { name: "tile128", rows: 128, columns: 128, part: 8, depth: 8 },
];

impl Tile {
    fn invocations(&self) -> u32 {
        self.rows * self.columns / (self.part * self.part)
    }

    /// Workgroups of the grid.
    pub fn blocks(&self, p: &Matmul) -> usize {
        p.m.div_ceil(self.rows as usize) * p.n.div_ceil(self.columns as usize) * p.batches()
    }

    /// Whether every compute unit gets enough invocations, when the grid is there this many times.
    pub fn keeps_busy(&self, p: &Matmul, times: usize, caps: &Capabilities) -> bool {
        let needed = INVOCATIONS_A_CORE * caps.cores.unwrap_or(USUAL_CORES) as usize;
        self.blocks(p) * times * self.invocations() as usize >= needed
    }

    /// Bytes for a block of A and one of B, rows padded by a vec4; without padding for a B stored along n.
    fn workgroup_memory(&self, order: Order) -> u32 {
        let padded = |rows: u32| 4 * rows * (self.depth + 4);
        padded(self.rows)
            + match order {
                Order::Nk => padded(self.columns),
                Order::Kn => 4 * self.columns * self.depth,
            }
    }

    pub fn variant(&self, p: &Matmul, caps: &Capabilities) -> Variant {
        let met = workgroup_fits(caps, self.invocations(), self.workgroup_memory(p.order));
        if let Err(unmet) = met.and_then(|()| p.aligned()) {
            return Variant::new(self.name, Err(unmet));
        }
        let loads = |rows: u32| rows * self.depth / 4 / self.invocations();
        let numbers = [
            ("ROWS", self.rows),
            ("COLUMNS", self.columns),
            ("PART", self.part),
            ("DEPTH", self.depth),
            ("A_LOADS", loads(self.rows)),
            ("B_LOADS", loads(self.columns)),
        ];
        let own = numbers.map(|(name, size)| number(name, size as usize)).to_vec();
        let vec4_output = p.aligned_output();
        let block = Block { vec4_output, ..Block::new(self.rows as usize, self.columns as usize) };
        block.variant(self.name, p, own, |defines| shader!("matmul_tile.wgsl", defines))
    }
}
