//! Variants by cooperative matrices: `coop8` on float32 factors, `split8` and `split16` that do float32 arithmetic on
//! float16 units, `half8` and `half16` for products that may round their factors; named after the edge of their tiles.
//!
//! They are experimental in wgpu and differ from driver to driver, hence each must pass a [`Trial`].

use std::sync::Arc;

use super::block::{Block, number};
use super::shape::{Factors, Matmul, MatrixLayout, Order};
use crate::gpu::{Capabilities, Define};
use crate::kernels::matrix_units::{EIGHT, SIXTEEN, tile_lanes};
use crate::kernels::unmet::workgroup_fits;
use crate::kernels::{Element, Trial, Unmet, Variant, shader};

/// Subgroups of a workgroup, two by two.
const SUBGROUPS: u32 = 4;
/// Depth of a stage.
const DEPTH: u32 = 16;
/// The shortest sum for which splitting rounds no more than float32's own bound allows: see its bound in `kernel.rs`.
const SPLIT_DEPTH: usize = 160;

/// What the units multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    /// Float32 factors.
    Float32,
    /// Float32 factors, each as two of float16.
    Split,
    /// Factors rounded to float16.
    Half,
}

/// A size of tiles with what they are multiplied by, as WGSL writes its types.
struct Tile {
    name: &'static str,
    arithmetic: Arithmetic,
    edge: u32,
    /// Tiles of a subgroup, down and right.
    part: (u32, u32),
    types: [&'static str; 4],
}

const FLOAT32: [&str; 4] = ["f32", "coop_mat8x8<f32, A>", "coop_mat8x8<f32, B>", "coop_mat8x8<f32, C>"];

const TILES: [Tile; 5] = [
    Tile { name: "half16", arithmetic: Arithmetic::Half, edge: 16, part: (4, 4), types: SIXTEEN },
    Tile { name: "half8", arithmetic: Arithmetic::Half, edge: 8, part: (4, 4), types: EIGHT },
    Tile { name: "coop8", arithmetic: Arithmetic::Float32, edge: 8, part: (4, 4), types: FLOAT32 },
    // Three accumulators for each tile of the result: half as many tiles.
    Tile { name: "split16", arithmetic: Arithmetic::Split, edge: 16, part: (4, 2), types: SIXTEEN },
    Tile { name: "split8", arithmetic: Arithmetic::Split, edge: 8, part: (4, 4), types: EIGHT },
];

impl Tile {
    fn rows(&self) -> u32 {
        2 * self.edge * self.part.0
    }

    fn columns(&self) -> u32 {
        2 * self.edge * self.part.1
    }

    /// Elements that pad a staged row by 16 bytes.
    fn padding(&self) -> u32 {
        if self.arithmetic == Arithmetic::Float32 { 4 } else { 8 }
    }

    /// Elements of a staged block of B.
    fn b_staged(&self, order: Order) -> u32 {
        match order {
            Order::Nk => self.columns() * (DEPTH + self.padding()),
            Order::Kn => DEPTH * (self.columns() + self.padding()),
        }
    }

    /// Bytes of workgroup memory: the staged blocks, and a row of tiles of each subgroup.
    fn workgroup_memory(&self, p: &Matmul) -> u32 {
        let (a, b) = (self.rows() * (DEPTH + self.padding()), self.b_staged(p.order));
        let staged = match self.arithmetic {
            Arithmetic::Float32 => 4 * (a + b),
            Arithmetic::Half => 2 * (a + b),
            Arithmetic::Split if p.b_element == Element::F16 => 2 * (2 * a + b),
            Arithmetic::Split => 4 * (a + b),
        };
        staged + 4 * SUBGROUPS * self.edge * (self.edge * self.part.1 + 4)
    }

    /// Invocations of a subgroup that holds these tiles, where the variant can run.
    fn lanes(&self, p: &Matmul, caps: &Capabilities) -> Result<u32, Unmet> {
        let factors = self.types[0];
        let lanes = tile_lanes(caps, self.edge, factors)?;
        let half = self.arithmetic == Arithmetic::Half;
        Unmet::Other("the factors must stay float32").unless(!half || p.factors == Factors::F16)?;
        if factors == "f16" {
            Unmet::Other("the largest magnitude of its operands is not known").unless(p.range.is_some())?;
        }
        if self.arithmetic == Arithmetic::Split {
            Unmet::Other("the sums are shorter than 160 terms").unless(p.k >= SPLIT_DEPTH)?;
        }
        workgroup_fits(caps, SUBGROUPS * lanes, self.workgroup_memory(p))?;
        p.aligned()?;
        // Its trial needs n to be a multiple of 4.
        Unmet::MultipleOf { what: "n or a stride of c", of: 4 }
            .unless(p.order == Order::Nk || p.aligned_output())?;
        let even = |rows: u32| (rows * DEPTH / 4).is_multiple_of(SUBGROUPS * lanes);
        Unmet::SubgroupSize(lanes).unless(even(self.rows()) && even(self.columns()))?;
        Ok(lanes)
    }

    fn variant(&self, p: &Matmul, caps: &Capabilities) -> Variant {
        let lanes = match self.lanes(p, caps) {
            Ok(lanes) => lanes,
            Err(unmet) => return Variant::new(self.name, Err(unmet)),
        };
        let numbers = [
            ("TILE", self.edge),
            ("LANES", lanes),
            ("ROWS", self.rows()),
            ("COLUMNS", self.columns()),
            ("DOWN", self.part.0),
            ("RIGHT", self.part.1),
            ("PAD", self.padding()),
            ("B_STAGED", self.b_staged(p.order)),
            ("A_LOADS", self.rows() * DEPTH / 4 / (SUBGROUPS * lanes)),
            ("B_LOADS", self.columns() * DEPTH / 4 / (SUBGROUPS * lanes)),
        ];
        let flags =
            [("F16_FACTORS", self.types[0] == "f16"), ("SPLIT", self.arithmetic == Arithmetic::Split)];
        let types = ["Factor", "TileA", "TileB", "TileC"].into_iter().zip(self.types.map(Define::Type));
        let own = numbers.map(|(name, value)| number(name, value as usize)).into_iter();
        let own = own.chain(flags.map(|(name, flag)| (name, Define::Flag(flag)))).chain(types).collect();
        let block = Block {
            vec4_output: p.aligned_output(),
            powers: true,
            ..Block::new(self.rows() as usize, self.columns() as usize)
        };
        let shader = |defines| shader!("matmul_cooperative.wgsl", defines);
        Variant { trial: Some(self.trial(p)), ..block.variant(self.name, p, own, shader) }
    }

    /// The same options, hence the same pipeline, on sizes that leave edges: more than one block each way,
    /// and a last stage that is not full.
    fn trial(&self, p: &Matmul) -> Trial {
        let (m, k) = (self.rows() as usize + 5, SPLIT_DEPTH + 20);
        // Outputs in vec4s, or not.
        let n = self.columns() as usize + if p.aligned_output() { 4 } else { 3 };
        let b = MatrixLayout::dense(if p.order == Order::Nk { k } else { n });
        let small = Matmul {
            order: p.order,
            b,
            b_element: p.b_element,
            scale: 0.5,
            bias: p.bias,
            activation: p.activation,
            residual: p.residual,
            factors: p.factors,
            range: p.range.map(|_| (16.0, 2.0)),
            ..Matmul::linear(m, n, k)
        };
        Trial { problem: Arc::new(small), plain: "naive" }
    }
}

/// Variants for products that may round their factors, and the others.
pub(super) fn variants(p: &Matmul, caps: &Capabilities) -> (Vec<Variant>, Vec<Variant>) {
    let (half, others): (Vec<&Tile>, Vec<&Tile>) =
        TILES.iter().partition(|tile| tile.arithmetic == Arithmetic::Half);
    let made = |tiles: Vec<&Tile>| tiles.into_iter().map(|tile| tile.variant(p, caps)).collect();
    (made(half), made(others))
}
