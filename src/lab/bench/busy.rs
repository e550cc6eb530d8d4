//! Work that keeps a GPU's clock up while something else is timed.
//!
//! A GPU rests at a fraction of its clock (an H100 at 345 of 1980 MHz) and takes a while of work to leave it. A bench
//! waits for the device between runs, so that without other work kernels that are short are timed at rest, five
//! times too slow, and those that are long are not.

use std::time::{Duration, Instant};

use super::measure::Prepared;
use crate::gpu::{DeviceClass, Gpu, GpuError};
use crate::kernels::probe::MultiplyAdd;

static WORK: MultiplyAdd = MultiplyAdd { len: 1 << 18, rounds: 64 };

/// Seconds of work before each timed run.
const BURST: f64 = 3e-3;
/// Launches of a burst, at most.
const MOST: usize = 128;
/// The clock is up when work has not become faster for so long.
const STEADY: Duration = Duration::from_millis(200);
/// However it goes on, no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps a GPU at work; does nothing on a CPU, whose clock needs no such help.
#[derive(Debug)]
pub struct Busy {
    work: Option<Prepared<'static>>,
    launches: usize,
}

impl Busy {
    /// Works until the device does not become faster any more.
    ///
    /// # Errors
    /// Those of the device.
    pub fn new(gpu: &Gpu) -> Result<Self, GpuError> {
        if gpu.capabilities().class != DeviceClass::Gpu {
            return Ok(Self { work: None, launches: 0 });
        }
        let mut busy = Self { work: Some(Prepared::new(gpu, &WORK, None)?), launches: 1 };
        let (began, mut better, mut least) = (Instant::now(), Instant::now(), f64::INFINITY);
        while better.elapsed() < STEADY && began.elapsed() < PATIENCE {
            let started = Instant::now();
            busy.record(gpu)?;
            gpu.wait()?;
            let each = started.elapsed().as_secs_f64() / busy.launches as f64;
            if each < 0.98 * least {
                (better, least) = (Instant::now(), each);
            }
            busy.launches = ((BURST / each).ceil() as usize).clamp(1, MOST);
        }
        Ok(busy)
    }

    /// Records a burst of work.
    ///
    /// # Errors
    /// Those of the device.
    pub fn record(&self, gpu: &Gpu) -> Result<(), GpuError> {
        let Some(work) = &self.work else { return Ok(()) };
        (0..self.launches).try_for_each(|turn| work.record(gpu, turn))
    }
}
