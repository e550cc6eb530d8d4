//! `score`: figures of merit of maps that any program has made.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::evaluated::{Outcome, report, write};
use super::options::{DataArgs, DescriptionArg};
use super::output::{progress, writable_folder};
use super::say::say;
use crate::eval::image_scores::ImageScore;
use crate::eval::score::{Mode, Request, score};
use crate::report::metrics::ImageRecord;
use crate::report::write_atomic;

/// Options of `score`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of maps that mirrors the data set: the same path with .npy, .npz, .png or .tiff
    #[arg(long, value_name = "DIR")]
    predictions: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    description: DescriptionArg,
    /// Image scores: a table with the columns image and score, or the images.jsonl of an evaluation [default: that of the
    /// evaluation whose maps these are]
    #[arg(long, value_name = "FILE", conflicts_with = "image_score")]
    scores: Option<PathBuf>,
    /// Image score of a map: max, mean, or top-N, the mean of its N largest values [default: max, where there is no table]
    #[arg(long, value_name = "RULE")]
    image_score: Option<ImageScore>,
    /// Keep every value [default: where a product's values fit into 1 GiB]
    #[arg(long, conflicts_with = "streaming")]
    exact: bool,
    /// Count values in bins: constant memory, figures with bounds
    #[arg(long)]
    streaming: bool,
    /// Resize maps to N × N before they are scored [default: as they are]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    size: Option<u32>,
    /// Name of the method that made the maps
    #[arg(long, value_name = "METHOD", default_value = "maps")]
    name: String,
    /// Score the other images where a map is missing or cannot be used
    #[arg(long)]
    allow_missing: bool,
    /// Folder for metrics.json, images.jsonl, report.html and rows for papers
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print metrics.json instead of the table
    #[arg(long)]
    json: bool,
}

/// Scores maps: 3 when some images have no usable map and that is allowed.
///
/// # Errors
/// A data set, map, mask or table that cannot be used, or an output folder that cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    writable_folder(&args.out)?;
    let mode = match (args.exact, args.streaming) {
        (true, _) => Mode::Exact,
        (_, true) => Mode::Streaming,
        _ => Mode::Auto,
    };
    let request = Request {
        predictions: args.predictions.clone(),
        data: args.data.data.clone(),
        layout: args.data.layout.layout,
        good_words: args.data.layout.good_words.clone(),
        description: args.description.description.clone(),
        scores: args.scores.clone().or_else(|| own_scores(args)),
        image_score: args.image_score.unwrap_or(ImageScore::Max),
        mode,
        size: args.size,
        name: args.name.clone(),
        allow_missing: args.allow_missing,
    };
    let bar = progress(2, "images");
    let tick = |done: usize, total: usize| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    };
    let outcome = score(&request, &tick)?;
    bar.finish_and_clear();
    let lines = outcome.images.iter().map(|image| Ok(serde_json::to_string(image)? + "\n"));
    let lines = lines.collect::<Result<String, serde_json::Error>>();
    let lines = lines.map_err(|e| Failure::new(e.to_string()))?;
    write_atomic(args.out.join("images.jsonl"), lines.as_bytes())?;
    let outcome = Outcome { folder: &args.out, metrics: &outcome.metrics, records: &outcome.images };
    write(&outcome)?;
    report(&outcome, middle(outcome.records))?;
    outcome.tell(args.json)?;
    Ok(if outcome.metrics.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// The scores of the evaluation whose maps are scored: its figures are those of its own scores.
fn own_scores(args: &Args) -> Option<PathBuf> {
    let real = args.predictions.canonicalize().ok()?;
    let run = real.parent().filter(|_| args.image_score.is_none() && real.ends_with("maps"))?;
    let scores = args.predictions.join("../images.jsonl");
    let is_run = run.join("run.json").is_file() && scores.is_file();
    is_run.then(|| {
        say!(
            "note: image scores are those of {}; --image-score max takes them from the maps",
            scores.display()
        );
        scores
    })
}

/// Initial threshold of the page: scores of other programs may have any range.
fn middle(records: &[ImageRecord]) -> f32 {
    let mut scores: Vec<f32> = records.iter().filter_map(|r| r.score).collect();
    scores.sort_unstable_by(f32::total_cmp);
    scores.get(scores.len() / 2).copied().unwrap_or(0.5)
}
