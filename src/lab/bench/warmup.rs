//! Work that raises a GPU's clock before something is timed.
//!
//! An idle GPU runs at a fraction of its clock (an H100 at 345 of 1980 MHz) and raises it only after a while of work. A
//! benchmark waits for the device between runs, so without a warm-up short kernels would be timed at the idle clock,
//! five times too slow, and long ones would not.

use std::time::Duration;

use super::prepared::Prepared;
use crate::gpu::clock::Instant;
use crate::gpu::{DeviceClass, Gpu, GpuError};
use crate::kernels::probe::MultiplyAdd;

static WORK: MultiplyAdd = MultiplyAdd { len: 1 << 18, rounds: 64 };

/// Seconds of work before each timed run.
const BURST: f64 = 3e-3;
/// The most launches of a burst.
const MAX_LAUNCHES: usize = 128;
/// The clock is at its highest when work has not become faster for this long.
const STEADY: Duration = Duration::from_millis(200);
/// The longest warm-up.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Bursts of work on a GPU; none on a CPU, which needs no warm-up.
#[derive(Debug)]
pub struct Warmup {
    work: Option<Prepared<'static>>,
    launches: usize,
}

impl Warmup {
    /// Runs bursts until the device does not become faster any more.
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        if gpu.capabilities().class != DeviceClass::Gpu {
            return Ok(Self { work: None, launches: 0 });
        }
        let mut warmup = Self { work: Some(Prepared::new(gpu, &WORK, None)?), launches: 1 };
        let (start, mut improved, mut best) = (Instant::now(), Instant::now(), f64::INFINITY);
        while improved.elapsed() < STEADY && start.elapsed() < TIMEOUT {
            let started = Instant::now();
            warmup.record(gpu)?;
            gpu.wait()?;
            let each = started.elapsed().as_secs_f64() / warmup.launches as f64;
            if each < 0.98 * best {
                (improved, best) = (Instant::now(), each);
            }
            warmup.launches = ((BURST / each).ceil() as usize).clamp(1, MAX_LAUNCHES);
        }
        Ok(warmup)
    }

    /// Records a burst of work.
    pub fn record(&self, gpu: &Gpu) -> Result<(), GpuError> {
        let Some(work) = &self.work else { return Ok(()) };
        (0..self.launches).try_for_each(|turn| work.record(gpu, turn))
    }
}
