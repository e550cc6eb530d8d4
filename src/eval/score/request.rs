//! What is to be scored, and what comes out.

use std::path::PathBuf;

use crate::data::ImageError;
use crate::data::samples::{Layout, SampleError};
use crate::eval::image_scores::ImageScore;
use crate::report::metrics::{ImageRecord, Metrics};

/// How pixels are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Exactly where the values of a product fit into 1 GiB.
    #[default]
    Auto,
    /// Every value is kept.
    Exact,
    /// Values are counted in bins; figures come with bounds.
    Streaming,
}

/// What is to be scored.
#[derive(Debug, Clone)]
pub struct Request {
    /// Folder of the maps, which mirrors the data set.
    pub predictions: PathBuf,
    /// The data set.
    pub data: PathBuf,
    /// Its layout; detected from the files if `None`.
    pub layout: Option<Layout>,
    /// Labels that mean "good", besides those that are known.
    pub good_words: Vec<String>,
    /// Classes of the defects, see [`DataSet::open`](crate::data::sets::DataSet::open).
    pub description: Option<PathBuf>,
    /// A table with the score of each image.
    pub scores: Option<PathBuf>,
    /// How the score of an image comes from its map where there is no table.
    pub image_score: ImageScore,
    /// How pixels are ranked.
    pub mode: Mode,
    /// Maps are resized to this square.
    pub size: Option<u32>,
    /// Name of the method.
    pub name: String,
    /// Images without a usable map are reported as failed.
    pub allow_missing: bool,
}

/// Why maps could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The data set cannot be listed.
    #[error(transparent)]
    Data(#[from] SampleError),
    /// A mask cannot be read.
    #[error(transparent)]
    Mask(#[from] ImageError),
    /// Something is wrong with the input; the message names the file and the fix.
    #[error("{0}")]
    Input(String),
}

/// The result.
#[derive(Debug)]
pub struct Outcome {
    /// `metrics.json`.
    pub metrics: Metrics,
    /// The lines of `images.jsonl`.
    pub images: Vec<ImageRecord>,
}
