//! Evaluation of a method on a data set, image after image, in memory that does not grow with their number.
//!
//! [`plan`] lists the images, [`run`] keeps the progress in a folder so that a killed run resumes, [`evaluator`] runs
//! the detector, [`work`] accumulates counts, [`gallery`] keeps pictures for the page, [`merge`] joins the parts of a
//! run that was spread over machines, [`finish`] makes `metrics.json` of counts. All counts are integers: however a run
//! was interrupted or divided, the result has the same bytes.

pub mod assemble;
pub mod content;
pub mod counts;
pub mod evaluator;
pub mod finish;
pub mod gallery;
pub mod image_scores;
pub mod loaded;
pub mod maps;
pub mod merge;
pub mod meter;
pub mod plan;
mod proof;
pub mod remarks;
pub mod run;
pub mod score;
pub mod settings;
pub mod shots;
pub mod shots_figures;
pub mod table;
pub mod work;

use std::path::PathBuf;

pub use evaluator::{Detections, Evaluator, LabelledPhoto};
pub use gallery::Gallery;
pub use plan::{Item, Plan, Product, Shard};
pub use run::{EvalRun, Settings};
pub use shots::Shots;
pub use work::{EvaluateOptions, Progress, evaluate};

use crate::dapo::learner::DapoError;
use crate::report::{LedgerError, ReportError, WriteError};

/// Why an evaluation stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The device or the model failed.
    #[error(transparent)]
    Device(#[from] DapoError),
    /// A file of the run could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The folder is in use, or its lock cannot be made.
    #[error(transparent)]
    Lock(#[from] LedgerError),
    /// A file of the run could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A file of the run is not what it should be.
    #[error("{}: {problem}; remove the folder to begin again, or choose another with --out", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The folder holds another run.
    #[error(
        "{}: this folder holds a run with another {field}: {theirs}, not {ours}; choose another folder with --out, \
         or repeat that run's options to go on with it", folder.display()
    )]
    OtherRun {
        /// The folder.
        folder: PathBuf,
        /// The setting that differs.
        field: String,
        /// Its value in the folder.
        theirs: String,
        /// Its value now.
        ours: String,
    },
    /// Files that were evaluated hold something else now.
    #[error(
        "{}: {count} of the images done before, or their masks, have changed since ({}); remove the folder to evaluate \
         all anew, or choose another with --out", folder.display(), first.join(", ")
    )]
    Changed {
        /// The folder.
        folder: PathBuf,
        /// How many images.
        count: usize,
        /// The first of them, relative to the data set.
        first: Vec<String>,
    },
    /// A map that could not be written.
    #[error("{0}")]
    Map(String),
    /// A picture for the page that could not be made.
    #[error("{0}")]
    Picture(String),
    /// The page could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Good photos to compare with that are not there.
    #[error("{0}")]
    Shots(String),
    /// Parts that do not make a whole.
    #[error("{0}")]
    Parts(String),
}

impl EvalError {
    /// A file that could not be read or written.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
