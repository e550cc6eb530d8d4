//! Variants by cooperative matrices, for attention that may round its factors to float16: `half16` and `half8`, named
//! after the edge of their tiles.
//!
//! They are experimental in wgpu and differ from driver to driver, hence each must pass a [`Trial`](crate::kernels::Trial).

use super::shape::Attention;
use crate::gpu::{Capabilities, Define};
use crate::kernels::attention_blocks::head_dim_fits;
use crate::kernels::matmul::Factors;
use crate::kernels::matrix_units::{EIGHT, SIXTEEN, power, tile_lanes};
use crate::kernels::unmet::workgroup_fits;
use crate::kernels::{Plan, Unmet, Variant, param_bytes, shader};

/// Subgroups of a workgroup.
const SUBGROUPS: usize = 4;
/// Queries of a subgroup, and keys of a step.
const STRIP: usize = 16;
const KEYS: usize = 16;
/// What multiplies weights, so that they make use of float16's range.
const WEIGHT: f32 = 128.0;

/// Tiles of this edge, as WGSL writes their types.
struct Tile {
    name: &'static str,
    edge: usize,
    types: [&'static str; 4],
}

const TILES: [Tile; 2] =
    [Tile { name: "half16", edge: 16, types: SIXTEEN }, Tile { name: "half8", edge: 8, types: EIGHT }];

/// Bytes of workgroup memory: staged keys and values, weights, scores, a factor a query; and a word for each dimension
/// where there is a mask.
fn workgroup_memory(p: &Attention) -> usize {
    let queries = SUBGROUPS * STRIP;
    let staged = 2 * 2 * KEYS * (p.head_dim + 8);
    let masked = if p.causal { 4 * p.head_dim } else { 0 };
    staged + 2 * queries * (KEYS + 8) + 4 * queries * (KEYS + 4) + 4 * queries + 4 + masked
}

impl Tile {
    /// Invocations of a subgroup that holds these tiles, where the variant can run.
    fn lanes(&self, p: &Attention, caps: &Capabilities) -> Result<usize, Unmet> {
        let lanes = tile_lanes(caps, self.edge as u32, self.types[0])?;
        Unmet::Other("the factors must stay float32").unless(p.factors == Factors::F16)?;
        Unmet::Other("the largest magnitude of its operands is not known").unless(p.range.is_some())?;
        // Whatever the tiles: queries and outputs pass through workgroup memory 16 dimensions at a time.
        Unmet::MultipleOf { what: "the head dimension", of: 16 }.unless(p.head_dim.is_multiple_of(16))?;
        head_dim_fits(p.head_dim)?;
        // Invocations share rows evenly.
        Unmet::SubgroupSize(lanes).unless(lanes.is_power_of_two() && lanes <= 64)?;
        workgroup_fits(caps, SUBGROUPS as u32 * lanes, workgroup_memory(p) as u32)?;
        Ok(lanes as usize)
    }

    fn plan(&self, p: &Attention, lanes: usize) -> Plan {
        let (size, queries) = (SUBGROUPS * lanes, SUBGROUPS * STRIP);
        // Two at least, on a device whose subgroups are small as well: all devices run the same code.
        let share = (size / queries).max(2);
        let sizes = [
            ("TILE", self.edge),
            ("LANES", lanes),
            // Tiles of a strip, and of the keys of a step.
            ("DOWN", STRIP / self.edge),
            // Tiles of a row of queries.
            ("STEPS", p.head_dim / self.edge),
            // Invocations of a row, the rows of each, and the keys of a row that it turns into weights.
            ("EACH", queries * share / size),
            ("SHARE", share),
            ("PART", KEYS / share),
            // vec4s that an invocation loads of the keys of a step, and of the values.
            ("LOADS", (KEYS * p.head_dim / 4).div_ceil(size)),
        ];
        let mut defines = p.defines(sizes);
        let types = ["TileA", "TileB", "TileC"].into_iter().zip(&self.types[1..]);
        defines.extend(types.map(|(name, of)| (name, Define::Type(of))));
        let power = power(p.range.unwrap_or(1.0));
        let floats = [p.scale() * power, power, 1.0 / (power * power), 1.0 / (WEIGHT * power)];
        let floats = floats.map(f32::to_bits);
        Plan {
            shader: shader!("attention_cooperative.wgsl", defines),
            params: param_bytes(&[&[p.tokens as u32, p.heads as u32], &floats[..]].concat()),
            grid: p.grid(queries),
        }
    }
}

pub(super) fn variants(p: &Attention, caps: &Capabilities) -> Vec<Variant> {
    let variant = |tile: &Tile| {
        let plan = tile.lanes(p, caps).map(|lanes| tile.plan(p, lanes));
        Variant { trial: Some(p.trial()), ..Variant::new(tile.name, plan) }
    };
    TILES.iter().map(variant).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::capabilities::CooperativeMatrix;
    use crate::gpu::capabilities::tests::minimal;
    use crate::gpu::{DeviceClass, SubgroupRange};

    #[test]
    fn float16_units_need_consent_a_range_and_whole_tiles() {
        let shape =
            |size| CooperativeMatrix { size, factors: "f16".into(), accumulator: "f32".into(), lanes: None };
        let amd = Capabilities {
            f16: true,
            subgroups: Some(SubgroupRange { min: 32, max: 64 }),
            cooperative_matrix: vec![shape(8), shape(16)],
            ..minimal(DeviceClass::Gpu)
        };
        let usable = |p: &Attention, name: &str| {
            variants(p, &amd).into_iter().find(|v| v.name == name).expect("a variant").plan.map(drop)
        };
        let half = Attention { factors: Factors::F16, range: Some(8.0), ..Attention::new(1, 577, 16, 64) };
        assert_eq!(usable(&half, "half16"), Ok(()));
        assert_eq!(usable(&half, "half8"), Ok(()));
        let float32 = Attention { factors: Factors::F32, ..half.clone() };
        assert!(usable(&float32, "half16").is_err());
        assert!(usable(&Attention { range: None, ..half.clone() }, "half16").is_err());
        let odd = Attention { head_dim: 88, ..half.clone() };
        assert_eq!(usable(&odd, "half8"), Err(Unmet::MultipleOf { what: "the head dimension", of: 16 }));
        // 16 KiB hold the keys and values of 96 dimensions, not those of 128.
        assert_eq!(usable(&Attention { head_dim: 96, causal: true, ..half.clone() }, "half8"), Ok(()));
        let wide = usable(&Attention { head_dim: 128, ..half }, "half8");
        assert!(matches!(wide, Err(Unmet::WorkgroupMemory { limit: 16384, .. })), "{wide:?}");
    }
}
