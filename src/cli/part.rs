//! A part that was taught, in place of the options that it was taught with.

use std::path::{Path, PathBuf};

use super::Failure;
use super::inspection::InspectArgs;
use super::options::TilingArgs;
use crate::files::{folder_digest, read_regular};
use crate::inspect::Part;

/// A part, if one is to be used.
#[derive(Debug, Clone, clap::Args)]
pub struct PartArg {
    /// Part that `teach` made: model, names, good photos and threshold are those that it was taught with
    #[arg(long, value_name = "FILE.safetensors", conflicts_with_all = [
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
    /// The options that the part was taught with. A model in another place than then is given by `--model`.
    ///
    /// # Errors
    /// A learner in the part that cannot be read.
    pub fn options(&self, inspect: &InspectArgs) -> Result<(InspectArgs, TilingArgs), Failure> {
        let about = &self.part.about;
        let mut inspect = inspect.clone();
        let detector = &mut inspect.detector;
        detector.model = detector.model.taught(about);
        detector.reading = about.reading.into();
        detector.object.clone_from(&about.object);
        detector.classes.clone_from(&self.part.classes);
        if let Some(bytes) = &self.part.learner {
            detector.learner = detector.learner.taught(&self.path, bytes)?;
        }
        inspect.defects = Some(about.defects.join(","));
        Ok((inspect, TilingArgs::of(about.tile)))
    }

    /// An error of this part.
    pub fn failure(&self, problem: &str) -> Failure {
        Failure::new(format!("{}: {problem}", self.path.display()))
    }
}
