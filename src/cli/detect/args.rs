//! The options of `detect`.

use std::path::PathBuf;

use crate::cli::good::GoodArgs;
use crate::cli::inspection::{InspectArgs, ThresholdArgs};
use crate::cli::options::{RunArgs, TilingArgs};
use crate::cli::part::PartArg;

/// Options of `detect`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Images, or folders that are searched for images
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
    /// Print results.json to standard output too
    #[arg(long)]
    pub(super) json: bool,
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
