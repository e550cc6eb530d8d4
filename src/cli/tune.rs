//! `tune`: which variant of each kernel is fastest on this device?

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::hub::model_folder;
use super::numbers::count;
use super::options::{CaseArgs, DeviceArgs, tuning_file};
use super::output::{print, watch, watch_interrupt, writable_folder};
use super::say::say;
use crate::gpu::Gpu;
use crate::kernels::registry::Registry;
use crate::lab::bench::ceilings::ceilings;
use crate::lab::tune::store::{Stored, Tuning};
use crate::lab::tune::{self, model_cases};
use crate::report::write_atomic;
use crate::words::plural;

/// Options of `tune`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    cases: CaseArgs,
    /// Tune the cases that this model's towers run [default: the shapes of common CLIP models]
    #[arg(long, value_name = "DIR", value_parser = model_folder, conflicts_with = "cases")]
    model: Option<PathBuf>,
    /// Edge of the model's images in pixels
    #[arg(long, value_name = "N", requires = "model", value_parser = count)]
    image_size: Option<usize>,
    /// Images and texts in a batch
    #[arg(long, value_name = "N", default_value_t = 1, requires = "model", value_parser = count)]
    batch: usize,
    /// Print what is known of this device, and measure nothing
    #[arg(long)]
    show: bool,
    /// Forget what is known of this device
    #[arg(long, conflicts_with = "show")]
    forget: bool,
    /// Print JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Races variants, remembers the winners, or shows them.
///
/// # Errors
/// An unknown case, no device, or a file that cannot be written.
pub fn run(args: &Args, registry: &Registry) -> Result<ExitCode, Failure> {
    let gpu = args.device.open_untuned()?;
    let path = tuning_file(&gpu)
        .ok_or_else(|| Failure::new("there is no cache folder to remember results in").hint("set HOME"))?;
    if args.forget {
        return forget(&path).map(|()| ExitCode::SUCCESS);
    }
    let mut tuning = match Tuning::load(&gpu, &path) {
        Stored::Usable(tuning) => tuning,
        Stored::None if args.show => {
            return Err(Failure::new("nothing is known of this device").hint("run dapo-wgpu tune"));
        }
        Stored::Ignored(reason) if args.show => {
            return Err(
                Failure::new(format!("{}: {reason}", path.display())).hint("run dapo-wgpu tune again")
            );
        }
        Stored::None | Stored::Ignored(_) => Tuning::new(&gpu),
    };
    let mut stopped = None;
    if !args.show {
        writable_folder(path.parent().unwrap_or(&path))
            .map_err(|failure| failure.hint("XDG_CACHE_HOME chooses another place"))?;
        let raced = race(args, registry, &gpu)?;
        stopped = raced.stopped;
        tuning.add(raced.choices);
        write_atomic(&path, json(&tuning)?.as_bytes())?;
    }
    print(&if args.json { json(&tuning)? } else { tuning.text() + &format!("{}\n", path.display()) })?;
    Ok(match stopped {
        Some((done, of)) => {
            say!("PARTIAL: stopped after {done} of {}; what was raced is remembered", plural(of, "case"));
            ExitCode::from(130)
        }
        None => ExitCode::SUCCESS,
    })
}

fn json(tuning: &Tuning) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(tuning).map_err(|e| Failure::new(e.to_string()))? + "\n")
}

/// What was raced.
struct Raced {
    choices: Vec<tune::store::Choice>,
    /// Cases that were done, and those that there are, of a run that was stopped.
    stopped: Option<(usize, usize)>,
}

fn race(args: &Args, registry: &Registry, gpu: &Gpu) -> Result<Raced, Failure> {
    let cases = match &args.model {
        Some(folder) => model_cases(gpu, registry, folder, args.image_size, args.batch)?,
        None => args.cases.select(registry, registry.bench(), "bench --list")?,
    };
    let interrupted = watch_interrupt("finishing this case and keeping what was raced");
    let mut stopped = None;
    let choices = watch(cases.len(), "cases", interrupted, |progress| {
        let ceilings = ceilings(gpu, 5, progress)?;
        let mut progress = |done: usize, total: usize, what: &str| {
            let go_on = progress(done, total, what);
            stopped = go_on.is_break().then_some((done, total));
            go_on
        };
        tune::run(gpu, &cases, &ceilings, &mut progress).map_err(Failure::from)
    })?;
    Ok(Raced { choices, stopped })
}

fn forget(path: &std::path::Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Ok(()) => print(&format!("removed {}\n", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => print("nothing was known of this device\n"),
        Err(e) => Err(Failure::new(format!("{}: {e}", path.display()))),
    }
}
