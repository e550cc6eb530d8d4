//! The `--learner` option of several verbs.

use std::fs;
use std::path::{Path, PathBuf};

use super::Failure;
use super::options::ModelArgs;
use crate::clip::Clip;
use crate::dapo::learner::{LearnedDetector, LearnerFile};
use crate::gpu::Gpu;

/// A learner, if one is to be used.
#[derive(Debug, clap::Args)]
pub struct LearnerArgs {
    /// Learner that `train` made, or a learner.safetensors of `import` [default: none, fixed prompts]
    #[arg(long, value_name = "FILE.safetensors")]
    learner: Option<PathBuf>,
}

/// A learner that was read, with the path for messages.
#[derive(Debug)]
pub struct Learner {
    path: PathBuf,
    file: LearnerFile,
}

impl LearnerArgs {
    /// Reads it.
    ///
    /// # Errors
    /// A message that names the file.
    pub fn read(&self) -> Result<Option<Learner>, Failure> {
        let read = |path: &PathBuf| Ok(Learner { path: path.clone(), file: read_learner(path)? });
        self.learner.as_ref().map(read).transpose()
    }
}

/// Reads a learner's file.
///
/// # Errors
/// A message that names the file.
pub fn read_learner(path: &Path) -> Result<LearnerFile, Failure> {
    let bytes = fs::read(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    LearnerFile::from_bytes(&bytes).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

impl Learner {
    /// Opens the model for images of the size of the learner's training, unless another is asked for.
    ///
    /// # Errors
    /// As [`ModelArgs::open`].
    pub fn open_model(&self, model: &ModelArgs, gpu: &Gpu) -> Result<Clip, Failure> {
        let trained = self.file.description.as_ref().map(|d| d.image_size);
        model.open_sized(gpu, model.image_size.or(trained))
    }

    /// Names of the defects that it was made for; empty if the file does not say.
    pub fn defects(&self) -> Vec<String> {
        self.file.description.as_ref().map_or_else(Vec::new, |d| d.test_defects.clone())
    }

    /// A detector for these defects, and for this object if it is not the one of the training. The class
    /// vectors in the file are used if they are for the same words.
    ///
    /// # Errors
    /// A learner that does not fit the model; those of the device.
    pub fn detector(
        &self,
        clip: Clip,
        object: Option<&str>,
        defects: &[String],
    ) -> Result<LearnedDetector, Failure> {
        let named = |e: &dyn std::fmt::Display| Failure::new(format!("{}: {e}", self.path.display()));
        let mut config = self.file.config(&clip).map_err(|e| named(&e))?;
        let same_object = object.is_none_or(|object| object == config.object);
        let known = self.file.class_vectors.as_ref().filter(|_| same_object && defects == self.defects());
        if let Some(object) = object {
            config.object = object.to_owned();
        }
        Ok(LearnedDetector::new(clip, config, defects, &self.file.parameters, known)?)
    }
}
