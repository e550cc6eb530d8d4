//! A part that was taught, in place of the options that it was taught with.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::files::{folder_digest, read_regular};
use crate::inspect::Part;

/// A part, if one is to be used.
#[derive(Debug, Clone, clap::Args)]
pub struct PartArg {
    /// Part that `teach` made: model, names, good photos and threshold are those that it was taught with
    #[arg(help_heading = "Photos of good parts", long, value_name = "FILE.safetensors", conflicts_with_all = [
        "good", "bank_size", "bank_f16", "turned", "image_size", "weights", "precision", "method", "learner", "bits", "orient",
        "lenient", "object", "defects", "calibration",
    ])]
    part: Option<PathBuf>,
}

/// A part that was read.
#[derive(Debug)]
pub struct Taught {
    path: PathBuf,
    /// What the file holds.
    pub part: Part,
}

/// Extensions of the files of a model that a part knows again.
const MODEL_FILES: [&str; 3] = ["safetensors", "json", "txt"];

/// Digest of the files of a model.
///
/// # Errors
/// A folder or a file that cannot be read.
pub fn model_files(folder: &Path) -> Result<String, Failure> {
    folder_digest(folder, &MODEL_FILES).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))
}

impl PartArg {
    /// Reads it.
    ///
    /// # Errors
    /// A message that names the file.
    pub fn read(&self) -> Result<Option<Taught>, Failure> {
        let Some(path) = &self.part else { return Ok(None) };
        let named = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", path.display()));
        let bytes = read_regular(path).map_err(|e| named(&e))?;
        let part = Part::from_bytes(&bytes).map_err(|e| {
            named(&e).hint("make one with dapo-wgpu teach --good PHOTOS… --out FILE.safetensors")
        })?;
        Ok(Some(Taught { path: path.clone(), part }))
    }
}

impl Taught {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// An error of this part.
    pub fn failure(&self, problem: &str) -> Failure {
        Failure::new(format!("{}: {problem}", self.path.display()))
    }
}
