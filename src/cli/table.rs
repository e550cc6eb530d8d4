//! `table`: figures of evaluations as a table to paste.

use std::path::PathBuf;

use clap::ValueEnum;

use super::Failure;
use super::output::print;
use crate::report::tables::{TableFormat, products_table, read_metrics, runs_table};

/// Options of `table`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of evaluations, or their metrics.json; runs of the same data, method and model are averaged
    #[arg(required = true, value_name = "RUN|FILE")]
    runs: Vec<PathBuf>,
    /// Markdown and LaTeX print per cent, CSV fractions of 1
    #[arg(long, value_enum, default_value = "md")]
    format: Format,
    /// A row for each product too
    #[arg(long)]
    products: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Md,
    Latex,
    Csv,
}

/// Reads the runs and prints the table.
///
/// # Errors
/// A file that cannot be used, or one that is given twice.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut runs = Vec::new();
    let mut seen = Vec::new();
    for path in &args.runs {
        let metrics = read_metrics(path)?;
        let file = if path.is_dir() { path.join("metrics.json") } else { path.clone() };
        let file = file.canonicalize().unwrap_or(file);
        if seen.contains(&file) {
            let message =
                format!("'{}' is given twice, which would lower the standard deviation", path.display());
            return Err(Failure::new(message).hint("name each run once"));
        }
        seen.push(file);
        runs.push((path.display().to_string(), metrics));
    }
    let format = match args.format {
        Format::Md => TableFormat::Markdown,
        Format::Latex => TableFormat::Latex,
        Format::Csv => TableFormat::Csv,
    };
    print(&if args.products { products_table(&runs, format) } else { runs_table(&runs, format) })
}
