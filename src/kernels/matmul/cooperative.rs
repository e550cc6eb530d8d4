//! Variants by cooperative matrices, `coop8` and `coop16` after the edge of their tiles.
//!
//! They are experimental in wgpu and differ from driver to driver, hence each must pass a [`Trial`].

use std::sync::Arc;

use super::block::{Block, number, workgroup_fits};
use super::shape::{Matmul, MatrixLayout, Order};
use crate::gpu::{Capabilities, Define};
use crate::kernels::{Trial, Unmet, Variant, shader};

/// Rows and columns of a workgroup's block of outputs.
const EDGE: usize = 64;
/// Subgroups of a workgroup.
const SUBGROUPS: u32 = 4;
/// Bytes of workgroup memory.
const MEMORY: u32 = 2560 * 4;

/// A size of tiles, as WGSL writes its types.
struct Tile {
    name: &'static str,
    edge: u32,
    types: [&'static str; 3],
}

const TILES: [Tile; 2] = [
    Tile {
        name: "coop8",
        edge: 8,
        types: ["coop_mat8x8<f32, A>", "coop_mat8x8<f32, B>", "coop_mat8x8<f32, C>"],
    },
    Tile {
        name: "coop16",
        edge: 16,
        types: ["coop_mat16x16<f32, A>", "coop_mat16x16<f32, B>", "coop_mat16x16<f32, C>"],
    },
];

impl Tile {
    /// Invocations of a subgroup that holds these tiles, where the variant can run.
    fn lanes(&self, p: &Matmul, caps: &Capabilities) -> Result<u32, Unmet> {
        let mut shapes = caps.cooperative_matrix.iter();
        let shape = shapes.find(|shape| shape.size == self.edge && shape.f32());
        let lanes = shape.ok_or(Unmet::CooperativeMatrix(self.edge))?.lanes.ok_or(Unmet::FixedSubgroup)?;
        workgroup_fits(caps, SUBGROUPS * lanes, MEMORY)?;
        p.aligned()?;
        Ok(lanes)
    }

    fn variant(&self, p: &Matmul, caps: &Capabilities) -> Variant {
        let lanes = match self.lanes(p, caps) {
            Ok(lanes) => lanes,
            Err(unmet) => return Variant::new(self.name, Err(unmet)),
        };
        let numbers = [number("TILE", self.edge as usize), number("LANES", lanes as usize)];
        let types = ["TileA", "TileB", "TileC"].into_iter().zip(self.types.map(Define::Type));
        let own = numbers.into_iter().chain(types).collect();
        let shader = |defines| shader!("matmul_cooperative.wgsl", defines);
        Variant { trial: Some(trial(p)), ..Block::new(EDGE, EDGE).variant(self.name, p, own, shader) }
    }
}

pub(super) fn variants(p: &Matmul, caps: &Capabilities) -> Vec<Variant> {
    TILES.iter().map(|tile| tile.variant(p, caps)).collect()
}

/// The same options, hence the same pipeline, on sizes that leave edges: more than one block each way,
/// and a last stage that is not full.
fn trial(p: &Matmul) -> Trial {
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
    Trial { problem: Arc::new(small), plain: "naive" }
}
