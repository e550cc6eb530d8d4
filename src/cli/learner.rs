//! The `--learner` option of several commands.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Failure;
use super::options::ModelArgs;
use crate::clip::{Clip, LFS_POINTER, ModelError, name_key};
use crate::dapo::Alarm;
use crate::dapo::learner::{LearnedDetector, LearnerFile, Method};
use crate::files::read_regular;
use crate::gpu::Gpu;

/// A method by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MethodArg {
    /// A fixed prompt ensemble: no training
    Clip,
    /// Learned prompts that name no type
    Anomalyclip,
    /// Adapters against fixed phrases
    Multiads,
    /// Hybrid prompts, layer tokens, adapters
    Dapo,
}

impl MethodArg {
    /// The method, if it is one that is trained.
    ///
    /// # Errors
    /// A message for `clip`.
    pub fn trained(self) -> Result<Method, Failure> {
        match self {
            Self::Clip => Err(Failure::new("--method clip: fixed prompts need no training")
                .hint("detect uses them when no --learner is given")),
            Self::Anomalyclip => Ok(Method::AnomalyClip),
            Self::Multiads => Ok(Method::MultiAds),
            Self::Dapo => Ok(Method::Dapo),
        }
    }
}

/// A learner, if one is to be used.
#[derive(Debug, Clone, clap::Args)]
pub struct LearnerArgs {
    /// The method [default: that of the learner, or clip without one]
    #[arg(help_heading = "Model", long, value_enum)]
    method: Option<MethodArg>,
    /// Trained prompts (file from `train`, or a learner.safetensors of `import`) [default: none, fixed prompts]
    #[arg(help_heading = "Model", long, value_name = "FILE.safetensors")]
    learner: Option<PathBuf>,
    /// The learner of a part, in place of a file.
    #[arg(skip)]
    taught: Option<Learner>,
}

/// A learner that was read, with the path for messages.
#[derive(Debug, Clone)]
pub struct Learner {
    path: PathBuf,
    file: LearnerFile,
    sha256: String,
}

impl LearnerArgs {
    /// The file, if one was named.
    pub fn path(&self) -> Option<&Path> {
        self.learner.as_deref()
    }

    /// The learner in a part that lies at `path`.
    ///
    /// # Errors
    /// A message that names the file.
    pub fn taught(&self, path: &Path, bytes: &[u8]) -> Result<Self, Failure> {
        Ok(Self { method: None, learner: None, taught: Some(Learner::from_bytes(path, bytes)?) })
    }

    /// Reads it.
    ///
    /// # Errors
    /// A message that names the file.
    pub fn read(&self) -> Result<Option<Learner>, Failure> {
        if let Some(taught) = &self.taught {
            return Ok(Some(taught.clone()));
        }
        let read = |path: &PathBuf| Learner::from_bytes(path, &learner_bytes(path)?);
        let learner = self.learner.as_ref().map(read).transpose()?;
        match (self.method, &learner) {
            (None, _) | (Some(MethodArg::Clip), None) => Ok(learner),
            (Some(MethodArg::Clip), Some(_)) => {
                Err(Failure::new("--method clip and --learner: fixed prompts have no learner")
                    .hint("leave out one of them"))
            }
            (Some(method), None) => {
                let name = method.trained()?.name();
                Err(Failure::new(format!("--method {name}: no learner is given"))
                    .hint(format!("train one with `dapo-wgpu train --method {name}`, then pass --learner")))
            }
            (Some(method), Some(found)) => {
                let (wanted, is) = (method.trained()?, found.method());
                match wanted == is {
                    true => Ok(learner),
                    false => Err(Failure::new(format!(
                        "{}: a learner of {}, not of {}",
                        found.path.display(),
                        is.name(),
                        wanted.name()
                    ))
                    .hint("leave out --method, or pass another --learner")),
                }
            }
        }
    }
}

/// The bytes of a learner's file.
fn learner_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = read_regular(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    if bytes.starts_with(LFS_POINTER) {
        return Err(ModelError::LfsPointer { path: path.to_owned() }.into());
    }
    Ok(bytes)
}

/// Reads a learner's file.
///
/// # Errors
/// A message that names the file.
pub fn read_learner(path: &Path) -> Result<LearnerFile, Failure> {
    Ok(Learner::from_bytes(path, &learner_bytes(path)?)?.file)
}

impl Learner {
    /// From the bytes of a file, which `path` names in messages.
    fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, Failure> {
        let file =
            LearnerFile::from_bytes(bytes).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        let sha256 = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { path: path.to_owned(), file, sha256 })
    }

    /// Opens the model for images of the size of the learner's training, unless another is asked for.
    ///
    /// # Errors
    /// As [`ModelArgs::open`].
    pub fn open_model(&self, model: &ModelArgs, gpu: &Gpu) -> Result<Clip, Failure> {
        let trained = self.file.description.as_ref().map(|d| d.image_size);
        model.open_sized(gpu, model.image_size.or(trained))
    }

    /// The method that it was trained by; a file without description can only be one of DAPO.
    fn method(&self) -> Method {
        self.file.description.as_ref().map_or(Method::Dapo, |d| d.learner.method)
    }

    /// The threshold for alarms in its file.
    pub fn alarm(&self) -> Option<&Alarm> {
        self.file.alarm.as_ref()
    }

    /// The bytes of its file with another threshold for alarms.
    ///
    /// # Errors
    /// A learner that cannot be written.
    pub fn with_alarm(&self, alarm: Alarm) -> Result<Vec<u8>, Failure> {
        Ok(LearnerFile { alarm: Some(alarm), ..self.file.clone() }.to_bytes()?)
    }

    /// SHA-256 of its file as it was read, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        self.sha256.clone()
    }

    /// Whether it knows only good and defective, and no types.
    pub fn is_one_class(&self) -> bool {
        self.file.description.as_ref().is_some_and(|d| d.learner.one_class)
    }

    /// Names of the defects that it was made for; empty if the file does not say.
    pub fn defects(&self) -> Vec<String> {
        self.file.description.as_ref().map_or_else(Vec::new, |d| d.test_defects.clone())
    }

    /// A detector for these defects, and for this object if it is not the one of the training. The class
    /// vectors in the file are used if they are for the same object and defects.
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
        let keys = |names: &[String]| names.iter().map(|name| name_key(name)).collect::<Vec<_>>();
        let same_object = object.is_none_or(|object| name_key(object) == name_key(&config.object));
        let same = same_object && keys(defects) == keys(&self.defects());
        let known = self.file.class_vectors.as_ref().filter(|_| same);
        if let Some(object) = object {
            config.object = object.to_owned();
        }
        Ok(LearnedDetector::new(clip, config, defects, &self.file.parameters, known)?)
    }
}
