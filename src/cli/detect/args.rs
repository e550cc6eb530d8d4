//! The options of `detect`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::cli::good::GoodArgs;
use crate::cli::inspection::{InspectArgs, ThresholdArgs};
use crate::cli::options::{RunArgs, TilingArgs};
use crate::cli::part::PartArg;
use crate::report::Format;

/// Options of `detect`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Images, or folders that are searched for images; - for a list of them, or one image, from standard input
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) inspect: InspectArgs,
    #[command(flatten)]
    pub(super) good: GoodArgs,
    #[command(flatten)]
    pub(super) part: PartArg,
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder for results.json, report.html, overlays and maps
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// Print the results in this format instead of a line for each image
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(super) format: Option<OutputFormat>,
    /// Print results.json: as --format json
    #[arg(long, conflicts_with = "format")]
    pub(super) json: bool,
    /// End with exit code 4 when an image is called defective
    #[arg(long)]
    pub(super) fail_on_defect: bool,
    /// Write the raw maps as .npy files
    #[arg(long)]
    pub(super) save_maps: bool,
    /// Do not write overlay pictures
    #[arg(long)]
    pub(super) no_overlays: bool,
    #[command(flatten)]
    pub(super) threshold: ThresholdArgs,
    #[command(flatten)]
    pub(super) tiling: TilingArgs,
}

/// See [`Format`].
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum OutputFormat {
    /// A table with a row for each image
    Csv,
    /// results.json
    Json,
    /// SARIF 2.1.0: a result for each defective image
    Sarif,
    /// JUnit's XML: a test for each image
    Junit,
}

impl Args {
    /// What is printed in place of lines for people.
    pub(super) fn printed(&self) -> Option<Format> {
        let format = self.format.map(|format| match format {
            OutputFormat::Csv => Format::Csv,
            OutputFormat::Json => Format::Json,
            OutputFormat::Sarif => Format::Sarif,
            OutputFormat::Junit => Format::Junit,
        });
        format.or(self.json.then_some(Format::Json))
    }
}
