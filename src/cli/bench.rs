//! `bench`: how fast are the kernels here, and what holds each back?

use std::path::PathBuf;

use super::Failure;
use super::options::{DeviceArgs, print, watch};
use crate::kernels::registry::Registry;
use crate::lab::bench::{BenchReport, Variants, run as time};
use crate::lab::check::select;
use crate::report::{AtomicFile, CeilingKind, Roofline, RooflineCeiling, RooflinePoint, write_atomic};

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Time only this case: a printed name, a part of one, or a new case in the same words
    #[arg(long = "case", value_name = "CASE")]
    cases: Vec<String>,
    /// Time this variant where a case has it, or `all` of each case
    #[arg(long, value_name = "NAME|all")]
    variant: Option<String>,
    /// Timed runs of each case
    #[arg(long, value_name = "N", default_value_t = 11)]
    repeat: usize,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the roofline with every kernel on it
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print the JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Times kernels.
///
/// # Errors
/// An unknown case, no device, or a file that cannot be written.
pub fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let cases = select(registry, registry.bench(), &args.cases)
        .map_err(|m| Failure::new(m).hint("dapo-wgpu check --list --full prints all cases"))?;
    for path in args.out.iter().chain(&args.plot) {
        drop(AtomicFile::create(path)?);
    }
    let gpu = args.device.open()?;
    let variants = match args.variant.as_deref() {
        None => Variants::Chosen,
        Some("all") => Variants::All,
        Some(name) => {
            let known = |c: &dyn crate::kernels::Problem| {
                crate::kernels::variants(&gpu, c).iter().any(|v| v.name == name && v.usable.is_ok())
            };
            if !cases.iter().any(|c| known(c.as_ref())) {
                return Err(Failure::new(format!(
                    "--variant {name}: no case here has a usable variant of that name"
                ))
                .hint("--variant all times every usable variant of each case"));
            }
            Variants::Named(name.to_owned())
        }
    };
    let report = watch(cases.len() + args.repeat, "steps", |progress| {
        time(&gpu, &cases, &variants, args.repeat, progress).map_err(Failure::from)
    })?;
    let json = serde_json::to_string_pretty(&report).map_err(|e| Failure::new(e.to_string()))? + "\n";
    if let Some(path) = &args.out {
        write_atomic(path, json.as_bytes())?;
    }
    if let Some(path) = &args.plot {
        write_atomic(path, chart(&report).svg().as_bytes())?;
    }
    print(&if args.json { json } else { report.text() })
}

fn chart(report: &BenchReport) -> Roofline {
    let c = &report.ceilings;
    let ceiling = |name: &str, kind, rate| RooflineCeiling { name: name.to_owned(), kind, rate };
    Roofline {
        title: "Kernels on the roofline".to_owned(),
        adapter: report.device.adapter.line(),
        note: report.note().to_owned(),
        ceilings: vec![
            ceiling("multiply-add", CeilingKind::Arithmetic, c.multiply_add),
            ceiling("copy", CeilingKind::Bandwidth, c.copy),
            ceiling("read", CeilingKind::Bandwidth, c.read),
        ],
        points: report
            .timings
            .iter()
            .map(|t| RooflinePoint {
                label: t.case.clone(),
                family: t.kernel.clone(),
                flops: t.work.flops,
                bytes: t.work.bytes,
                seconds: t.median,
                bound: t.bound.name().to_owned(),
            })
            .collect(),
    }
}
