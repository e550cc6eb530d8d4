//! Variants that must prove themselves on a device before it uses them.
//!
//! Some variants depend on features that are experimental or that drivers are known to get wrong. Such a
//! variant has a [`Trial`](super::Trial): before it is first used it computes a small problem, and so does the plain
//! variant. Both must lie within the derived error bound of the float64 reference, hence within twice
//! the bound of each other. One that does not, or that does not compile, is not used
//! while the device is open: [`choose::variants`](super::variants) gives the reason, and [`Gpu::notes`]
//! lists it.

use super::problem::{Variant, Verifiable};
use super::unmet::Unmet;
use super::verify::{Outcome, verify};
use crate::gpu::Gpu;

/// Seed of the inputs: any will do.
const SEED: u64 = 1;

/// Whether a variant needs no trial on this device, or has passed it. The trial runs once for a device.
///
/// # Errors
/// [`Unmet::TrialFailed`] with what is wrong.
pub(super) fn passed(gpu: &Gpu, variant: &Variant) -> Result<(), Unmet> {
    let Some(trial) = &variant.trial else { return Ok(()) };
    let name = format!("{} [{}]", trial.problem.label(), variant.name);
    let isolated = || gpu.isolated_trial(&trial.problem.label(), variant.name);
    gpu.trial_result(&name, || {
        isolated().unwrap_or_else(|| run(gpu, trial.problem.as_ref(), trial.plain, variant.name))
    })
    .map_err(|reason| Unmet::TrialFailed(reason.into()))
}

/// Holds the trial of a variant on this problem, whatever the result of earlier ones.
///
/// # Errors
/// What is wrong, or that there is no such variant or trial.
pub fn prove(gpu: &Gpu, problem: &dyn Verifiable, variant: &str) -> Result<(), String> {
    let variants = problem.variants(gpu.capabilities());
    let trial = variants.into_iter().find(|v| v.name == variant).and_then(|v| v.trial);
    let trial = trial.ok_or_else(|| format!("'{variant}' has no trial"))?;
    run(gpu, problem, trial.plain, variant)
}

fn run(gpu: &Gpu, problem: &dyn Verifiable, plain: &str, variant: &str) -> Result<(), String> {
    let variants = problem.variants(gpu.capabilities());
    for name in [plain, variant] {
        let found = variants.iter().find(|v| v.name == name && v.usable());
        let found = found.ok_or_else(|| format!("'{name}' cannot run its trial"))?;
        let Outcome { failures, .. } = verify(gpu, problem, found, SEED)
            .map_err(|error| format!("'{name}' failed in its trial: {error}"))?;
        if !failures.is_empty() {
            return Err(format!("'{name}' computes wrong in its trial: {}", failures.join("; ")));
        }
    }
    Ok(())
}
