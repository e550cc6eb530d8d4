//! `eval`: evaluates a method on a whole data set.

mod args;
mod opened;
mod shots;

use std::process::ExitCode;

use super::Failure;
use super::evaluated::Outcome;
use super::say::say;
use crate::words::plural;
pub use args::Args;
use opened::{Opened, Ran};

/// Evaluates what is left of the run, then writes its figures and its page; of --shots, all of its runs.
///
/// # Errors
/// Any error that stops the whole run. Images that cannot be read are listed in the results.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let opened = Opened::new(args)?;
    if !args.shots.is_empty() {
        return shots::run(&opened);
    }
    let good = opened.good()?;
    match opened.evaluate(&args.out, good.as_ref())? {
        Ran::Stopped { done } => {
            say!("{} done; the same command goes on from there", plural(done, "image"));
            Ok(ExitCode::from(130))
        }
        Ran::Part => {
            say!(
                "part {} is complete in {}; when all are: dapo-wgpu merge PART... --out RUN",
                args.shard,
                args.out.display()
            );
            Ok(ExitCode::SUCCESS)
        }
        Ran::Whole { metrics, records } => {
            Outcome { folder: &args.out, metrics: &metrics, records: &records }.tell(args.json)
        }
    }
}
