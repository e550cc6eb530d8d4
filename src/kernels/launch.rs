//! What a variant records: one launch, or two with a buffer between them.

use super::plan::{Cost, Finish, Plan};
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
    /// The second launch, where it has two.
    pub finish: Option<Finish>,
    /// The problem's cost.
    pub work: Cost,
}

impl Launch {
    /// The launch of a variant of this problem.
    ///
    /// # Errors
    /// The precondition that is not met.
    pub fn new(problem: &dyn Problem, variant: &Variant) -> Result<Self, Unmet> {
        Ok(Self {
            variant: variant.name,
            plan: variant.plan.clone()?,
            finish: variant.finish.clone(),
            work: problem.cost(),
        })
    }

    /// Records it: inputs, then outputs, each bound from its byte offset. `problem` names it in profiles.
    ///
    /// # Errors
    /// See [`Gpu::dispatch`] and, of a variant with two launches, [`Gpu::alloc`].
    pub fn record(
        &self,
        gpu: &Gpu,
        problem: &dyn Problem,
        buffers: &[(&Buffer, u64)],
    ) -> Result<(), GpuError> {
        let dispatch = |plan: &Plan, work, name: &'static str, buffers: &[(&Buffer, u64)]| {
            gpu.dispatch(&Dispatch {
                shader: &plan.shader,
                buffers,
                params: &plan.params,
                grid: plan.grid,
                work,
                label: &|| LaunchLabel {
                    kernel: problem.kernel().to_owned(),
                    variant: name.to_owned(),
                    case: problem.label(),
                },
            })
        };
        let Some(finish) = &self.finish else {
            return dispatch(&self.plan, self.work, self.variant, buffers);
        };
        // Dropped at the end: whoever gets its memory next is recorded later, so runs later.
        let between = gpu.alloc(4 * finish.between as u64, "sums between two launches")?;
        let (read, others) = buffers.split_at(finish.inputs.min(buffers.len()));
        dispatch(&self.plan, self.work, self.variant, &[read, &[(&between, 0)]].concat())?;
        dispatch(&finish.plan, finish.work, finish.name, &[&[(&between, 0)], others].concat())
    }
}
