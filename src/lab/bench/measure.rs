//! Kernels timed against a device's ceilings.
//!
//! Repetitions are interleaved (every case once, then every case again), so that a change of clock speed
//! or of load affects all cases alike, and each follows right after other work ([`Warmup`]), so that no GPU is timed
//! at its idle clock.

use super::prepared::Prepared;
use super::request::Variants;
use super::roofline::Ceilings;
use super::timing::{Kind, Spread, Timing};
use super::warmup::Warmup;
use crate::gpu::clock::Instant;
use crate::gpu::{Clock, Gpu, GpuError};
use crate::kernels::{self, Verifiable, choose};
use crate::lab::Progress;

impl Prepared<'_> {
    /// Runs once; seconds that it took.
    pub fn time_once(&mut self, gpu: &Gpu, warmup: &Warmup) -> Result<f64, GpuError> {
        self.time(gpu, warmup)?;
        Ok(self.times.last().copied().unwrap_or(f64::INFINITY))
    }

    /// Runs once, timed, right after the warm-up. After implausible timestamps the case starts again with the host's
    /// clock.
    fn time(&mut self, gpu: &Gpu, warmup: &Warmup) -> Result<(), GpuError> {
        let turn = self.times.len() + 1;
        if self.clock == Clock::Timestamps {
            gpu.start_profile()?;
            warmup.record(gpu)?;
            self.record(gpu, turn)?;
            let profile = gpu.end_profile()?;
            let span = profile.as_ref().and_then(|p| Some((p.spans.last()?.seconds, p.wall)));
            match span {
                Some((seconds, wall)) if plausible(seconds, wall) => self.times.push(seconds),
                _ => {
                    self.clock = Clock::Wall;
                    self.times.clear();
                }
            }
        }
        if self.clock == Clock::Wall {
            warmup.record(gpu)?;
            gpu.wait()?;
            let started = Instant::now();
            self.record(gpu, turn)?;
            gpu.wait()?;
            self.times.push(started.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn timing(&self, ceilings: &Ceilings) -> Timing {
        let (spread, work) = (Spread::of(&self.times), self.launch.work);
        let floor = ceilings.floor(work);
        Timing {
            kind: Kind::Kernel,
            kernel: self.problem.kernel().to_owned(),
            case: self.problem.label(),
            variant: self.launch.variant.to_owned(),
            clock: self.clock,
            work,
            spread,
            gflops: work.flops / spread.median * 1e-9,
            gbytes: work.bytes / spread.median * 1e-9,
            roofline: floor.seconds / spread.median,
            bound: floor.bound,
            compile: self.compile,
            cold: self.cold,
            run: None,
            error: None,
        }
    }
}

/// Whether timestamps are plausible: time passed, and no more than on the host's clock around them.
pub(super) fn plausible(seconds: f64, wall: f64) -> bool {
    seconds > 0.0 && seconds <= wall
}

/// Runs every case in turn until each has this many times, or `progress` ends it.
pub(super) fn interleave(
    gpu: &Gpu,
    warmup: &Warmup,
    prepared: &mut [Prepared<'_>],
    repetitions: usize,
    progress: &mut Progress<'_>,
) -> Result<(), GpuError> {
    let total = prepared.len() * repetitions;
    while prepared.iter().any(|case| case.times.len() < repetitions) {
        for at in 0..prepared.len() {
            let done = prepared.iter().map(|case| case.times.len()).sum();
            let case = &mut prepared[at];
            if case.times.len() < repetitions {
                if progress(done, total, &case.problem.label()).is_break() {
                    return Ok(());
                }
                case.time(gpu, warmup)?;
            }
        }
    }
    Ok(())
}

/// Times these cases, `repetitions` times each, interleaved. When `progress` ends it, those that have a time are returned,
/// with as many repetitions as there were.
///
/// # Errors
/// [`GpuError::TooLarge`] for a case that does not fit the device.
pub fn kernels(
    gpu: &Gpu,
    ceilings: &Ceilings,
    cases: &[Box<dyn Verifiable>],
    variants: &Variants,
    repetitions: usize,
    progress: &mut Progress<'_>,
) -> Result<Vec<Timing>, GpuError> {
    let mut prepared = Vec::new();
    for (done, case) in cases.iter().enumerate() {
        if progress(done, cases.len(), &format!("prepare {}", case.label())).is_break() {
            return Ok(Vec::new());
        }
        let mut chosen = variants.of(case.as_ref(), &kernels::variants(gpu, case.as_ref()));
        if chosen.is_empty() {
            chosen.push(choose(gpu, case.as_ref(), None)?.0.variant);
        }
        for variant in chosen {
            prepared.push(Prepared::new(gpu, case.as_ref(), Some(variant))?);
        }
    }
    interleave(gpu, &Warmup::new(gpu)?, &mut prepared, repetitions.max(1), progress)?;
    Ok(prepared.iter().filter(|p| !p.times.is_empty()).map(|p| p.timing(ceilings)).collect())
}
