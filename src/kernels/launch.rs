//! One launch of one variant.

use super::plan::{Cost, Plan};
use super::problem::{Problem, Variant};
use super::unmet::Unmet;
use crate::gpu::{Buffer, Dispatch, Gpu, GpuError, LaunchLabel};

/// A usable variant of a problem, with everything that recording it needs.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Name of the variant.
    pub variant: &'static str,
    /// Its plan.
    pub plan: Plan,
    /// The problem's cost.
    pub work: Cost,
}

impl Launch {
    /// The launch of a variant of this problem.
    ///
    /// # Errors
    /// The precondition that is not met.
    pub fn new(problem: &dyn Problem, variant: &Variant) -> Result<Self, Unmet> {
        Ok(Self { variant: variant.name, plan: variant.plan.clone()?, work: problem.cost() })
    }

    /// Records it: inputs, then outputs, each bound from its byte offset. `problem` names it in profiles.
    ///
    /// # Errors
    /// See [`Gpu::dispatch`].
    pub fn record(
        &self,
        gpu: &Gpu,
        problem: &dyn Problem,
        buffers: &[(&Buffer, u64)],
    ) -> Result<(), GpuError> {
        gpu.dispatch(&Dispatch {
            shader: &self.plan.shader,
            buffers,
            params: &self.plan.params,
            grid: self.plan.grid,
            work: self.work,
            label: &|| LaunchLabel {
                kernel: problem.kernel().to_owned(),
                variant: self.variant.to_owned(),
                case: problem.label(),
            },
        })
    }
}
