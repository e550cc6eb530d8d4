//! Kernels timed against a device's ceilings.
//!
//! Repetitions are interleaved (every case once, then every case again), so that a change of clock speed
//! or of load meets all alike, and each comes right after other work ([`Busy`]), so that no GPU is timed
//! at the clock that it rests at.

use std::time::Instant;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::busy::Busy;
use super::request::Variants;
use super::{Ceilings, Kind, Spread, Timing};
use crate::gpu::{Buffer, Clock, Gpu, GpuError};
use crate::kernels::{self, Cost, Launch, Verifiable, choose, fits, make_inputs};
use crate::lab::Progress;

/// A case and variant with its buffers, ready to run.
#[derive(Debug)]
pub struct Prepared<'a> {
    problem: &'a dyn Verifiable,
    launch: Launch,
    /// Sets of buffers, inputs first; more than one where caches would hold a single set.
    sets: Vec<Vec<Buffer>>,
    clock: Clock,
    times: Vec<f64>,
    compile: f64,
    cold: f64,
}

/// Bytes that the sets of a memory-bound case span together, so that none is still in a cache.
const COLD_BYTES: f64 = 96e6;
/// Operations a byte above which caches make no difference to the outcome.
const CACHED_INTENSITY: f64 = 16.0;

impl<'a> Prepared<'a> {
    /// Fills the buffers, compiles and runs once. `forced` is a variant's name; without one the case
    /// decides.
    ///
    /// # Errors
    /// A variant that does not run here, a case that does not fit, and those of the device.
    pub fn new(gpu: &Gpu, problem: &'a dyn Verifiable, forced: Option<&str>) -> Result<Self, GpuError> {
        let (launch, variant) = choose(gpu, problem, forced)?;
        fits(gpu, problem)?;
        let work = problem.cost();
        let cached = work.flops > CACHED_INTENSITY * work.bytes;
        let sets = if cached { 1 } else { (COLD_BYTES / work.bytes).ceil().clamp(1.0, 12.0) as usize };
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let set = |rng: &mut Pcg64Mcg| {
            let mut buffers = make_inputs(gpu, problem, variant.panels, rng)?;
            for len in problem.outputs() {
                buffers.push(gpu.alloc(4 * len as u64, "output")?);
            }
            Ok(buffers)
        };
        let sets = (0..sets).map(|_| set(&mut rng)).collect::<Result<Vec<_>, GpuError>>()?;
        let clock = if gpu.timestamps_tick()? { Clock::Timestamps } else { Clock::Wall };
        gpu.wait()?;
        let started = Instant::now();
        let compile = gpu.pipeline(&launch.plan.shader)?.compile_seconds;
        let mut prepared = Self { problem, launch, sets, clock, times: Vec::new(), compile, cold: 0.0 };
        prepared.record(gpu, 0)?;
        gpu.wait()?;
        prepared.cold = started.elapsed().as_secs_f64();
        Ok(prepared)
    }

    /// Records one launch; the turn chooses the set of buffers.
    ///
    /// # Errors
    /// Those of the device.
    pub fn record(&self, gpu: &Gpu, turn: usize) -> Result<(), GpuError> {
        let buffers: Vec<(&Buffer, u64)> = self.sets[turn % self.sets.len()].iter().map(|b| (b, 0)).collect();
        self.launch.record(gpu, self.problem, &buffers)
    }

    /// Runs once and says how long it took, in seconds.
    ///
    /// # Errors
    /// Those of the device.
    pub fn time_once(&mut self, gpu: &Gpu, busy: &Busy) -> Result<f64, GpuError> {
        self.time(gpu, busy)?;
        Ok(self.times.last().copied().unwrap_or(f64::INFINITY))
    }

    /// Runs once, timed, right after other work. Timestamps that cannot be true make this case start again by
    /// the host's clock.
    fn time(&mut self, gpu: &Gpu, busy: &Busy) -> Result<(), GpuError> {
        let turn = self.times.len() + 1;
        if self.clock == Clock::Timestamps {
            gpu.start_profile()?;
            busy.record(gpu)?;
            self.record(gpu, turn)?;
            let profile = gpu.end_profile()?;
            let span = profile.as_ref().and_then(|p| Some((p.spans.last()?.seconds, p.wall)));
            match span {
                Some((seconds, wall)) if credible(seconds, wall) => self.times.push(seconds),
                _ => {
                    self.clock = Clock::Wall;
                    self.times.clear();
                }
            }
        }
        if self.clock == Clock::Wall {
            busy.record(gpu)?;
            gpu.wait()?;
            let started = Instant::now();
            self.record(gpu, turn)?;
            gpu.wait()?;
            self.times.push(started.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// What one run has to do.
    pub(super) fn work(&self) -> Cost {
        self.launch.work
    }

    pub(super) fn least(&self) -> f64 {
        self.times.iter().copied().fold(f64::INFINITY, f64::min)
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
        }
    }
}

/// Whether timestamps can be believed: time passed, and no more than on the host's clock around them.
pub(super) fn credible(seconds: f64, wall: f64) -> bool {
    seconds > 0.0 && seconds <= wall
}

/// Runs every case in turn until each has this many times.
pub(super) fn interleave(
    gpu: &Gpu,
    busy: &Busy,
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
                progress(done, total, &case.problem.label());
                case.time(gpu, busy)?;
            }
        }
    }
    Ok(())
}

/// Times these cases, `repetitions` times each, interleaved.
///
/// # Errors
/// A case that does not fit the device, and those of the device.
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
        progress(done, cases.len(), &format!("prepare {}", case.label()));
        let mut chosen = variants.of(case.as_ref(), &kernels::variants(gpu, case.as_ref()));
        if chosen.is_empty() {
            chosen.push(choose(gpu, case.as_ref(), None)?.0.variant);
        }
        for variant in chosen {
            prepared.push(Prepared::new(gpu, case.as_ref(), Some(variant))?);
        }
    }
    interleave(gpu, &Busy::new(gpu)?, &mut prepared, repetitions.max(1), progress)?;
    Ok(prepared.iter().map(|p| p.timing(ceilings)).collect())
}
