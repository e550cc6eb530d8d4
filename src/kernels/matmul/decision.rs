//! Which variant computes a product, with what block, on what grid.
//!
//! * `tile…` for GPUs: blocks staged in workgroup memory, in four sizes.
//! * `panel…` and `subgroup…` for devices that run a subgroup as one SIMD vector, wide and narrow;
//!   `panel…` reads weights as [`Panels`].
//! * `coop8`, `coop16` for GPUs with cooperative matrices of float32; see [`cooperative`].
//! * `register` for CPUs without subgroups, `naive` for every shape and device.

use super::{Matmul, Order, cooperative};
use crate::gpu::{Capabilities, Define, DeviceClass, ShaderSpec};
use crate::kernels::activation::Activation;
use crate::kernels::panels::Panels;
use crate::kernels::{Cost, Element, Launch, Problem as _, Variant, shader};

/// A block of outputs that a workgroup of a `tile` variant owns.
struct Tile {
    name: &'static str,
    /// Rows and columns of the block: both.
    edge: u32,
    /// Rows and columns of an invocation's part: both.
    part: u32,
    /// Depth of a stage.
    depth: u32,
}

/// Sizes in use elsewhere on GPUs; which one wins depends on registers and on how many workgroups a
/// device keeps busy, so `tune` decides. All fit 16 KiB and 256 invocations.
const TILES: [Tile; 4] = [
    Tile { name: "tile64", edge: 64, part: 4, depth: 16 },
    Tile { name: "tile32", edge: 32, part: 4, depth: 16 },
    Tile { name: "tile64x8", edge: 64, part: 8, depth: 16 },
    Tile { name: "tile128", edge: 128, part: 8, depth: 8 },
];

impl Tile {
    fn invocations(&self) -> u32 {
        (self.edge / self.part).pow(2)
    }

    /// Bytes for a block of A and one of B, rows padded by four floats.
    fn workgroup_memory(&self) -> u32 {
        2 * 4 * self.depth * (self.edge + 4)
    }

    fn variant(&self, problem: &Matmul, caps: &Capabilities) -> Variant {
        let (invocations, memory) = (self.invocations(), self.workgroup_memory());
        let fits = caps.limits.invocations >= invocations && caps.limits.workgroup_memory >= memory;
        Variant::when(self.name, problem.vec4() && fits, || match fits {
            true => UNALIGNED.into(),
            false => format!("needs {invocations} invocations and {memory} bytes of workgroup memory"),
        })
    }
}

pub(super) const UNALIGNED: &str = "k, n or a stride is not a multiple of 4";

/// Workgroups below which a GPU is left partly idle by blocks of 64.
const BUSY_GRID: usize = 32;

/// How a device that runs a subgroup as one vector would hold the weight [n, k] of a product; `None`
/// where rows in a buffer serve better.
pub fn weight_panels(caps: &Capabilities, n: usize, k: usize, element: Element) -> Option<Panels> {
    let problem = Matmul { b_element: element, ..Matmul::linear(1, n, k) };
    let panel = panel_variant(&problem, caps);
    let preferred = caps.class == DeviceClass::SimdCpu && panel.usable.is_ok();
    panel.panels.filter(|_| preferred).map(|(_, panels)| panels)
}

/// A block of outputs that a workgroup of one subgroup owns. Loads cost rows + columns, products
/// rows · columns: large blocks win until their code no longer fits the cache of instructions, or until
/// there are too few of them for the cores. Rows are loaded from a buffer; with panels, columns are
/// texels, which are cheaper: hence wider.
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
        if self.panels {
            return Variant { name: self.name, ..panel_variant(p, caps) };
        }
        let refused = subgroup_refused(p, caps);
        Variant { name: self.name, usable: refused.map_or(Ok(()), Err), panels: None }
    }

    /// All of these variants, narrow ones before wide ones where the wide ones starve the cores.
    fn variants(p: &Matmul, caps: &Capabilities) -> Vec<Variant> {
        let lanes = lanes(caps);
        let mut blocks: Vec<&Self> = SUBGROUP_BLOCKS.iter().collect();
        for pair in blocks.chunks_mut(2) {
            if pair[0].starves(p, lanes) {
                pair.swap(0, 1);
            }
        }
        blocks.into_iter().map(|block| block.variant(p, caps)).collect()
    }
}

fn panel_variant(p: &Matmul, caps: &Capabilities) -> Variant {
    let panels = Panels { rows: p.n, columns: p.k };
    let weight = p.order == Order::Nk && p.batches() == 1 && p.b.row == p.k && p.b.offset == 0;
    let reason = subgroup_refused(p, caps)
        .or_else(|| (!weight).then(|| "b is no weight".into()))
        .or_else(|| (p.b_element != Element::F32).then(|| "b is not f32".into()))
        .or_else(|| panels.refused(caps));
    Variant { name: "panel", usable: reason.map_or(Ok(()), Err), panels: Some((1, panels)) }
}

/// Why the variants that are one subgroup a workgroup cannot run.
fn subgroup_refused(p: &Matmul, caps: &Capabilities) -> Option<String> {
    match caps.subgroups.and_then(|s| s.fixed()) {
        None => Some("needs subgroups of one fixed size".into()),
        Some(lanes) if !(4..=32).contains(&lanes) => {
            Some(format!("subgroups of {lanes} would need too many registers"))
        }
        _ if p.order != Order::Nk => Some("b is stored as [k, n]".into()),
        _ if !p.vec4() => Some(UNALIGNED.into()),
        _ => None,
    }
}

pub(super) fn variants(p: &Matmul, caps: &Capabilities) -> Vec<Variant> {
    let mut tiles: Vec<Variant> = TILES.iter().map(|t| t.variant(p, caps)).collect();
    if p.m.div_ceil(64) * p.n.div_ceil(64) * p.batches() < BUSY_GRID {
        tiles.swap(0, 1);
    }
    let subgroups = SubgroupBlock::variants(p, caps);
    let nk = p.order == Order::Nk;
    let register = Variant::when("register", nk && p.vec4(), || match nk {
        true => UNALIGNED.into(),
        false => "b is stored as [k, n]".into(),
    });
    let naive = Variant::always("naive");
    let mut all = cooperative::variants(p, caps);
    match caps.class {
        DeviceClass::Gpu => {
            all.extend(tiles);
            all.extend([naive, register]);
            all.extend(subgroups);
        }
        DeviceClass::SimdCpu => {
            all.splice(0..0, subgroups.into_iter().chain([register, naive]));
            all.extend(tiles);
        }
    }
    all
}

fn subgroup_block(variant: &str) -> Option<&'static SubgroupBlock> {
    SUBGROUP_BLOCKS.iter().find(|block| block.name == variant)
}

/// Invocations of a subgroup; eight where that is not fixed, and no variant asks.
fn lanes(caps: &Capabilities) -> usize {
    caps.subgroups.and_then(|s| s.fixed()).unwrap_or(8) as usize
}

fn tile(variant: &str) -> &'static Tile {
    TILES.iter().find(|tile| tile.name == variant).unwrap_or(&TILES[0])
}

/// Rows and columns of the outputs that a workgroup owns.
fn block(p: &Matmul, caps: &Capabilities, variant: &str) -> (usize, usize) {
    if let Some(block) = subgroup_block(variant) {
        return (SubgroupBlock::rows(p, lanes(caps)) * lanes(caps), block.columns * lanes(caps));
    }
    match variant {
        "register" => (p.m.min(8), 64),
        "naive" => (8, 8),
        "coop8" | "coop16" => (cooperative::EDGE, cooperative::EDGE),
        variant => (tile(variant).edge as usize, tile(variant).edge as usize),
    }
}

/// The cost with what is computed past the edges of the matrix and thrown away.
pub(super) fn padded_cost(p: &Matmul, caps: &Capabilities, variant: &str) -> Cost {
    let (rows, columns) = block(p, caps, variant);
    let padded = (p.m.next_multiple_of(rows) * p.n.next_multiple_of(columns)) as f64;
    let cost = p.cost();
    // Invocations of `naive` past the edges return at once.
    let factor = if variant == "naive" { 1.0 } else { padded / (p.m * p.n) as f64 };
    Cost { flops: cost.flops * factor, ..cost }
}

pub(super) fn launch(p: &Matmul, caps: &Capabilities, variant: &'static str) -> Launch {
    let (rows, columns) = block(p, caps, variant);
    let grid = [p.n.div_ceil(columns) as u32, p.m.div_ceil(rows) as u32, p.batches() as u32];
    let mut defines = defines(p, variant);
    let mut number = |name, value: usize| defines.push((name, Define::Number(value as u32)));
    let shader: ShaderSpec = match variant {
        _ if subgroup_block(variant).is_some() => {
            number("LANES", lanes(caps));
            number("ROWS", rows / lanes(caps));
            number("COLS", columns / lanes(caps));
            // An accumulator is blended and spilled once a visit: two vec4s of k make more of it.
            number("STEPS", if p.k.is_multiple_of(8) { 2 } else { 1 });
            shader!("matmul_subgroup.wgsl", defines)
        }
        "register" => {
            number("ROWS", rows);
            number("COLS", 8);
            shader!("matmul_register.wgsl", defines)
        }
        "naive" => shader!("matmul_naive.wgsl", defines),
        "coop8" | "coop16" => {
            defines.extend(cooperative::defines(caps, variant));
            shader!("matmul_cooperative.wgsl", defines)
        }
        variant => {
            let tile = tile(variant);
            number("TILE", tile.edge as usize);
            number("PART", tile.part as usize);
            number("TILE_K", tile.depth as usize);
            shader!("matmul_tile.wgsl", defines)
        }
    };
    Launch { variant, shader, params: p.params(), grid }
}

fn defines(p: &Matmul, variant: &str) -> Vec<(&'static str, Define)> {
    let bias = 2;
    let residual = bias + u32::from(p.bias);
    vec![
        ("BIAS", Define::Flag(p.bias)),
        ("RESIDUAL", Define::Flag(p.residual)),
        ("ACTIVATE", Define::Flag(p.activation.is_some())),
        ("ACTIVATION", Define::Text(p.activation.map_or("", Activation::function))),
        ("B_F16", Define::Flag(p.b_element == Element::F16)),
        ("PANELS", Define::Flag(subgroup_block(variant).is_some_and(|block| block.panels))),
        ("VEC4", Define::Flag(variant != "naive")),
        ("B_KN", Define::Flag(p.order == Order::Kn)),
        ("BIAS_AT", Define::Number(bias)),
        ("RESIDUAL_AT", Define::Number(residual)),
        ("C_AT", Define::Number(residual + u32::from(p.residual))),
    ]
}
