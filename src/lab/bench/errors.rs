//! How exact the timed variants are: their errors beside their rates.

use super::timing::{KernelError, Kind, Timing};
use crate::gpu::{Gpu, GpuError};
use crate::kernels::{Verifiable, variants, verify};
use crate::lab::Progress;

/// Seed of the inputs, that of `check`.
const SEED: u64 = 1;

/// Runs every timed variant of a kernel once more on inputs whose results are known, and adds its largest errors. The
/// float64 references are computed by the host, which takes seconds for large products.
pub fn add(
    gpu: &Gpu,
    cases: &[Box<dyn Verifiable>],
    timings: &mut [Timing],
    progress: &mut Progress<'_>,
) -> Result<(), GpuError> {
    let total = timings.len();
    for (done, timing) in timings.iter_mut().enumerate() {
        if progress(done, total, &format!("error of {}", timing.case)).is_break() {
            break;
        }
        let case = cases.iter().find(|c| c.label() == timing.case).filter(|_| timing.kind == Kind::Kernel);
        let Some(case) = case else { continue };
        let found = variants(gpu, case.as_ref()).into_iter().find(|v| v.name == timing.variant);
        let Some(variant) = found.filter(|v| v.usable()) else { continue };
        let outcome = verify(gpu, case.as_ref(), &variant, SEED)?;
        timing.error = Some(KernelError { of_bound: outcome.worst, units: outcome.units });
    }
    Ok(())
}
