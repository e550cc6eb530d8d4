//! Options that several commands inspect images with: a model, a learner, names of defects, a threshold for alarms.

use std::path::{Path, PathBuf};

use super::Failure;
use super::good::{BankArgs, Good};
use super::learner::{Learner, LearnerArgs};
use super::numbers::probability;
use super::options::{BatchArg, DeviceArgs, ModelArgs, TilingArgs};
use super::output::note;
use super::part::{Taught, model_files};
use super::reading::ReadArgs;
use super::say::say;
use crate::dapo::learner::DapoError;
use crate::dapo::{Alarm, Conditions, DEFAULT_DEFECTS, Detector, Prompts};
use crate::data::Tiling;
use crate::documents::model;
use crate::files::read_regular;
use crate::gpu::Gpu;
use crate::inspect::{BoxOptions, GoodPhotos, Inspector, MAX_LOSSES};
use crate::report::results::Model;
use crate::report::{Exactly, MadeWith};
use crate::words::plural;

/// Score from which an image is called defective when no threshold was calibrated.
pub const DEFAULT_THRESHOLD: f32 = 0.5;

/// Model, learner and object.
#[derive(Debug, Clone, clap::Args)]
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
    /// Class embeddings of a part: no text is encoded.
    #[arg(skip)]
    pub classes: Option<Vec<f32>>,
}

/// What to inspect photos with, and what to look for.
#[derive(Debug, Clone, clap::Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub detector: DetectorArgs,
    /// Defects to look for, separated by commas [default: the learner's, or a general list]
    #[arg(long, value_name = "A,B,C")]
    pub defects: Option<String>,
    #[command(flatten)]
    batch: BatchArg,
}

/// When a pixel and an image are called defective.
#[derive(Debug, Clone, clap::Args)]
pub struct ThresholdArgs {
    /// Score from which an image is called defective; takes the place of a threshold that comes with a learner or a part
    /// [default: the calibrated one, or else 0.5]
    #[arg(help_heading = "Thresholds and boxes", long, value_name = "P", value_parser = probability, conflicts_with = "calibration")]
    alarm_threshold: Option<f32>,
    /// Defect probability from which a pixel belongs to a box [default: 0.5]
    #[arg(help_heading = "Thresholds and boxes", long, value_name = "P", value_parser = probability)]
    box_threshold: Option<f32>,
    /// Both thresholds at once, where neither was calibrated
    #[arg(help_heading = "Thresholds and boxes", long, value_name = "P", value_parser = probability, hide = true)]
    threshold: Option<f32>,
    /// Least area of a region that gets a box, in pixels of the photo; 0 for any [default: what 16 pixels of the model's map
    /// show: of the photo, or of a tile]
    #[arg(help_heading = "Thresholds and boxes", long, value_name = "PIXELS")]
    pub min_area: Option<u64>,
    /// Threshold that `calibrate` made [default: the learner's or the part's, if it has one]
    #[arg(help_heading = "Thresholds and boxes", long, value_name = "FILE.json")]
    calibration: Option<PathBuf>,
}

impl ThresholdArgs {
    /// Probability from which a pixel belongs to a box.
    pub fn of_boxes(&self) -> f32 {
        self.box_threshold.or(self.threshold).unwrap_or(DEFAULT_THRESHOLD)
    }

    /// Score from which an image is called defective where nothing was calibrated.
    pub fn of_images(&self) -> f32 {
        self.alarm_threshold.or(self.threshold).unwrap_or(DEFAULT_THRESHOLD)
    }

    /// Which regions have boxes.
    pub fn boxes(&self) -> BoxOptions {
        BoxOptions { threshold: self.of_boxes(), min_area: self.min_area }
    }

    /// Whether and how the threshold of images was calibrated.
    pub fn words(&self, alarm: Option<&Alarm>) -> String {
        match alarm {
            Some(alarm) => format!(
                "calibrated: at most {} % of good images reach it, by {}",
                100.0 * alarm.false_alarm_rate,
                plural(alarm.images, "good image")
            ),
            None if self.alarm_threshold.is_some() => "which was given, not calibrated".to_owned(),
            None => "which was not calibrated; see dapo-wgpu calibrate".to_owned(),
        }
    }

    /// The calibrated threshold that applies to an inspection, and why there is none where one was at hand.
    ///
    /// # Errors
    /// As [`Inspection::alarm`].
    pub fn alarm(&self, inspection: &Inspection) -> Result<(Option<Alarm>, Option<String>), Failure> {
        match self.alarm_threshold {
            Some(_) => Ok((None, None)),
            None => inspection.alarm(self.calibration.as_deref()),
        }
    }
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
    /// These options as a part was taught with, and how it cuts photos. A model in another place than then is given by
    /// `--model`.
    ///
    /// # Errors
    /// A learner in the part that cannot be read.
    pub fn taught(&self, taught: &Taught) -> Result<(Self, TilingArgs), Failure> {
        let about = &taught.part.about;
        let mut inspect = self.clone();
        let detector = &mut inspect.detector;
        detector.model = detector.model.taught(about);
        detector.reading = about.reading.into();
        detector.object.clone_from(&about.object);
        detector.classes.clone_from(&taught.part.classes);
        if let Some(bytes) = &taught.part.learner {
            detector.learner = detector.learner.taught(taught.path(), bytes)?;
        }
        inspect.defects = Some(about.defects.join(","));
        Ok((inspect, TilingArgs::of(about.tile)))
    }

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

    /// What the results of images depend on.
    ///
    /// # Errors
    /// Files of the model or the learner that cannot be read.
    pub fn made_with(
        &self,
        inspection: &Inspection,
        learner: Option<&Learner>,
        threshold: &ThresholdArgs,
        alarm_threshold: f32,
        exactly: Option<Exactly>,
    ) -> Result<MadeWith, Failure> {
        let detector = inspection.inspector.detector();
        let model_files = model_files(detector.clip().folder())?;
        Ok(MadeWith {
            method: detector.method().into(),
            model: inspection.model.clone(),
            model_files,
            weights: self.detector.model.weights().into(),
            learner_sha256: learner.map(Learner::sha256),
            object: inspection.prompts.object.clone(),
            defects: inspection.prompts.defects.clone(),
            reading: self.detector.reading.difference().trim().to_owned(),
            references: inspection.references.clone(),
            threshold: threshold.of_boxes(),
            min_area: threshold.min_area,
            alarm_threshold,
            exactly,
        })
    }

    /// Opens the model and the learner on a device.
    ///
    /// # Errors
    /// What is wrong with the model's folder, the learner, or the device.
    pub fn open(
        &self,
        device: &DeviceArgs,
        prompts: Prompts,
        learner: Option<&Learner>,
    ) -> Result<Inspection, Failure> {
        self.detector.open(device, prompts, learner, self.batch.batch)
    }
}

impl DetectorArgs {
    /// Opens the model and the learner on a device.
    ///
    /// # Errors
    /// What is wrong with the model's folder, the learner, or the device.
    pub fn open(
        &self,
        device: &DeviceArgs,
        prompts: Prompts,
        learner: Option<&Learner>,
        batch: usize,
    ) -> Result<Inspection, Failure> {
        let mut losses = 0;
        let detector = loop {
            match self.detector(device, &prompts, learner) {
                Err(failure) if failure.lost && losses < MAX_LOSSES => {
                    losses += 1;
                    say!("note: {}; opening it again", failure.message);
                }
                opened => break opened?,
            }
        };
        detector.notes().iter().for_each(|text| note(text));
        let model = model(detector.clip(), self.model.is_demonstration());
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

    /// The detector, on a device that is opened for it.
    fn detector(
        &self,
        device: &DeviceArgs,
        prompts: &Prompts,
        learner: Option<&Learner>,
    ) -> Result<Detector, Failure> {
        let gpu = device.open()?;
        match (learner, &self.classes) {
            (None, None) => Ok(Detector::new(self.model.open(&gpu)?, prompts)?),
            (None, Some(known)) => {
                Ok(Detector::with_class_embeddings(self.model.open(&gpu)?, prompts, known)?)
            }
            (Some(learner), _) => {
                let clip = learner.open_model(&self.model, &gpu)?;
                let object = self.object.as_ref().map(|_| prompts.object.as_str());
                Ok(learner.detector(clip, object, &prompts.defects)?.into())
            }
        }
    }

    /// Opens device and model again after the device was lost, for `inspection` to go on with.
    ///
    /// # Errors
    /// [`DapoError::NotRenewed`] after [`MAX_LOSSES`] times, and where the device is not there any more.
    pub fn renew(
        &self,
        device: &DeviceArgs,
        learner: Option<&Learner>,
        inspection: &Inspection,
        lost: &DapoError,
    ) -> Result<(), DapoError> {
        let mut lost = lost.to_string();
        let (before, detector) = inspection.inspector.current();
        let adapter = detector.clip().gpu().adapter().clone();
        let refuse = |lost: &str, reason: String| DapoError::NotRenewed { lost: lost.to_owned(), reason };
        for _ in before..MAX_LOSSES {
            say!("note: {lost}; opening it again, and repeating the batch");
            let opened = match self.detector(device, &inspection.prompts, learner) {
                Ok(opened) => opened,
                Err(failure) if failure.lost => {
                    lost = failure.message;
                    continue;
                }
                Err(failure) => {
                    return Err(refuse(&lost, format!("it cannot be opened again: {}", failure.message)));
                }
            };
            let found = opened.clip().gpu().adapter().line();
            if found != adapter.line() {
                let reason = format!("results of {} are not mixed with those of {found}", adapter.line());
                return Err(refuse(&lost, reason));
            }
            match opened.with_references_of(inspection.inspector.detector()) {
                Ok(opened) => drop(inspection.inspector.renew(opened)),
                Err(error) if error.device_lost() => {
                    lost = error.to_string();
                    continue;
                }
                Err(error) => return Err(error),
            }
            return Ok(());
        }
        Err(refuse(&lost, format!("that is more than {MAX_LOSSES} times")))
    }
}

impl Inspection {
    /// The device in use.
    pub fn gpu(&self) -> &Gpu {
        self.inspector.detector().clip().gpu()
    }

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

    /// Keeps a picture of each photo, no side longer than this; 0 for none.
    pub fn with_pictures(self, side: u32) -> Self {
        Self { inspector: self.inspector.with_pictures(side), ..self }
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

    /// Compares photos with the good ones of a part, whose options the inspection was opened with.
    ///
    /// # Errors
    /// Another model than the part was taught with; those of the device.
    pub fn with_part(self, taught: &Taught) -> Result<Self, Failure> {
        let about = &taught.part.about;
        let folder = self.inspector.detector().clip().folder();
        if model_files(folder)? != about.model_files {
            let (model, folder) = (&about.model.name, folder.display());
            return Err(taught
                .failure(&format!(
                    "it was taught with other files of the model {model} than those in {folder}"
                ))
                .hint("name that model's folder with --model, or teach the part again"));
        }
        let references =
            taught.part.references.open(self.inspector.detector().clip()).map_err(DapoError::from)?;
        references.notes().iter().for_each(|text| note(text));
        Ok(Self {
            inspector: self.inspector.with_references(references),
            good: about.good.clone(),
            references: about.references_digest.clone(),
            alarm: about.alarm.clone(),
            ..self
        })
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
