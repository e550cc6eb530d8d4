//! `check`: does this adapter and driver compute correctly?

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::Failure;
use super::options::{CaseArgs, RunArgs};
use super::output::{own_command, print, watch, watch_interrupt, writable_folder};
use super::say::say;
use crate::gpu::Gpu;
use crate::kernels::Outcome;
use crate::kernels::registry::{Cases, Registry, Tier};
use crate::lab::check::{CheckReport, Checking};
use crate::lab::{Origin, dump};
use crate::report::{AtomicFile, today, write_atomic};
use crate::words::plural;

/// Time between two writes of `--out` during the run.
const EVERY: Duration = Duration::from_secs(5);

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
    /// Write every run as JSON, to go with a bug report; it is kept up to date during the run
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write what repeats each wrong run without this program below this folder: the shader as WGSL and SPIR-V, the launch,
    /// the wrong elements
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// Print the JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Checks kernels: success when all are right, failure (1) when one is wrong, 130 when it was interrupted.
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
    let interrupted = watch_interrupt("finishing this case and writing what was checked");
    let command = own_command();
    let origin = Origin::of(&gpu, today(), command);
    let mut checking = Checking::new(&gpu, &cases, tier, args.seed).with_origin(origin);
    let outcome = watch(cases.len(), "cases", interrupted, |progress| {
        let mut written: Option<Instant> = None;
        while let Some(case) = checking.upcoming() {
            if progress(checking.done(), cases.len(), &case.label()).is_break() {
                break;
            }
            checking.step()?;
            // A killed process leaves what it has checked by then.
            if written.is_none_or(|at| at.elapsed() >= EVERY) {
                write(args, &json(&checking.report())?)?;
                written = Some(Instant::now());
            }
        }
        Ok(())
    });
    // Also when the device fails in the middle.
    let report = checking.report();
    let json = json(&report)?;
    write(args, &json)?;
    outcome?;
    if let Some(folder) = &args.dump {
        dump(folder, &report, &cases, &gpu, args.seed)?;
    }
    print(&if args.json { json } else { report.text() })?;
    Ok(match (report.partial, report.passed) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}

/// Writes the files of each wrong run.
fn dump(folder: &Path, report: &CheckReport, cases: &Cases, gpu: &Gpu, seed: u64) -> Result<(), Failure> {
    let wrong: Vec<&Outcome> = report.kernels.iter().flat_map(|kernel| &kernel.failed).collect();
    if wrong.is_empty() {
        say!("nothing is wrong: {} is not written", folder.display());
        return Ok(());
    }
    writable_folder(folder)?;
    for (number, outcome) in wrong.iter().enumerate() {
        let Some(case) = cases.iter().find(|case| case.label() == outcome.case) else { continue };
        for file in dump::files(case.as_ref(), outcome, number, gpu.capabilities(), seed)? {
            let path = folder.join(&file.name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|e| Failure::new(format!("{}: {e}", parent.display())))?;
            }
            write_atomic(path, &file.content)?;
        }
    }
    say!("{} written below {}", plural(wrong.len(), "wrong run"), folder.display());
    Ok(())
}

fn json(report: &CheckReport) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(report).map_err(|e| Failure::new(e.to_string()))? + "\n")
}

/// Writes `--out`, if there is one.
fn write(args: &Args, json: &str) -> Result<(), Failure> {
    Ok(args.out.as_ref().map_or(Ok(()), |path| write_atomic(path, json.as_bytes()))?)
}
