//! A case and variant with its pipeline and buffers, ready to be timed.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use crate::gpu::clock::Instant;
use crate::gpu::{Buffer, Clock, Gpu, GpuError};
use crate::kernels::{Cost, Launch, Verifiable, choose, fits, make_inputs};

/// A case and variant with its buffers, ready to run.
#[derive(Debug)]
pub struct Prepared<'a> {
    pub(super) problem: &'a dyn Verifiable,
    pub(super) launch: Launch,
    /// Sets of buffers, inputs first; more than one where caches would hold a single set.
    sets: Vec<Vec<Buffer>>,
    pub(super) clock: Clock,
    pub(super) times: Vec<f64>,
    pub(super) compile: f64,
    pub(super) cold: f64,
}

/// Bytes of all buffer sets of a memory-bound case together, so that none is still in a cache.
const COLD_BYTES: f64 = 96e6;
/// Arithmetic intensity, in operations per byte, above which caches do not affect the time.
const CACHED_INTENSITY: f64 = 16.0;

impl<'a> Prepared<'a> {
    /// Fills the buffers, compiles and runs once. `forced` is a variant's name; without one the
    /// case's own choice runs.
    ///
    /// # Errors
    /// Also when the variant does not run on this device, or the case does not fit it.
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
        let mut compile = gpu.pipeline(&launch.plan.shader)?.compile_seconds()?;
        if let Some(finish) = &launch.finish {
            compile += gpu.pipeline(&finish.plan.shader)?.compile_seconds()?;
        }
        let mut prepared = Self { problem, launch, sets, clock, times: Vec::new(), compile, cold: 0.0 };
        prepared.record(gpu, 0)?;
        gpu.wait()?;
        prepared.cold = started.elapsed().as_secs_f64();
        Ok(prepared)
    }

    /// Records one launch, with set `turn` modulo the number of sets of buffers.
    pub fn record(&self, gpu: &Gpu, turn: usize) -> Result<(), GpuError> {
        let buffers: Vec<(&Buffer, u64)> = self.sets[turn % self.sets.len()].iter().map(|b| (b, 0)).collect();
        self.launch.record(gpu, self.problem, &buffers)
    }

    /// Arithmetic and memory traffic of one run.
    pub(super) fn work(&self) -> Cost {
        self.launch.work
    }

    /// The least time so far, in seconds.
    pub(super) fn best(&self) -> f64 {
        self.times.iter().copied().fold(f64::INFINITY, f64::min)
    }
}
