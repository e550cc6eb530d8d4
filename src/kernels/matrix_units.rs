//! What kernels on matrix units share: how float16 rounds, and the subgroups that hold a tile.

use super::unmet::Unmet;
use crate::gpu::Capabilities;

/// Rounding unit of float16, which keeps 11 bits.
pub(super) const HALF: f64 = 1.0 / 2048.0;

/// Factor and tiles of 8×8 with float16 factors and float32 sums, as WGSL writes them: factor, A, B, C.
pub(super) const EIGHT: [&str; 4] =
    ["f16", "coop_mat8x8<f16, A>", "coop_mat8x8<f16, B>", "coop_mat8x8<f32, C>"];
/// The same of 16×16.
pub(super) const SIXTEEN: [&str; 4] =
    ["f16", "coop_mat16x16<f16, A>", "coop_mat16x16<f16, B>", "coop_mat16x16<f32, C>"];

/// The power of two that brings the largest of some factors below 2¹⁵, half of float16's range, and not below 2¹⁴.
pub(super) fn power(largest: f32) -> f32 {
    (15.0 - largest.max(f32::MIN_POSITIVE).log2().ceil()).clamp(-60.0, 60.0).exp2()
}

/// Invocations of a subgroup that holds tiles of this edge, with factors of this type and float32 sums.
///
/// # Errors
/// [`Unmet::CooperativeMatrix`] where the device has none, and where nothing is known of its subgroups.
pub(super) fn tile_lanes(caps: &Capabilities, edge: u32, factors: &'static str) -> Result<u32, Unmet> {
    let mut shapes = caps.cooperative_matrix.iter();
    let shape = shapes.find(|s| s.size == edge && s.factors == factors && s.accumulator == "f32");
    let shape = shape.ok_or(Unmet::CooperativeMatrix(edge, factors))?;
    Unmet::Other("shaders have no f16 here").unless(factors != "f16" || caps.f16)?;
    // Where a driver varies the size of subgroups, those with matrices have the largest: RADV compiles them so. The
    // trial finds out where it is otherwise.
    shape.lanes.or(caps.subgroups.map(|range| range.max)).ok_or(Unmet::FixedSubgroup)
}
