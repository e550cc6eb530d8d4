//! A kernel that measures how fast matrix units multiply: the third arithmetic ceiling of the roofline, by shape and
//! type of the factors.

use std::sync::Arc;

use super::bounds::{TINY, gamma};
use super::family::{Family, boxed};
use super::matrix_units::{EIGHT, HALF, SIXTEEN, tile_lanes};
use super::stress::Stress;
use super::{
    Cost, Operand, Plan, Problem, Trial, Unmet, Variant, Verifiable, linear_grid, param_bytes, shader,
};
use crate::gpu::{Capabilities, Define};

/// Chains of C = A·B + C with tiles that a subgroup holds.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixMultiplyAdd {
    /// Edge of the tiles, 8 or 16.
    pub edge: usize,
    /// Whether A and B are rounded to float16. Sums are float32.
    pub f16: bool,
    /// Workgroups of four subgroups.
    pub groups: usize,
    /// Steps of each of the [`A_TILES`] · [`B_TILES`] chains.
    pub rounds: usize,
}

/// Tiles of A in a subgroup.
pub const A_TILES: usize = 4;
/// Tiles of B in a subgroup.
pub const B_TILES: usize = 2;
/// Subgroups of a workgroup.
const SUBGROUPS: usize = 4;
/// Edges of tiles, and whether factors are float16, that drivers are known to offer with float32 sums.
pub const SHAPES: [(usize, bool); 3] = [(8, false), (8, true), (16, true)];
/// The most that rounding to float16 adds to that, where numbers are below its normal range and are flushed.
const HALF_TINY: f64 = 1.0 / 16384.0;

impl MatrixMultiplyAdd {
    fn area(&self) -> usize {
        self.edge * self.edge
    }

    fn factors(&self) -> &'static str {
        if self.f16 { "f16" } else { "f32" }
    }

    /// Operations of the chains.
    pub fn flops(&self) -> f64 {
        let products = SUBGROUPS * A_TILES * B_TILES * self.area() * self.edge;
        2.0 * (self.groups * self.rounds) as f64 * products as f64
    }

    /// Invocations of a subgroup, where the device has such units.
    fn lanes(&self, caps: &Capabilities) -> Result<u32, Unmet> {
        let lanes = tile_lanes(caps, self.edge as u32, self.factors())?;
        let fits = SUBGROUPS as u32 * lanes <= caps.limits.invocations;
        Unmet::Other("four subgroups are more invocations than a workgroup can have").unless(fits)?;
        Ok(lanes)
    }

    fn defines(&self) -> Vec<(&'static str, Define)> {
        let number = |value: usize| Define::Number(value as u32);
        vec![("TILE", number(self.edge)), ("A_TILES", number(A_TILES)), ("B_TILES", number(B_TILES))]
    }

    fn units(&self, lanes: u32, params: Vec<u8>, caps: &Capabilities) -> Plan {
        let types = match (self.edge, self.f16) {
            (8, false) => ["f32", "coop_mat8x8<f32, A>", "coop_mat8x8<f32, B>", "coop_mat8x8<f32, C>"],
            (8, true) => EIGHT,
            (_, false) => ["f32", "coop_mat16x16<f32, A>", "coop_mat16x16<f32, B>", "coop_mat16x16<f32, C>"],
            (_, true) => SIXTEEN,
        };
        let mut defines = self.defines();
        defines.extend([("LANES", Define::Number(lanes)), ("F16_FACTORS", Define::Flag(self.f16))]);
        defines.extend(["Factor", "TileA", "TileB", "TileC"].into_iter().zip(types.map(Define::Type)));
        Plan { shader: shader!("probe_matrix.wgsl", defines), params, grid: linear_grid(self.groups, caps) }
    }

    /// Σ over the chains and their terms of what `term` makes of a and b, for every element of a tile.
    fn sums(&self, inputs: &[Vec<f64>], term: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let (edge, area) = (self.edge, self.area());
        let tile = (0..area).map(|at| {
            let (row, column) = (at / edge, at % edge);
            let mut sum = 0.0;
            for i in 0..A_TILES {
                for j in 0..B_TILES {
                    for k in 0..edge {
                        let a = inputs[0][i * area + row * edge + k];
                        sum += term(a, inputs[1][j * area + k * edge + column]);
                    }
                }
            }
            sum * self.rounds as f64
        });
        let tile: Vec<f64> = tile.collect();
        tile.repeat(SUBGROUPS * self.groups)
    }
}

impl Problem for MatrixMultiplyAdd {
    fn kernel(&self) -> &'static str {
        "matrix_multiply_add"
    }

    fn label(&self) -> String {
        let Self { edge, groups, rounds, .. } = self;
        format!("matrix_multiply_add {} edge={edge} groups={groups} rounds={rounds}", self.factors())
    }

    fn inputs(&self) -> Vec<Operand> {
        vec![Operand::f32("a", A_TILES * self.area()), Operand::f32("b", B_TILES * self.area())]
    }

    fn outputs(&self) -> Vec<usize> {
        vec![self.groups * SUBGROUPS * self.area()]
    }

    fn cost(&self) -> Cost {
        let elements = (A_TILES + B_TILES + SUBGROUPS * self.groups) * self.area();
        Cost { flops: self.flops(), bytes: 4.0 * elements as f64 }
    }

    fn variants(&self, caps: &Capabilities) -> Vec<Variant> {
        let params = param_bytes(&[self.groups as u32, self.rounds as u32]);
        let units = self.lanes(caps).map(|lanes| self.units(lanes, params.clone(), caps));
        let small = Self { groups: 3, rounds: 5, ..self.clone() };
        let trial = Some(Trial { problem: Arc::new(small), plain: "plain" });
        let plain = Plan {
            shader: shader!("probe_matrix_plain.wgsl", self.defines()),
            params,
            grid: linear_grid(self.outputs()[0].div_ceil(64), caps),
        };
        vec![Variant { trial, ..Variant::new("units", units) }, Variant::always("plain", plain)]
    }
}

impl Verifiable for MatrixMultiplyAdd {
    fn reference(&self, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
        vec![self.sums(inputs, |a, b| a * b)]
    }

    /// Sums of n terms in any order, by units that may cut off where float32 rounds: 2γₙ. Factors of float16 are off by
    /// 2⁻¹¹ of themselves, or by 2⁻¹⁴ where they are so small that units flush them.
    fn error_bound(&self, inputs: &[Vec<f64>], _: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let n = self.rounds * self.edge * A_TILES * B_TILES;
        let rounding = 2.0 * gamma(n + 2);
        let off = |x: f64| if self.f16 { HALF * x + HALF_TINY } else { 0.0 };
        vec![self.sums(inputs, |a, b| {
            let (a, b) = (a.abs(), b.abs());
            let (da, db) = (off(a), off(b));
            rounding * (a + da) * (b + db) + (a * db + b * da + da * db) + 4.0 * TINY
        })]
    }
}

/// The probe of matrix units.
pub fn family() -> Family {
    Family {
        name: "matrix_multiply_add",
        conformance: || {
            let case = |edge, f16, groups, rounds| MatrixMultiplyAdd { edge, f16, groups, rounds };
            let all =
                [case(8, false, 3, 4), case(8, true, 2, 3), case(16, true, 2, 3), case(16, false, 1, 1)];
            let mut cases = boxed(all.to_vec());
            cases.push(Stress::Fold(3).on(case(8, true, 8, 2)));
            cases
        },
        bench: || {
            boxed(SHAPES.map(|(edge, f16)| MatrixMultiplyAdd { edge, f16, groups: 64, rounds: 64 }).to_vec())
        },
        parse: |text| {
            let f16 = text.one_of(&[("f32", false), ("f16", true)])?;
            let edge = text.size("edge")?;
            if !matches!(edge, 8 | 16) {
                return Err(format!("edge={edge}: tiles of matrix units are 8 or 16 wide"));
            }
            let (groups, rounds) = (text.size("groups")?, text.size("rounds")?);
            Ok(Box::new(MatrixMultiplyAdd { edge, f16, groups, rounds }))
        },
    }
}
