//! `merge`: one run from parts that were evaluated on different machines.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::evaluated::{Outcome, report, write};
use super::output::writable_folder;
use crate::eval::run::records;
use crate::eval::{finish, merge};

/// Options of `merge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of all parts, in any order
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    /// Folder of the whole
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Print metrics.json to standard output, in place of the table
    #[arg(long)]
    json: bool,
}

/// Joins the parts and writes what a run on one machine would have written. The page has no pictures: the command
/// of the parts without `--shard`, with the folder of the whole as `--out`, adds them.
///
/// # Errors
/// A part that is missing, unfinished, twice there or of another run.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.out.join("run.json").is_file() {
        return Err(Failure::new(format!("{}: this folder holds a run already", args.out.display()))
            .hint("choose another folder with --out, or remove this one"));
    }
    writable_folder(&args.out)?;
    let settings = merge::merge(&args.parts, &args.out)?;
    let metrics = finish::finish(&args.out, &settings)?;
    let records = records(&args.out)?;
    let outcome = Outcome { folder: &args.out, metrics: &metrics, records: &records };
    write(&outcome)?;
    report(&outcome, settings.threshold)?;
    outcome.tell(args.json)
}
