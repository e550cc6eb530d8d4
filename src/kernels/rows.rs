//! What kernels that reduce over rows share.

use super::elements::element_defines;
use super::plan::{Defines, Plan, linear_grid};
use super::problem::Variant;
use super::unmet::Unmet;
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

/// How a workgroup holds a row in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// Invocations of the workgroup.
    pub(super) workgroup: u32,
    /// Elements of an invocation.
    pub(super) elements: u32,
    /// Subgroups of the workgroup, at most.
    pub(super) subgroups: u32,
}

impl Held {
    /// For rows of `width` floats, in elements of `pack`.
    ///
    /// # Errors
    /// No subgroups, or a row too long for the registers of a workgroup.
    pub(super) fn new(width: usize, pack: usize, caps: &Capabilities) -> Result<Self, Unmet> {
        let smallest = caps.subgroups.ok_or(Unmet::Other("no subgroups"))?.min;
        // So many loads under way hide much of a load's time; more of them cost registers, and so invocations.
        let enough = if pack == 4 { 4 } else { 8 };
        let elements = |workgroup: u32| (width / pack).div_ceil(workgroup as usize);
        let workgroup = [32, 64, 128].into_iter().find(|&w| elements(w) <= enough).unwrap_or(256);
        let elements = elements(workgroup);
        Unmet::Registers(elements * pack).unless(elements <= 2 * enough)?;
        Ok(Self { workgroup, elements: elements as u32, subgroups: workgroup.div_ceil(smallest) })
    }

    /// The constants of `common/registers.wgsl` for this many reductions, one after the other, of values of the type `sum`.
    pub(super) fn defines(self, reductions: u32, sum: &'static str) -> Defines {
        let sizes = [("WG", self.workgroup), ("HELD", self.elements), ("PARTS", self.subgroups)];
        let sizes = sizes.into_iter().chain([("SLOTS", reductions)]);
        let sizes = sizes.map(|(name, size)| (name, Define::Number(size)));
        sizes.chain([("SHARED", Define::Flag(self.subgroups > 1)), ("S", Define::Type(sum))]).collect()
    }
}

/// Rows of the variant `registers`, and what it reduces them by.
pub(super) struct HeldRows {
    /// Number of rows.
    pub(super) rows: usize,
    /// Floats of a row.
    pub(super) width: usize,
    /// Reductions that must follow each other, each of one barrier at most.
    pub(super) reductions: u32,
    /// What each reduces: `f32`, or `vec2<f32>` for two sums at once.
    pub(super) sum: &'static str,
}

impl HeldRows {
    /// The variant `registers`, one workgroup a row, which stays in registers and is reduced by subgroups, beside the
    /// `others`: the first one on a GPU, the last one on a CPU, where each of its barriers suspends and resumes all
    /// invocations. It only adds up in another order, which the kernels' error bounds allow (`bounds.rs`). `plan` gets
    /// the constants of `common/registers.wgsl` and of [`row_elements`], and the grid.
    pub(super) fn variants(
        &self,
        others: Vec<Variant>,
        caps: &Capabilities,
        plan: impl FnOnce(Defines, [u32; 3]) -> Plan,
    ) -> Vec<Variant> {
        let pack = if self.width.is_multiple_of(4) { 4 } else { 1 };
        let held = Held::new(self.width, pack, caps).map(|held| {
            let defines = [held.defines(self.reductions, self.sum), row_elements(self.width)].concat();
            plan(defines, linear_grid(self.rows, caps))
        });
        let registers = vec![Variant::new("registers", held)];
        match caps.class {
            DeviceClass::Gpu => [registers, others].concat(),
            DeviceClass::SimdCpu => [others, registers].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::SubgroupRange;
    use crate::gpu::capabilities::tests::minimal;

    #[test]
    fn a_row_fits_the_registers_of_its_workgroup() {
        let subgroups = |min, max| Capabilities {
            subgroups: Some(SubgroupRange { min, max }),
            ..minimal(DeviceClass::Gpu)
        };
        let held = |width, pack, caps: &Capabilities| {
            let held = Held::new(width, pack, caps).expect("held");
            (held.workgroup, held.elements, held.subgroups)
        };
        assert_eq!(held(1024, 4, &subgroups(32, 64)), (64, 4, 2));
        assert_eq!(held(768, 4, &subgroups(8, 32)), (64, 3, 8));
        assert_eq!(held(8192, 4, &subgroups(32, 32)), (256, 8, 8));
        assert_eq!(held(577, 1, &subgroups(64, 64)), (128, 5, 2));
        assert_eq!(held(1, 1, &subgroups(64, 64)), (32, 1, 1));
        assert_eq!(Held::new(8196, 4, &subgroups(32, 32)), Err(Unmet::Registers(36)));
        assert!(Held::new(4, 4, &minimal(DeviceClass::Gpu)).is_err());
        // Every element is held, and none but the last of an invocation can lie past the end.
        for width in 1..4096 {
            let Held { workgroup, elements, .. } = Held::new(width, 1, &subgroups(4, 4)).expect("held");
            assert!(workgroup * elements >= width as u32 && workgroup * (elements - 1) < width as u32);
        }
    }
}
