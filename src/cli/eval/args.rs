//! The options of `eval`.

use std::path::PathBuf;

use crate::cli::good::GoodArgs;
use crate::cli::inspection::DetectorArgs;
use crate::cli::numbers::{count, probability};
use crate::cli::options::{BatchArg, DataArgs, DescriptionArg, RunArgs, TilingArgs};
use crate::eval::Shard;

/// Options of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) description: DescriptionArg,
    #[command(flatten)]
    pub(super) detector: DetectorArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder of the run; an interrupted run resumes
    #[arg(long, value_name = "RUN")]
    pub(super) out: PathBuf,
    /// Evaluate only part i of n, on one of n machines; `merge` makes one run of them
    #[arg(long, value_name = "i/n", default_value = "1/1")]
    pub(super) shard: Shard,
    #[command(flatten)]
    pub(super) tiling: TilingArgs,
    #[command(flatten)]
    pub(super) good: GoodArgs,
    /// Compare with this many good photos of each product, drawn from its training images, as in --shots 0,1,2,4,8: a run
    /// below RUN for each draw, and the means over the draws
    #[arg(long, value_name = "N,N", value_delimiter = ',', conflicts_with_all = ["good", "shard"])]
    pub(super) shots: Vec<usize>,
    /// Draws of each number of good photos
    #[arg(long, value_name = "N", default_value_t = 5, requires = "shots", value_parser = count)]
    pub(super) seeds: usize,
    /// Score from which an image is called defective [default: the learner's threshold, if it was calibrated, or 0.5]
    #[arg(long, alias = "threshold", value_name = "P", value_parser = probability)]
    pub(super) alarm_threshold: Option<f32>,
    /// Keep the maps below RUN/maps, in the tree of the images: `score` computes exact figures of them
    #[arg(long)]
    pub(super) save_maps: bool,
    #[command(flatten)]
    pub(super) batch: BatchArg,
    /// Print metrics.json to standard output, in place of the table
    #[arg(long)]
    pub(super) json: bool,
}
