//! Variants by cooperative matrices, `coop8` and `coop16` after the edge of their tiles.
//!
//! They are experimental in wgpu and differ from driver to driver, hence each must pass a [`Trial`].

use super::decision::UNALIGNED;
use super::{Matmul, MatrixLayout, Order};
use crate::gpu::{Capabilities, Define};
use crate::kernels::Variant;
use crate::kernels::trial::Trial;

/// Rows and columns of a workgroup's block of outputs.
pub(super) const EDGE: usize = 64;
/// Subgroups of a workgroup.
const SUBGROUPS: u32 = 4;
/// Bytes of workgroup memory.
const MEMORY: u32 = 2560 * 4;

const TILES: [(&str, u32); 2] = [("coop8", 8), ("coop16", 16)];

/// Edge of the tiles of a variant of this name.
fn tile(variant: &str) -> Option<u32> {
    TILES.iter().find(|(name, _)| *name == variant).map(|(_, tile)| *tile)
}

/// Invocations of a subgroup that holds tiles of float32 of this size, if the device has them.
fn lanes(caps: &Capabilities, tile: u32) -> Result<u32, String> {
    let mut shapes = caps.cooperative_matrix.iter();
    let shape = shapes.find(|shape| shape.size == tile && shape.f32());
    let shape = shape.ok_or_else(|| format!("needs cooperative matrices of {tile}x{tile} f32→f32"))?;
    shape.lanes.ok_or_else(|| "needs subgroups of one fixed size".to_owned())
}

fn usable(p: &Matmul, caps: &Capabilities, tile: u32) -> Result<(), String> {
    let invocations = SUBGROUPS * lanes(caps, tile)?;
    if invocations > caps.limits.invocations || MEMORY > caps.limits.workgroup_memory {
        return Err(format!("needs {invocations} invocations and {MEMORY} bytes of workgroup memory"));
    }
    if p.vec4() { Ok(()) } else { Err(UNALIGNED.into()) }
}

pub(super) fn variants(p: &Matmul, caps: &Capabilities) -> Vec<Variant> {
    let variant = |(name, tile)| Variant { name, usable: usable(p, caps, tile), panels: None };
    TILES.map(variant).to_vec()
}

/// The defines that `matmul_cooperative.wgsl` has beside those of every product.
pub(super) fn defines(caps: &Capabilities, variant: &str) -> Vec<(&'static str, Define)> {
    let tile = tile(variant).unwrap_or(8);
    let types = match tile {
        8 => ["coop_mat8x8<f32, A>", "coop_mat8x8<f32, B>", "coop_mat8x8<f32, C>"],
        _ => ["coop_mat16x16<f32, A>", "coop_mat16x16<f32, B>", "coop_mat16x16<f32, C>"],
    };
    let types = ["TileA", "TileB", "TileC"].into_iter().zip(types.map(Define::Type));
    let numbers = [("TILE", tile), ("LANES", lanes(caps, tile).unwrap_or(32))];
    numbers.map(|(name, n)| (name, Define::Number(n))).into_iter().chain(types).collect()
}

/// The same options, hence the same pipeline, on sizes that leave edges: more than one block each way,
/// and a last stage that is not full.
pub(super) fn trial(p: &Matmul, variant: &str) -> Option<Trial> {
    tile(variant)?;
    let (m, n, k) = (EDGE + 5, EDGE + 4, 36);
    let b = MatrixLayout::dense(if p.order == Order::Nk { k } else { n });
    let small = Matmul {
        order: p.order,
        b,
        b_element: p.b_element,
        scale: 0.5,
        bias: p.bias,
        activation: p.activation,
        residual: p.residual,
        ..Matmul::linear(m, n, k)
    };
    Some(Trial { problem: Box::new(small), plain: "naive" })
}
