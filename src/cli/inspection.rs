//! Options that several commands inspect images with: a model, a learner, names of defects, a threshold for alarms.

use std::path::{Path, PathBuf};

use super::Failure;
use super::good::{BankArgs, Good};
use super::learner::{Learner, LearnerArgs};
use super::options::{BatchArg, ModelArgs};
use super::output::note;
use super::reading::ReadArgs;
use crate::clip::{Clip, embedded};
use crate::dapo::{Alarm, Conditions, DEFAULT_DEFECTS, Detector, Prompts};
use crate::data::Tiling;
use crate::files::read_regular;
use crate::gpu::{AdapterSummary, Gpu};
use crate::inspect::{GoodPhotos, Inspector};
use crate::report::results::{Adapter, Model};

/// Score from which an image is called defective when no threshold was calibrated.
pub const DEFAULT_THRESHOLD: f32 = 0.5;

/// Model, learner and object.
#[derive(Debug, clap::Args)]
pub struct DetectorArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub learner: LearnerArgs,
    #[command(flatten)]
    pub reading: ReadArgs,
    /// What is in the pictures, as in "a photo of a NAME" [default: object]
    #[arg(long, value_name = "NAME")]
    pub object: Option<String>,
}

/// What to inspect photos with, and what to look for.
#[derive(Debug, clap::Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub detector: DetectorArgs,
    /// Defects to look for, separated by commas [default: the learner's, or a general list]
    #[arg(long, value_name = "A,B,C")]
    defects: Option<String>,
    #[command(flatten)]
    batch: BatchArg,
}

/// When a pixel and an image are called defective.
#[derive(Debug, clap::Args)]
pub struct ThresholdArgs {
    /// Defect probability from which a pixel belongs to a box, and a score from which an image is called defective
    /// if no threshold was calibrated
    #[arg(long, value_name = "P", default_value_t = DEFAULT_THRESHOLD)]
    pub threshold: f32,
    /// Threshold that `calibrate` made [default: the learner's, if it has one]
    #[arg(long, value_name = "FILE.json")]
    pub calibration: Option<PathBuf>,
}

/// An opened inspector, and what is known of it.
#[derive(Debug)]
pub struct Inspection {
    /// Photos to detections.
    pub inspector: Inspector,
    /// The object and the names of the defects.
    pub prompts: Prompts,
    /// About the model.
    pub model: Model,
    /// The threshold in the learner's file, if there is one.
    pub alarm: Option<Alarm>,
    /// The photos of good parts that others are compared with.
    pub good: GoodPhotos,
    /// Options of how photos are read that change pixels.
    reading: String,
    /// A digest of the good photos; empty without them.
    references: String,
}

impl InspectArgs {
    /// What to look for: the names given, the learner's, or a general list.
    ///
    /// # Errors
    /// Invalid names.
    pub fn prompts(&self, learner: Option<&Learner>) -> Result<Prompts, Failure> {
        let object = self.detector.object.as_deref();
        let learned = learner.map(Learner::defects).unwrap_or_default();
        Ok(match &self.defects {
            Some(list) => Prompts::new(object, &list.split(',').collect::<Vec<_>>())?,
            None if !learned.is_empty() => Prompts::new(object, &learned)?,
            None => Prompts::new(object, &DEFAULT_DEFECTS)?,
        })
    }

    /// Opens the model and the learner on a device.
    ///
    /// # Errors
    /// What is wrong with the model's folder, the learner, or the device.
    pub fn open(
        &self,
        gpu: &Gpu,
        prompts: Prompts,
        learner: Option<&Learner>,
    ) -> Result<Inspection, Failure> {
        self.detector.open(gpu, prompts, learner, self.batch.batch)
    }
}

impl DetectorArgs {
    /// Opens the model and the learner on a device.
    ///
    /// # Errors
    /// What is wrong with the model's folder, the learner, or the device.
    pub fn open(
        &self,
        gpu: &Gpu,
        prompts: Prompts,
        learner: Option<&Learner>,
        batch: usize,
    ) -> Result<Inspection, Failure> {
        let detector: Detector = match learner {
            None => Detector::new(self.model.open(gpu)?, &prompts)?,
            Some(learner) => {
                let clip = learner.open_model(&self.model, gpu)?;
                let object = self.object.as_ref().map(|_| prompts.object.as_str());
                learner.detector(clip, object, &prompts.defects)?.into()
            }
        };
        detector.notes().iter().for_each(|text| note(text));
        let model = self.about(detector.clip());
        let inspector = Inspector::new(detector).with_batch(batch).with_options(self.reading.options());
        Ok(Inspection {
            inspector,
            prompts,
            model,
            good: GoodPhotos::default(),
            references: String::new(),
            reading: self.reading.words(),
            alarm: learner.and_then(|l| l.alarm().cloned()),
        })
    }

    fn about(&self, clip: &Clip) -> Model {
        let demonstration = self.model.is_demonstration();
        Model {
            name: if demonstration { embedded::NAME.to_owned() } else { clip.config().name.clone() },
            path: if demonstration { String::new() } else { clip.folder().display().to_string() },
            image_size: clip.vision().image_size() as u32,
            patch_size: clip.config().vision.patch_size as u32,
            embed_dim: clip.config().embed_dim as u32,
            precision: clip.factors().name().into(),
            demonstration,
            weights_sha256: None,
        }
    }
}

impl Inspection {
    /// What the scores depend on.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            method: self.inspector.detector().method().to_owned(),
            model: self.model.name.clone(),
            image_size: self.model.image_size as usize,
            object: self.prompts.object.clone(),
            defects: self.prompts.defects.clone(),
            reading: self.reading.clone(),
            references: self.references.clone(),
        }
    }

    /// Cuts large photos into tiles.
    pub fn with_tiling(self, tiling: Option<Tiling>) -> Self {
        Self { inspector: self.inspector.with_tiling(tiling), ..self }
    }

    /// Compares photos with those of good parts below these paths, too; nothing changes without paths.
    ///
    /// # Errors
    /// As [`BankArgs::learn`].
    pub fn with_good(self, bank: &BankArgs, paths: &[PathBuf]) -> Result<Self, Failure> {
        if paths.is_empty() {
            return Ok(self);
        }
        let Good { inspector, photos, digest } = bank.learn(self.inspector, paths)?;
        Ok(Self { inspector, good: photos, references: digest, ..self })
    }

    /// The threshold that applies: that of a file of `calibrate`, else that of the learner. One that was made under
    /// other conditions is an error if it was asked for, and else not used, with the reason as a note.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit.
    pub fn alarm(&self, file: Option<&Path>) -> Result<(Option<Alarm>, Option<String>), Failure> {
        let here = self.conditions();
        if let Some(path) = file {
            let alarm = read_alarm(path)?;
            return match here.difference(&alarm.conditions) {
                None => Ok((Some(alarm), None)),
                Some(difference) => Err(Failure::new(format!("{}: {difference}", path.display()))
                    .hint("repeat the options that it was made with, or run dapo-wgpu calibrate again")),
            };
        }
        Ok(match &self.alarm {
            None => (None, None),
            Some(alarm) => match here.difference(&alarm.conditions) {
                None => (Some(alarm.clone()), None),
                Some(difference) => {
                    (None, Some(format!("the learner's threshold for alarms is not used: {difference}")))
                }
            },
        })
    }
}

fn read_alarm(path: &Path) -> Result<Alarm, Failure> {
    let wrong = |problem: String| Failure::new(format!("{}: {problem}", path.display()));
    let text = read_regular(path).map_err(|e| wrong(e.to_string()))?;
    Alarm::from_json(&text).map_err(wrong)
}

/// Checks a `--threshold`.
///
/// # Errors
/// A message for anything but a probability.
pub fn check_threshold(threshold: f32) -> Result<(), Failure> {
    match (0.0..=1.0).contains(&threshold) {
        true => Ok(()),
        false => Err(Failure::new(format!("--threshold {threshold}: expected a probability from 0 to 1"))),
    }
}

/// The device as results name it.
pub fn adapter(summary: &AdapterSummary) -> Adapter {
    Adapter {
        name: summary.name.clone(),
        backend: summary.backend.clone(),
        kind: summary.kind.clone(),
        driver: format!("{} {}", summary.driver, summary.driver_info).trim().to_owned(),
        software: summary.software,
    }
}
