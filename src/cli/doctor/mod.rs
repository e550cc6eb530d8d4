//! `doctor`: what is wrong with this machine's devices and drivers, what to do, and a bundle for a bug report.
//!
//! Everything that touches a device runs in processes of this program, so that a driver that crashes or hangs ends a step
//! and not the command.

mod advice;
mod bundle;
mod child;
pub mod findings;

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::output::print;
use super::say::say;
use crate::kernels::registry::Registry;
use crate::report::{AtomicFile, today};

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write everything that was found as a ZIP file, to go with a bug report: no photos, no paths of yours
    #[arg(long, value_name = "FILE.zip")]
    out: Option<PathBuf>,
    /// Adapter to look at: an index of `dapo-wgpu devices` or a part of its name
    #[arg(long, value_name = "INDEX|NAME", default_value = "auto")]
    adapter: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Looks at loader, drivers, adapters, a few cases of each kernel and a benchmark: success when nothing is wrong, failure
/// (1) when something is. A software device alone is no fault.
///
/// # Errors
/// A file that cannot be written.
pub fn run(args: &Args, registry: &Registry) -> Result<ExitCode, Failure> {
    if let Some(path) = &args.out {
        drop(AtomicFile::create(path)?);
    }
    let scrub = bundle::Scrub::new();
    let found = findings::gather(&args.adapter, registry, &today())?;
    let advice = advice::of(&found);
    let report = findings::Report { schema: "dapo-wgpu/doctor/1", advice, found };
    match args.json {
        true => print(&scrub.text(&report.json()?))?,
        false => print(&scrub.text(&report.text()))?,
    }
    if let Some(path) = &args.out {
        bundle::write(path, &report, &scrub)?;
        say!("{} written: attach it to the report, and look into it first if you like", path.display());
    }
    Ok(if report.found.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
