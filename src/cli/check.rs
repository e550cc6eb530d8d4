//! `check`: does this adapter and driver compute correctly?

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::options::{CaseArgs, RunArgs};
use super::output::{print, watch};
use crate::kernels::registry::{Registry, Tier};
use crate::lab::check;
use crate::report::{AtomicFile, write_atomic};

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub run: RunArgs,
    /// Add the shapes of real models to the small tier
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    cases: CaseArgs,
    /// Print the cases and stop
    #[arg(long)]
    list: bool,
    /// Seed of the inputs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write every run as JSON, to go with a bug report
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Checks kernels: success when all are right, failure (1) when one is wrong.
///
/// # Errors
/// An unknown case, no device, or a file that cannot be written.
pub fn run(args: &Args, registry: &Registry) -> Result<ExitCode, Failure> {
    let tier = if args.full { Tier::Full } else { Tier::Small };
    let cases = args.cases.select(registry, registry.conformance(tier), "check --list")?;
    if args.list {
        let lines: Vec<String> = cases.iter().map(|c| c.label() + "\n").collect();
        return print(&lines.concat()).map(|()| ExitCode::SUCCESS);
    }
    if let Some(path) = &args.out {
        drop(AtomicFile::create(path)?);
    }
    let gpu = args.run.device.open()?;
    let report = watch(cases.len(), "cases", |progress| {
        check::run(&gpu, &cases, tier, args.seed, progress).map_err(Failure::from)
    })?;
    let json = serde_json::to_string_pretty(&report).map_err(|e| Failure::new(e.to_string()))? + "\n";
    if let Some(path) = &args.out {
        write_atomic(path, json.as_bytes())?;
    }
    print(&if args.json { json } else { report.text() })?;
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
