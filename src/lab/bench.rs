//! How fast each kernel is, and what holds it back: times against the device's own ceilings.
//!
//! Ceilings are measured, not looked up: multiply-adds, copy and read by the probe kernels, and the
//! cost of a launch and of a submit by nearly empty ones. Repetitions are interleaved (every case once,
//! then every case again), so that a change of clock speed or of load meets all alike.

use std::time::Instant;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;

use super::{Device, Progress};
use crate::gpu::{Buffer, Clock, Gpu, GpuError};
use crate::kernels::check::make_inputs;
use crate::kernels::probe::{Copy, MultiplyAdd, Read};
use crate::kernels::{self, Cost, Problem, run_variant};

/// What bounds a kernel on the roofline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// The multiply-add rate.
    Arithmetic,
    /// The bandwidth.
    Memory,
    /// The cost of a launch.
    Launch,
}

impl Bound {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arithmetic => "arithmetic",
            Self::Memory => "memory",
            Self::Launch => "launch",
        }
    }
}

/// The device's own limits, as measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ceilings {
    /// Multiply-adds, two operations each, in FLOP/s.
    pub multiply_add: f64,
    /// Bytes read and written by a copy, per second.
    pub copy: f64,
    /// Bytes read, per second.
    pub read: f64,
    /// Seconds of a nearly empty launch among others.
    pub launch: f64,
    /// Seconds from a submit of one nearly empty launch to the end of the wait for it.
    pub submit: f64,
}

impl Ceilings {
    /// The least time for this work, and what sets it.
    pub fn floor(&self, work: Cost) -> (f64, Bound) {
        let arithmetic = work.flops / self.multiply_add;
        // A kernel that only reads may beat the copy; then reading is the ceiling.
        let memory = work.bytes / self.copy.max(self.read);
        if self.launch > arithmetic.max(memory) {
            (self.launch, Bound::Launch)
        } else if arithmetic > memory {
            (arithmetic, Bound::Arithmetic)
        } else {
            (memory, Bound::Memory)
        }
    }
}

/// One case and variant, timed.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// The family.
    pub kernel: String,
    /// The case in words.
    pub case: String,
    /// The variant.
    pub variant: String,
    /// Arithmetic and traffic at least.
    pub work: Cost,
    /// Median seconds of a launch.
    pub median: f64,
    /// First and third quartile, in seconds.
    pub quartiles: (f64, f64),
    /// The least, in seconds.
    pub best: f64,
    /// Repetitions.
    pub repetitions: usize,
    /// 10⁹ operations a second, by the median.
    pub gflops: f64,
    /// 10⁹ bytes a second, by the median.
    pub gbytes: f64,
    /// Least possible time by the ceilings over the median.
    pub roofline: f64,
    /// What sets the least possible time.
    pub bound: Bound,
    /// Seconds until the first result: mostly the driver's compiler.
    pub cold: f64,
}

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// `dapo-wgpu/bench/1`
    pub schema: &'static str,
    /// Where it ran.
    pub device: Device,
    /// How launches were timed.
    pub clock: Clock,
    /// The measured limits.
    pub ceilings: Ceilings,
    /// In the order of the cases.
    pub timings: Vec<Timing>,
}

/// A case ready to run.
struct Prepared<'a> {
    problem: &'a dyn Problem,
    variant: &'static str,
    /// Sets of buffers, inputs first; more than one where caches would hold a single set.
    sets: Vec<Vec<Buffer>>,
    times: Vec<f64>,
    cold: f64,
}

/// Bytes that the sets of a memory-bound case span together, so that none is still in a cache.
const COLD_BYTES: f64 = 96e6;
/// Operations a byte above which caches make no difference to the outcome.
const CACHED_INTENSITY: f64 = 16.0;

impl<'a> Prepared<'a> {
    fn new(gpu: &Gpu, problem: &'a dyn Problem, forced: Option<&str>) -> Result<Self, GpuError> {
        let variant = kernels::choose(gpu, problem, forced)?;
        let work = problem.cost();
        let cached = work.flops > CACHED_INTENSITY * work.bytes;
        let sets = if cached { 1 } else { (COLD_BYTES / work.bytes).ceil().clamp(1.0, 12.0) as usize };
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let set = |rng: &mut Pcg64Mcg| {
            let mut buffers = make_inputs(gpu, problem, variant, rng)?;
            for len in problem.outputs() {
                buffers.push(gpu.alloc(4 * len as u64, "output")?);
            }
            Ok(buffers)
        };
        let sets = (0..sets).map(|_| set(&mut rng)).collect::<Result<Vec<_>, GpuError>>()?;
        let mut prepared = Self { problem, variant, sets, times: Vec::new(), cold: 0.0 };
        gpu.wait()?;
        let started = Instant::now();
        prepared.record(gpu, 0)?;
        gpu.wait()?;
        prepared.cold = started.elapsed().as_secs_f64();
        Ok(prepared)
    }

    fn record(&self, gpu: &Gpu, turn: usize) -> Result<(), GpuError> {
        let buffers: Vec<(&Buffer, u64)> = self.sets[turn % self.sets.len()].iter().map(|b| (b, 0)).collect();
        run_variant(gpu, self.problem, &buffers, Some(self.variant))
    }

    /// Runs once, timed.
    fn time(&mut self, gpu: &Gpu) -> Result<Option<Clock>, GpuError> {
        gpu.start_profile()?;
        self.record(gpu, self.times.len() + 1)?;
        let Some(profile) = gpu.end_profile()? else { return Ok(None) };
        self.times.extend(profile.spans.iter().map(|span| span.seconds));
        Ok(Some(profile.clock))
    }

    fn timing(&self, ceilings: &Ceilings) -> Timing {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        let (median, work) = (at(0.5), self.problem.cost());
        let (floor, bound) = ceilings.floor(work);
        Timing {
            kernel: self.problem.kernel().to_owned(),
            case: self.problem.label(),
            variant: self.variant.to_owned(),
            work,
            median,
            quartiles: (at(0.25), at(0.75)),
            best: at(0.0),
            repetitions: times.len(),
            gflops: work.flops / median * 1e-9,
            gbytes: work.bytes / median * 1e-9,
            roofline: floor / median,
            bound,
            cold: self.cold,
        }
    }
}

/// Which variants to time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variants {
    /// The one that would be used.
    Chosen,
    /// Every one that can run.
    All,
    /// The one of this name where the case has it; other cases use their own choice.
    Named(String),
}

/// Measures the device's ceilings.
///
/// # Errors
/// Those of the device.
pub fn ceilings(gpu: &Gpu, repetitions: usize) -> Result<Ceilings, GpuError> {
    let (copy, read) = (Copy { len: 4 << 20 }, Read { sums: 1 << 16 });
    let arithmetic = MultiplyAdd { len: 1 << 15, rounds: 128 };
    let mut probes = [&copy as &dyn Problem, &read, &arithmetic]
        .into_iter()
        .map(|p| Prepared::new(gpu, p, None))
        .collect::<Result<Vec<_>, _>>()?;
    for _ in 0..repetitions {
        for probe in &mut probes {
            probe.time(gpu)?;
        }
    }
    // A ceiling is the best that was seen.
    let least = |p: &Prepared<'_>| p.times.iter().copied().fold(f64::INFINITY, f64::min);
    let empty = Copy { len: 4 };
    let tiny = Prepared::new(gpu, &empty, None)?;
    let many = 64;
    let (mut launch, mut submit) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..repetitions {
        let wall = |launches: usize| {
            let started = Instant::now();
            for turn in 0..launches {
                tiny.record(gpu, turn)?;
            }
            gpu.wait()?;
            Ok::<f64, GpuError>(started.elapsed().as_secs_f64())
        };
        let one = wall(1)?;
        submit = submit.min(one);
        launch = launch.min(((wall(many)? - one) / (many - 1) as f64).max(0.0));
    }
    Ok(Ceilings {
        multiply_add: arithmetic.cost().flops / least(&probes[2]),
        copy: copy.cost().bytes / least(&probes[0]),
        read: read.cost().bytes / least(&probes[1]),
        launch,
        submit,
    })
}

/// Times these cases, `repetitions` times each, interleaved.
///
/// # Errors
/// Those of the device.
pub fn run(
    gpu: &Gpu,
    cases: &[Box<dyn Problem>],
    variants: &Variants,
    repetitions: usize,
    progress: &mut Progress<'_>,
) -> Result<BenchReport, GpuError> {
    let repetitions = repetitions.max(1);
    progress(0, cases.len() + repetitions, "ceilings");
    let ceilings = ceilings(gpu, repetitions)?;
    let mut prepared = Vec::new();
    for (done, case) in cases.iter().enumerate() {
        progress(done, cases.len() + repetitions, &case.label());
        let usable = kernels::variants(gpu, case.as_ref());
        let usable: Vec<&str> = usable.iter().filter(|v| v.usable.is_ok()).map(|v| v.name).collect();
        match variants {
            Variants::Chosen => prepared.push(Prepared::new(gpu, case.as_ref(), None)?),
            Variants::Named(name) => {
                let forced = usable.contains(&name.as_str()).then_some(name.as_str());
                prepared.push(Prepared::new(gpu, case.as_ref(), forced)?);
            }
            Variants::All => {
                for name in usable {
                    prepared.push(Prepared::new(gpu, case.as_ref(), Some(name))?);
                }
            }
        }
    }
    let mut clock = Clock::Wall;
    for turn in 0..repetitions {
        for case in &mut prepared {
            progress(cases.len() + turn, cases.len() + repetitions, &case.problem.label());
            clock = case.time(gpu)?.unwrap_or(clock);
        }
    }
    Ok(BenchReport {
        schema: "dapo-wgpu/bench/1",
        device: Device::of(gpu),
        clock,
        ceilings,
        timings: prepared.iter().map(|p| p.timing(&ceilings)).collect(),
    })
}

impl BenchReport {
    /// How it was timed, in words.
    pub fn note(&self) -> &'static str {
        match self.clock {
            Clock::Timestamps => "launches timed by the device's timestamps, interleaved, caches cold",
            Clock::Wall => "launches timed by the host's clock, one submit each (no working timestamps)",
        }
    }

    /// The ceilings and a table.
    pub fn text(&self) -> String {
        let c = &self.ceilings;
        let mut lines = vec![
            self.device.adapter.line(),
            format!(
                "ceilings: {:.1} GFLOP/s multiply-add, {:.1} GB/s copy, {:.1} GB/s read, {:.1} µs a launch, {:.1} µs a submit",
                c.multiply_add * 1e-9,
                c.copy * 1e-9,
                c.read * 1e-9,
                c.launch * 1e6,
                c.submit * 1e6
            ),
            format!("{}; {:?} shaders", self.note(), self.device.mode),
            format!(
                "{:>10} {:>15} {:>9} {:>8} {:>6}  {:10} {:>7}  {:10} case",
                "median ms", "quartiles", "GFLOP/s", "GB/s", "roof", "bound by", "cold s", "variant"
            ),
        ];
        for t in &self.timings {
            lines.push(format!(
                "{:10.3} {:7.3}-{:7.3} {:9.2} {:8.2} {:5.1}%  {:10} {:7.2}  {:10} {}",
                t.median * 1e3,
                t.quartiles.0 * 1e3,
                t.quartiles.1 * 1e3,
                t.gflops,
                t.gbytes,
                100.0 * t.roofline,
                t.bound.name(),
                t.cold,
                t.variant,
                t.case
            ));
        }
        lines.extend(self.device.note_lines());
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_set_by_the_scarcest_resource() {
        let c = Ceilings { multiply_add: 1e12, copy: 1e11, read: 5e10, launch: 1e-5, submit: 1e-4 };
        assert_eq!(c.floor(Cost { flops: 1e9, bytes: 1e3 }), (1e-3, Bound::Arithmetic));
        assert_eq!(c.floor(Cost { flops: 1e3, bytes: 1e8 }), (1e-3, Bound::Memory));
        assert_eq!(c.floor(Cost { flops: 1.0, bytes: 4.0 }), (1e-5, Bound::Launch));
    }
}
