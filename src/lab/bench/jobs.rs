//! Models and pipelines: work of many launches, timed by the host's clock until the device has finished it.

use super::roofline::Ceilings;
use super::timing::{Kind, RunCounts, Spread, Timing};
use super::warmup::Warmup;
use crate::clip::noise::Noise;
use crate::clip::{Clip, ClipError, Factors, WeightStorage};
use crate::gpu::clock::Instant;
use crate::gpu::{Clock, Gpu, GpuError, Work};
use crate::lab::Progress;

/// A model or pipeline to be timed as a whole.
pub struct Job<'a, E> {
    /// What it is.
    pub kind: Kind,
    /// `vision`, `text`, `embed`, `detect`.
    pub name: &'static str,
    /// The case in words.
    pub case: String,
    /// How the weights are stored.
    pub variant: &'static str,
    /// Images or texts that one run handles.
    pub items: usize,
    /// `images` or `texts`.
    pub unit: &'static str,
    /// Records one run; it may or may not wait for the device.
    pub run: Box<dyn FnMut() -> Result<(), E> + 'a>,
}

/// The variant of a row: how weights are stored, and what products round their factors to if not float32.
pub fn variant_name(clip: &Clip) -> &'static str {
    match (clip.storage(), clip.factors()) {
        (WeightStorage::F32, Factors::F32) => "f32",
        (WeightStorage::F16, Factors::F32) => "f16",
        (WeightStorage::F32, Factors::F16) => "f32 f16-factors",
        (WeightStorage::F16, Factors::F16) => "f16 f16-factors",
    }
}

/// Checks that a batch has an item and at most as many as the device can hold.
///
/// # Errors
/// [`ClipError::Request`] with the limit.
pub fn fits(count: usize, limit: usize, unit: &str) -> Result<(), ClipError> {
    match (1..=limit).contains(&count) {
        true => Ok(()),
        false => Err(ClipError::Request(format!(
            "a batch of {count} {unit} is not possible here; give 1 to {limit}"
        ))),
    }
}

/// The forward of the vision tower for a batch of images that are on the device already.
///
/// # Errors
/// [`ClipError::Request`] for a batch that does not fit the device.
pub fn vision<'a, E: From<ClipError>>(clip: &'a Clip, images: usize) -> Result<Job<'a, E>, ClipError> {
    let (tower, gpu) = (clip.vision(), clip.gpu());
    fits(images, tower.max_batch(gpu), "images")?;
    let size = tower.image_size();
    let pixels = clip.upload_pixels(&Noise::new(1).values(images * 3 * size * size, 1.0))?;
    Ok(Job {
        kind: Kind::Model,
        name: "vision",
        case: format!("vision {} image={size} batch={images}", clip.config().name),
        variant: variant_name(clip),
        items: images,
        unit: "images",
        run: Box::new(move || {
            tower.forward(gpu, &pixels, false, &[]).map_err(|e| E::from(e.into()))?;
            Ok(())
        }),
    })
}

/// The forward of the text tower for a batch of token rows.
///
/// # Errors
/// [`ClipError::Request`] for a batch that does not fit the device, and the tokenizer's errors.
pub fn text<'a, E: From<ClipError>>(clip: &'a Clip, texts: usize) -> Result<Job<'a, E>, ClipError> {
    let (tower, gpu) = (clip.text(), clip.gpu());
    fits(texts, tower.max_batch(gpu), "texts")?;
    let sentences: Vec<String> = (0..texts).map(|i| format!("a photo of part number {i}")).collect();
    let ids = clip.tokenize(&sentences)?;
    Ok(Job {
        kind: Kind::Model,
        name: "text",
        case: format!("text {} texts={texts}", clip.config().name),
        variant: variant_name(clip),
        items: texts,
        unit: "texts",
        run: Box::new(move || {
            tower.forward(gpu, &ids)?;
            Ok(())
        }),
    })
}

/// Launches of a job from its first, profiled run, and the times of the others.
struct Measured {
    launches: Vec<Work>,
    compile: f64,
    cold: f64,
    submits: u64,
    times: Vec<f64>,
    /// Seconds until each run had returned, before the wait.
    hosts: Vec<f64>,
}

/// Runs each job once for its launches, then `repetitions` times each, interleaved. When `progress` ends it, those that have
/// a time are returned.
///
/// # Errors
/// Also those of the jobs.
pub fn run<E: From<GpuError>>(
    gpu: &Gpu,
    ceilings: &Ceilings,
    jobs: &mut [Job<'_, E>],
    repetitions: usize,
    progress: &mut Progress<'_>,
) -> Result<Vec<Timing>, E> {
    let repetitions = repetitions.max(1);
    let total = jobs.len() * (1 + repetitions);
    let mut done = 0..total;
    let mut step = |case: &str| progress(done.next().unwrap_or(total), total, case);
    let mut measured = Vec::new();
    for job in jobs.iter_mut() {
        if step(&job.case).is_break() {
            return Ok(Vec::new());
        }
        measured.push(first_run(gpu, job)?);
    }
    let warmup = Warmup::new(gpu)?;
    'timing: for _ in 0..repetitions {
        for (job, measured) in jobs.iter_mut().zip(&mut measured) {
            if step(&job.case).is_break() {
                break 'timing;
            }
            warmup.record(gpu)?;
            gpu.wait()?;
            let before = gpu.record_stats();
            let started = Instant::now();
            (job.run)()?;
            gpu.flush();
            measured.hosts.push(started.elapsed().as_secs_f64());
            gpu.wait()?;
            measured.times.push(started.elapsed().as_secs_f64());
            measured.submits = gpu.record_stats().submits - before.submits;
        }
    }
    let timed = jobs.iter().zip(&measured).filter(|(_, measured)| !measured.times.is_empty());
    Ok(timed.map(|(job, measured)| timing(job, measured, ceilings)).collect())
}

/// Compiles what is missing, and counts launches and their work by a profile.
fn first_run<E: From<GpuError>>(gpu: &Gpu, job: &mut Job<'_, E>) -> Result<Measured, E> {
    let (_, compiled) = gpu.compiled();
    gpu.start_profile()?;
    let started = Instant::now();
    let outcome = (job.run)();
    // The profile ends in any case: a failed job must not leave the device profiling.
    let profile = gpu.end_profile();
    outcome?;
    let launches = profile?.map_or_else(Vec::new, |p| p.spans.iter().map(|span| span.work).collect());
    Ok(Measured {
        launches,
        cold: started.elapsed().as_secs_f64(),
        compile: (gpu.compiled().1 - compiled).max(0.0),
        submits: 0,
        times: Vec::new(),
        hosts: Vec::new(),
    })
}

fn timing<E>(job: &Job<'_, E>, measured: &Measured, ceilings: &Ceilings) -> Timing {
    let spread = Spread::of(&measured.times);
    let floor = ceilings.floor_of_all(measured.launches.iter().copied());
    let sum = |part: fn(&Work) -> f64| measured.launches.iter().map(part).sum::<f64>();
    let work = Work { flops: sum(|w| w.flops), bytes: sum(|w| w.bytes) };
    Timing {
        kind: job.kind,
        kernel: job.name.to_owned(),
        case: job.case.clone(),
        variant: job.variant.to_owned(),
        clock: Clock::Wall,
        work,
        spread,
        gflops: work.flops / spread.median * 1e-9,
        gbytes: work.bytes / spread.median * 1e-9,
        roofline: floor.seconds / spread.median,
        bound: floor.bound,
        compile: measured.compile,
        cold: measured.cold,
        run: Some(RunCounts {
            items: job.items,
            unit: job.unit.to_owned(),
            per_second: job.items as f64 / spread.median,
            launches: measured.launches.len() as u64,
            submits: measured.submits,
            host: (job.kind == Kind::Model).then(|| Spread::of(&measured.hosts).median),
        }),
        error: None,
    }
}
