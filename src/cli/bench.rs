//! `bench`: how fast are kernels, models and pipelines on this device, and what limits each?

mod models;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use super::Failure;
use super::numbers::{count, percentage};
use super::options::{CaseArgs, DeviceArgs};
use super::output::{own_command, print, watch, watch_interrupt};
use super::say::say;
use crate::documents::roofline;
use crate::gpu::Gpu;
use crate::kernels::registry::{Cases, Registry};
use crate::lab::Origin;
use crate::lab::bench::ceilings::{ceilings as measure_ceilings, ceilings_again};
use crate::lab::bench::formats::Format;
use crate::lab::bench::request::{Variants, of_kernels, resized, swept};
use crate::lab::bench::sweep::{Sweep, SweptRow};
use crate::lab::bench::{
    BenchReport, Bound, Comparison, DEFAULT_THRESHOLD, Timing, errors, jobs, measure, sensors,
};
use crate::report::{AtomicFile, SweepChart, SweepLine, today, write_atomic};

/// Timed runs of each kernel and of each model, unless `--repeat` says otherwise.
const REPEAT_KERNEL: usize = 11;
const REPEAT_MODEL: usize = 5;

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    cases: CaseArgs,
    /// Time only this kernel's cases
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<String>,
    /// Change a size of the selected cases, as in --set m=1370
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<String>,
    /// Time the selected cases over a range of a size, as in --sweep m=64..2048 or m=64..2048:32; --plot draws rates
    /// over it
    #[arg(long, value_name = "KEY=FROM..TO[:STEP]")]
    sweep: Option<Sweep>,
    /// Compute the largest error of each timed variant, too; large products take the host seconds
    #[arg(long)]
    error: bool,
    /// Time this variant where a case has it, or `all` of each case; once for each variant
    #[arg(long = "variant", value_name = "[KERNEL=]NAME|all")]
    variants: Vec<String>,
    #[command(flatten)]
    models: models::NetworkArgs,
    /// Timed runs of each case [default: 11 of a kernel, 5 of a model or pipeline]
    #[arg(long, value_name = "N", value_parser = count)]
    repeat: Option<usize>,
    /// Print the cases and stop
    #[arg(long)]
    list: bool,
    /// Compare with an earlier result in JSON; exit code 1 when something became slower
    #[arg(long, value_name = "OLD.json")]
    compare: Option<PathBuf>,
    /// The least change that --compare counts, beyond the noise [default: 5]
    #[arg(long, value_name = "PERCENT", requires = "compare", allow_negative_numbers = true, value_parser = percentage)]
    threshold: Option<f64>,
    /// Write the result; a name in .csv or .md decides the format, otherwise it is JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the roofline with every kernel and model on it
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// What to print: table, json, csv or markdown
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Short for --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// Times what was asked for: success, failure (1) when a comparison finds a regression, or 130 when it was interrupted.
///
/// # Errors
/// An unknown case, kernel, variant or model, no device, a file that cannot be read or written, or an
/// old result without a case in common.
pub fn run(args: &Args, registry: &Registry) -> Result<ExitCode, Failure> {
    let cases = cases(args, registry)?;
    if args.list {
        let lines: Vec<String> = cases.iter().map(|c| c.label() + "\n").collect();
        return print(&lines.concat()).map(|()| ExitCode::SUCCESS);
    }
    let variants = Variants::parse(registry, &args.variants).map_err(variant_failure)?;
    let threshold = args.threshold.map_or(DEFAULT_THRESHOLD, |percent| percent / 100.0);
    let old = args.compare.as_deref().map(BenchReport::load).transpose()?;
    for path in args.out.iter().chain(&args.plot) {
        drop(AtomicFile::create(path)?);
    }
    let gpu = args.device.open()?;
    variants.check(&cases, gpu.capabilities()).map_err(variant_failure)?;
    let mut report = measure(args, &gpu, &cases, &variants)?;
    report.origin = Some(Origin::of(&gpu, today(), own_command()));
    report.comparison = old
        .zip(args.compare.as_ref())
        .map(|(old, path)| Comparison::new(&old, &report, path.display().to_string(), threshold));

    let render = |format| report.render(format).map_err(Failure::new);
    if let Some(path) = &args.out {
        write_atomic(path, render(Format::of_file(path))?.as_bytes())?;
    }
    if let Some(path) = &args.plot {
        let svg = match &args.sweep {
            Some(sweep) => sweep_chart(sweep, &report).svg(),
            None => roofline(&report).svg(),
        };
        write_atomic(path, svg.as_bytes())?;
    }
    let format = if args.json { Format::Json } else { args.format };
    print(&render(format)?)?;
    if matches!(format, Format::Json | Format::Csv) {
        report.warnings().iter().for_each(|warning| say!("warning: {warning}")); // the other formats contain them
    }
    if report.partial {
        return Ok(ExitCode::from(130));
    }
    let Some(comparison) = &report.comparison else { return Ok(ExitCode::SUCCESS) };
    for warning in &comparison.warnings {
        say!("warning: {warning}");
    }
    if matches!(format, Format::Json | Format::Csv) {
        say!("{}", comparison.summary()); // the other formats contain it
    }
    conclude(comparison)
}

/// The kernels' cases that were asked for: none when only a model was.
fn cases(args: &Args, registry: &Registry) -> Result<Cases, Failure> {
    let filters = [&args.cases.cases, &args.kernels, &args.changes, &args.variants];
    if args.models.wanted() && filters.iter().all(|filter| filter.is_empty()) {
        return Ok(Cases::new());
    }
    let cases = args.cases.select(registry, registry.bench(), "bench --list")?;
    let cases = of_kernels(registry, cases, &args.kernels)
        .map_err(|m| Failure::usage(m).hint("dapo-wgpu bench --list prints all cases"))?;
    let refused = |option: &str, m: String| {
        Failure::usage(format!("{option}: {m}")).hint("dapo-wgpu bench --list prints the selected cases")
    };
    let cases = resized(registry, cases, &args.changes).map_err(|m| refused("--set", m))?;
    match &args.sweep {
        Some(sweep) => swept(registry, &cases, sweep).map_err(|m| refused("--sweep", m)),
        None => Ok(cases),
    }
}

fn variant_failure(message: String) -> Failure {
    Failure::usage(format!("--variant {message}"))
        .hint("--variant all times every usable variant of each case")
}

fn measure(args: &Args, gpu: &Gpu, cases: &Cases, variants: &Variants) -> Result<BenchReport, Failure> {
    let repeat = |default: usize| args.repeat.unwrap_or(default);
    let interrupted = watch_interrupt("finishing this run of a case and printing what was timed");
    watch(2, "steps", interrupted, |progress| {
        let _ = progress(0, 1, "models"); // which needs to be there for what follows
        let network = args.models.open(gpu)?;
        let sensors = sensors::Watch::start(gpu.adapter());
        let ceilings = measure_ceilings(gpu, repeat(REPEAT_KERNEL), progress)?;
        let kernels = repeat(REPEAT_KERNEL);
        let mut timings = measure::kernels(gpu, &ceilings, cases, variants, kernels, progress)?;
        if args.error {
            errors::add(gpu, cases, &mut timings, progress)?;
        }
        if let Some(network) = &network {
            let mut jobs = network.jobs()?;
            timings.extend(jobs::run(gpu, &ceilings, &mut jobs, repeat(REPEAT_MODEL), progress)?);
        }
        let partial = interrupted.load(Ordering::Relaxed);
        // Once more: what was timed on a device that became slower meanwhile is compared with what it no longer reaches.
        let ceilings_after = (!partial)
            .then(|| ceilings_again(gpu, &ceilings, repeat(REPEAT_KERNEL), progress))
            .transpose()?;
        let report = BenchReport::new(gpu, ceilings, timings);
        let partial = partial || interrupted.load(Ordering::Relaxed);
        // One that was ended midway may have no runs.
        let ceilings_after = ceilings_after.filter(|_| !partial);
        Ok(BenchReport { ceilings_after, partial, sensors: sensors.and_then(sensors::Watch::end), ..report })
    })
}

/// Turns the verdict into an exit code.
fn conclude(comparison: &Comparison) -> Result<ExitCode, Failure> {
    if comparison.is_empty() {
        return Err(Failure::new(format!("{}: nothing in it was timed now", comparison.old))
            .hint("give both runs the same --case, --variant and model"));
    }
    Ok(if comparison.regressed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Rates of multiply-adds where the cases have arithmetic, of bytes otherwise.
fn sweep_chart(sweep: &Sweep, report: &BenchReport) -> SweepChart {
    let rows = sweep.rows(report);
    let arithmetic = rows.iter().flat_map(|row| &row.1).any(|(_, t)| t.bound == Bound::Arithmetic);
    let rate =
        |t: &Timing, seconds: f64| (if arithmetic { t.work.flops } else { t.work.bytes }) / seconds * 1e-9;
    let line = |(name, points): SweptRow<'_>| SweepLine {
        name,
        points: points
            .into_iter()
            .map(|(size, t)| {
                let spread = &t.spread;
                let rates = [spread.median, spread.quartiles.1, spread.quartiles.0].map(|s| rate(t, s));
                (size as f64, rates)
            })
            .collect(),
    };
    SweepChart {
        title: format!("Rates over {}", sweep.key),
        adapter: report.device.adapter.line(),
        note: report.note(),
        key: sweep.key.clone(),
        unit: if arithmetic { "GFLOP/s" } else { "GB/s" }.to_owned(),
        ceiling: arithmetic.then_some(report.ceilings.multiply_add * 1e-9),
        lines: rows.into_iter().map(line).collect(),
    }
}
