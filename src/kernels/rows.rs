//! What kernels that reduce over rows share.

use super::elements::element_defines;
use super::plan::{Defines, Plan, linear_grid};
use super::problem::Variant;
use crate::gpu::{Capabilities, Define, DeviceClass};

/// Rows of a workgroup, one an invocation, of the variant `row`.
const ROWS: usize = 8;
/// Invocations that share a row in the variant `workgroup`.
const WORKGROUP: u32 = 128;

/// The variants of a kernel that reduces over `rows` rows: `row`, one invocation a row, and `workgroup`, one
/// workgroup a row. `plan` gets the constants `WG` and `ROWWISE`, and the grid.
pub(super) fn row_variants(
    rows: usize,
    caps: &Capabilities,
    plan: impl Fn(Defines, [u32; 3]) -> Plan,
) -> Vec<Variant> {
    let defines = |rowwise, size| vec![("WG", Define::Number(size)), ("ROWWISE", Define::Flag(rowwise))];
    let row = plan(defines(true, ROWS as u32), linear_grid(rows.div_ceil(ROWS), caps));
    let workgroup = plan(defines(false, WORKGROUP), linear_grid(rows, caps));
    let (row, workgroup) = (Variant::always("row", row), Variant::always("workgroup", workgroup));
    match caps.class {
        DeviceClass::Gpu => vec![workgroup, row],
        DeviceClass::SimdCpu => vec![row, workgroup],
    }
}

/// The constants `T`, `PACK` and `VEC4` of a row kernel: elements of four where the width allows.
pub(super) fn row_elements(width: usize) -> Defines {
    element_defines(if width.is_multiple_of(4) { 4 } else { 1 })
}
