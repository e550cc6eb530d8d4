//! What kernels that work element by element share.

use super::plan::{Defines, Plan};
use super::problem::Variant;
use super::unmet::Unmet;
use crate::gpu::Define;

/// The variants of a kernel that works element by element: `vec4` where its precondition is met, and
/// `scalar`. `plan` gets the number of floats in an element and the constants of [`element_defines`].
pub(super) fn element_variants(
    vec4: Result<(), Unmet>,
    plan: impl Fn(usize, Defines) -> Plan,
) -> Vec<Variant> {
    let packed = |pack: usize| plan(pack, element_defines(pack));
    vec![Variant::when("vec4", vec4, || packed(4)), Variant::always("scalar", packed(1))]
}

/// The constants of elements of `pack` floats, 4 or 1: their type `T`, `PACK` and the flag `VEC4`.
pub(super) fn element_defines(pack: usize) -> Defines {
    let vec4 = pack == 4;
    let element = Define::Type(if vec4 { "vec4<f32>" } else { "f32" });
    vec![("T", element), ("PACK", Define::Number(pack as u32)), ("VEC4", Define::Flag(vec4))]
}
