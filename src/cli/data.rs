//! `data`: what is in a labelled data set.

use std::path::PathBuf;

use super::Failure;
use super::options::{DescriptionArg, LayoutArg};
use super::output::{print, progress};
use crate::data::samples::Split;
use crate::data::sets;
use crate::words::plural;

/// Options of `data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Read every image and mask of a data set: layout, products, defects, sizes, and what is wrong with it
    Inspect(Inspect),
}

/// Options of `data inspect`.
#[derive(Debug, clap::Args)]
struct Inspect {
    /// Folder of labelled images, or the list of them
    #[arg(value_name = "DIR")]
    root: PathBuf,
    #[command(flatten)]
    layout: LayoutArg,
    #[command(flatten)]
    description: DescriptionArg,
    /// Which part of it
    #[arg(long, value_enum, default_value = "test")]
    split: SplitArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A split, as on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum SplitArg {
    /// Good and defective images
    Test,
    /// Good images
    Train,
}

impl From<SplitArg> for Split {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Test => Split::Test,
            SplitArg::Train => Split::Train,
        }
    }
}

/// Inspects a data set.
///
/// # Errors
/// A data set that cannot be used at all. Other problems are printed.
pub fn run(args: &Args) -> Result<(), Failure> {
    let What::Inspect(args) = &args.what;
    let description = args.description.description.as_deref();
    let LayoutArg { layout, good_words } = &args.layout;
    let opened = sets::open_with(&args.root, *layout, description, args.split.into(), good_words)?;
    let bar = progress(opened.set.samples.len(), "images");
    let found = sets::inspect::inspect(&opened, &|| bar.inc(1));
    bar.finish_and_clear();
    if found.readable == 0 {
        let first = found.problems.first().map_or(String::new(), |problem| problem.message.clone());
        return Err(Failure::new(format!(
            "{}: none of {} can be read",
            args.root.display(),
            plural(found.totals.images, "image")
        ))
        .hint(first));
    }
    if args.json {
        let text = serde_json::to_string_pretty(&found).map_err(|e| Failure::new(e.to_string()))?;
        print(&(text + "\n"))
    } else {
        print(&found.text())
    }
}
