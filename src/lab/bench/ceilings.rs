//! The ceilings of a device: measured, not looked up. Multiply-adds, copy and read by the probe kernels,
//! the cost of a launch and of a submit by nearly empty ones.

use std::time::Instant;

use super::measure::interleave;
use super::prepared::Prepared;
use super::roofline::Ceilings;
use super::warmup::Warmup;
use crate::gpu::{Gpu, GpuError};
use crate::kernels::probe::{Copy, MultiplyAdd, Read};
use crate::kernels::{Verifiable, fits};
use crate::lab::Progress;

/// A ceiling is the best of at least this many runs.
const CEILING_RUNS: usize = 5;
/// Seconds below which the cost of the launch distorts a probe.
const LONG_ENOUGH: f64 = 1e-3;

// Sizes of the probes, the first for devices as slow as a CPU. The last ones of copy and read fill a binding of 128 MiB.
static COPIES: [Copy; 2] = [Copy { len: 4 << 20 }, Copy { len: 32 << 20 }];
static READS: [Read; 2] = [Read { sums: 1 << 16 }, Read { sums: 1 << 19 }];
static ARITHMETIC: [MultiplyAdd; 3] = [
    MultiplyAdd { len: 1 << 15, rounds: 128 },
    MultiplyAdd { len: 1 << 18, rounds: 256 },
    MultiplyAdd { len: 1 << 20, rounds: 512 },
];

/// The first of these probes that takes long enough, or the largest that fits.
fn long_enough<P: Verifiable>(
    gpu: &Gpu,
    warmup: &Warmup,
    probes: &'static [P],
) -> Result<Prepared<'static>, GpuError> {
    let mut chosen = Prepared::new(gpu, &probes[0], None)?;
    for larger in &probes[1..] {
        // The first runs may be slower than those that count.
        (0..CEILING_RUNS).try_for_each(|_| chosen.time_once(gpu, warmup).map(drop))?;
        if chosen.best() >= LONG_ENOUGH || fits(gpu, larger).is_err() {
            break;
        }
        chosen = Prepared::new(gpu, larger, None)?;
    }
    Ok(chosen)
}

/// Measures the device's ceilings.
pub fn ceilings(gpu: &Gpu, repetitions: usize, progress: &mut Progress<'_>) -> Result<Ceilings, GpuError> {
    let repetitions = repetitions.max(CEILING_RUNS);
    progress(0, 1, "ceilings");
    let warmup = Warmup::new(gpu)?;
    let mut probes = [
        long_enough(gpu, &warmup, &COPIES)?,
        long_enough(gpu, &warmup, &READS)?,
        long_enough(gpu, &warmup, &ARITHMETIC)?,
    ];
    interleave(gpu, &warmup, &mut probes, repetitions, progress)?;
    let empty = Copy { len: 4 };
    let tiny = Prepared::new(gpu, &empty, None)?;
    let many = 64;
    let (mut one, mut all) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..repetitions {
        warmup.record(gpu)?;
        gpu.wait()?;
        let wall = |launches: usize| {
            let started = Instant::now();
            for turn in 0..launches {
                tiny.record(gpu, turn)?;
            }
            gpu.wait()?;
            Ok::<f64, GpuError>(started.elapsed().as_secs_f64())
        };
        one = one.min(wall(1)?);
        all = all.min(wall(many)?);
    }
    // A ceiling is the best measurement.
    Ok(Ceilings {
        multiply_add: probes[2].work().flops / probes[2].best(),
        copy: probes[0].work().bytes / probes[0].best(),
        read: probes[1].work().bytes / probes[1].best(),
        launch: ((all - one) / (many - 1) as f64).max(0.0),
        submit: one,
    })
}
