//! Variants that must prove themselves on a device before it uses them.
//!
//! Some variants stand on paths that are experimental or that drivers are known to get wrong. Such a
//! variant has a [`Trial`]: before it is first chosen it computes a small problem, and so does the plain
//! kernel. Both must lie within the derived error bound of the float64 reference, hence within twice
//! the bound of each other. One that does not, or that does not compile, is as good as not there while
//! the device is open: [`super::variants`] gives the reason, and [`Gpu::notes`] tells it.

use super::check::{Outcome, check_variant};
use super::{Problem, Variant};
use crate::gpu::Gpu;

/// What a variant is tried on.
#[derive(Debug)]
pub struct Trial {
    /// A small problem that makes the same pipeline as the one at hand: the same options, other sizes.
    pub problem: Box<dyn Problem>,
    /// The variant to compare with: the simplest, which runs on every device.
    pub plain: &'static str,
}

/// Seed of the inputs: any will do.
const SEED: u64 = 1;

/// Whether a variant needs no trial on this device, or has passed it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn passed(gpu: &Gpu, problem: &dyn Problem, variant: &str) -> Result<(), String> {
    let Some(trial) = problem.trial(variant) else { return Ok(()) };
    let name = format!("{} [{variant}]", trial.problem.label());
    gpu.trial_result(&name, || run(gpu, &trial, variant))
}

/// Holds every trial that a built-in kernel may need on this device, and tells which failed.
pub fn notes(gpu: &Gpu) -> Vec<String> {
    for case in super::registry::cases() {
        super::variants(gpu, case.as_ref());
    }
    gpu.notes()
}

fn run(gpu: &Gpu, trial: &Trial, variant: &str) -> Result<(), String> {
    let problem = trial.problem.as_ref();
    let variants = problem.variants(gpu.capabilities());
    for name in [trial.plain, variant] {
        let found = variants.iter().find(|v| v.name == name && v.usable.is_ok());
        let found: &Variant = found.ok_or_else(|| format!("'{name}' cannot run its trial"))?;
        let Outcome { faults, .. } = check_variant(gpu, problem, found, SEED)
            .map_err(|error| format!("'{name}' failed in its trial: {error}"))?;
        if !faults.is_empty() {
            return Err(format!("'{name}' computes wrong in its trial: {}", faults.join("; ")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
