//! The ceilings of a device: measured, not looked up. Multiply-adds, by matrix units too, copy and reads of memory,
//! cache and workgroup memory by the probe kernels, the cost of a launch and of a submit by nearly empty ones.

use std::ops::ControlFlow;

use super::measure::interleave;
use super::prepared::Prepared;
use super::roofline::{Ceilings, MatrixCeiling};
use super::warmup::Warmup;
use crate::gpu::clock::Instant;
use crate::gpu::{Gpu, GpuError};
use crate::kernels::probe::{Copy, MultiplyAdd, Read};
use crate::kernels::probe_caches::{CacheRead, WorkgroupRead};
use crate::kernels::probe_matrix::MatrixMultiplyAdd;
use crate::kernels::{Verifiable, fits, variants};
use crate::lab::Progress;

/// A ceiling is the best of at least this many runs.
const CEILING_RUNS: usize = 5;
/// The variant of the probe of matrix units that uses them.
const UNITS_VARIANT: &str = "units";
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
// An array of 2 MiB: more than a core's own cache holds, and no more than most last-level caches do.
const BLOCKS: usize = 256;
static CACHES: [CacheRead; 3] = [
    CacheRead { groups: 64, blocks: BLOCKS, rounds: 64 },
    CacheRead { groups: 1024, blocks: BLOCKS, rounds: 128 },
    CacheRead { groups: 4096, blocks: BLOCKS, rounds: 512 },
];
static WORKGROUPS: [WorkgroupRead; 3] = [
    WorkgroupRead { groups: 64, rounds: 64 },
    WorkgroupRead { groups: 1024, rounds: 256 },
    WorkgroupRead { groups: 8192, rounds: 1024 },
];
static UNITS: [[MatrixMultiplyAdd; 3]; 3] = [sizes(8, false), sizes(8, true), sizes(16, true)];

/// The probes of one shape of matrix units.
const fn sizes(edge: usize, f16: bool) -> [MatrixMultiplyAdd; 3] {
    [
        MatrixMultiplyAdd { edge, f16, groups: 16, rounds: 16 },
        MatrixMultiplyAdd { edge, f16, groups: 512, rounds: 128 },
        MatrixMultiplyAdd { edge, f16, groups: 4096, rounds: 512 },
    ]
}

/// The first of these probes that takes long enough, or the largest that fits.
fn long_enough<P: Verifiable>(
    gpu: &Gpu,
    warmup: &Warmup,
    probes: &'static [P],
    variant: Option<&str>,
) -> Result<Prepared<'static>, GpuError> {
    let mut chosen = Prepared::new(gpu, &probes[0], variant)?;
    for larger in &probes[1..] {
        // The first runs may be slower than those that count.
        (0..CEILING_RUNS).try_for_each(|_| chosen.time_once(gpu, warmup).map(drop))?;
        if chosen.best() >= LONG_ENOUGH || fits(gpu, larger).is_err() {
            break;
        }
        chosen = Prepared::new(gpu, larger, variant)?;
    }
    Ok(chosen)
}

/// Measures the rates that [`Ceilings::moved`] compares once more; all others are those of `before`.
pub fn ceilings_again(
    gpu: &Gpu,
    before: &Ceilings,
    repetitions: usize,
    progress: &mut Progress<'_>,
) -> Result<Ceilings, GpuError> {
    let warmup = Warmup::new(gpu)?;
    let mut probes = [
        long_enough(gpu, &warmup, &COPIES, None)?,
        long_enough(gpu, &warmup, &READS, None)?,
        long_enough(gpu, &warmup, &ARITHMETIC, None)?,
    ];
    interleave(gpu, &warmup, &mut probes, repetitions.max(CEILING_RUNS), progress)?;
    let [copy, read, arithmetic] = &probes;
    Ok(Ceilings {
        copy: copy.work().bytes / copy.best(),
        read: read.work().bytes / read.best(),
        multiply_add: arithmetic.work().flops / arithmetic.best(),
        ..before.clone()
    })
}

/// Measures the device's ceilings. What follows needs them: when `progress` ends this, as few runs are made as make a
/// ceiling.
pub fn ceilings(gpu: &Gpu, repetitions: usize, progress: &mut Progress<'_>) -> Result<Ceilings, GpuError> {
    let mut repetitions = repetitions.max(CEILING_RUNS);
    let _ = progress(0, 1, "ceilings");
    let warmup = Warmup::new(gpu)?;
    let mut probes = vec![
        long_enough(gpu, &warmup, &COPIES, None)?,
        long_enough(gpu, &warmup, &READS, None)?,
        long_enough(gpu, &warmup, &ARITHMETIC, None)?,
        long_enough(gpu, &warmup, &CACHES, None)?,
        long_enough(gpu, &warmup, &WORKGROUPS, None)?,
    ];
    let memory_and_lanes = probes.len();
    let mut shapes = Vec::new();
    for sizes in &UNITS {
        // Matrix units count where the device has them and they passed their trial.
        if variants(gpu, &sizes[0]).iter().any(|v| v.name == UNITS_VARIANT && v.usable()) {
            probes.push(long_enough(gpu, &warmup, sizes, Some(UNITS_VARIANT))?);
            shapes.push(&sizes[0]);
        }
    }
    // Of all probes together, those of their choice included; each has been run in turn once at least by then.
    let enough = probes.len() * (CEILING_RUNS + 1);
    let mut stopped = false;
    let mut watched = |done: usize, total: usize, what: &str| {
        stopped |= progress(done, total, what).is_break() && done > enough;
        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    interleave(gpu, &warmup, &mut probes, repetitions, &mut watched)?;
    if stopped {
        repetitions = CEILING_RUNS;
    }
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
    let matrix = shapes.iter().zip(&probes[memory_and_lanes..]).map(|(shape, probe)| MatrixCeiling {
        edge: shape.edge,
        factors: if shape.f16 { "f16" } else { "f32" }.to_owned(),
        rate: probe.work().flops / probe.best(),
    });
    Ok(Ceilings {
        matrix: matrix.collect(),
        // A sum's four operations go with the 16 bytes that it reads.
        cache: Some(4.0 * probes[3].work().flops / probes[3].best()),
        workgroup: Some(4.0 * probes[4].work().flops / probes[4].best()),
        multiply_add: probes[2].work().flops / probes[2].best(),
        copy: probes[0].work().bytes / probes[0].best(),
        read: probes[1].work().bytes / probes[1].best(),
        launch: ((all - one) / (many - 1) as f64).max(0.0),
        submit: one,
    })
}
