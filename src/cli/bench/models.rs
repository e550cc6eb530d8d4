//! Whole models and pipelines for `bench`: which model, and the work to be timed.

use std::path::PathBuf;

use clap::{ArgGroup, ValueEnum};
use tempfile::TempDir;

use crate::cli::Failure;
use crate::cli::hub::model_folder;
use crate::cli::numbers::count;
use crate::cli::options::{PrecisionArg, Weights};
use crate::clip::{Architecture, Clip, ClipOptions};
use crate::dapo::{DEFAULT_DEFECTS, Detector, Prompts};
use crate::data::{ImageEntry, ReadOptions};
use crate::gpu::Gpu;
use crate::inspect::picture::{Findings, PICTURE_SIDE};
use crate::inspect::{Inspector, image_features};
use crate::lab::bench::Kind;
use crate::lab::bench::jobs::{self, Job};
use crate::synth::{OBJECTS, SampleSpec, render};

/// Edge of the photos that pipelines read.
const PHOTO_SIDE: usize = 512;
/// Seed of random weights.
const SEED: u64 = 1;
/// Probability from which pixels belong to a box, as in `detect`.
const THRESHOLD: f32 = 0.5;

/// A part of a model that can be timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Forward of the vision tower, pixels on the device beforehand
    Vision,
    /// Forward of the text tower
    Text,
    /// From image files to features on the host
    Embed,
    /// From image files to scores, maps, boxes and overlays
    Detect,
}

/// Which model to time, and how.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("network").args(["model", "arch"]))]
pub struct NetworkArgs {
    /// Time the model in this folder, in Hugging Face or open_clip layout
    #[arg(long, value_name = "DIR", value_parser = model_folder)]
    model: Option<PathBuf>,
    /// Time an architecture with random weights: vit-b-32, vit-b-16, vit-l-14, vit-l-14-336, dapo-nano
    #[arg(long, value_name = "NAME")]
    arch: Option<String>,
    /// Time only this part of the model; once for each part
    #[arg(long = "part", value_enum, value_name = "PART", requires = "network")]
    parts: Vec<Part>,
    /// Edge of the model's square view of an image in pixels; must divide by the patch size [default: the model's own]
    #[arg(long, value_name = "N", requires = "network", value_parser = count)]
    image_size: Option<usize>,
    /// How weights are stored on the device
    #[arg(long, value_enum, default_value = "f32", requires = "network")]
    weights: Weights,
    #[command(flatten)]
    precision: PrecisionArg,
    /// Images in one batch [default: 1]
    #[arg(long, value_name = "N", requires = "network", value_parser = count)]
    batch: Option<usize>,
    /// Texts in one batch [default: 8]
    #[arg(long, value_name = "N", requires = "network", value_parser = count)]
    texts: Option<usize>,
    /// Image files that a pipeline reads in one run [default: two batches]
    #[arg(long, value_name = "N", requires = "network", value_parser = count)]
    images: Option<usize>,
}

/// A model on the device, and photos for its pipelines.
pub struct Network {
    /// The model, with class vectors where `detect` is to be timed.
    model: Model,
    prompts: Prompts,
    parts: Vec<Part>,
    batch: usize,
    texts: usize,
    photos: Vec<ImageEntry>,
    /// Photos, and the overlays that are drawn of them; removed in the end.
    folder: TempDir,
}

enum Model {
    Plain(Box<Clip>),
    Detecting(Box<Inspector>),
}

impl NetworkArgs {
    /// Whether any model was asked for.
    pub fn wanted(&self) -> bool {
        self.model.is_some() || self.arch.is_some()
    }

    /// Loads the model that was asked for, if any, and draws photos for it.
    ///
    /// # Errors
    /// What is wrong with the folder, the name, the size or the device.
    pub fn open(&self, gpu: &Gpu) -> Result<Option<Network>, Failure> {
        let options = ClipOptions {
            image_size: self.image_size,
            storage: self.weights.storage(),
            training: false,
            factors: self.precision.factors(),
        };
        let clip = match (&self.model, &self.arch) {
            (Some(folder), _) => Clip::open(gpu, folder, options)?,
            (None, Some(name)) => Clip::random(gpu, Architecture::find(name)?.config(), SEED, options)?,
            (None, None) => return Ok(None),
        };
        let parts = if self.parts.is_empty() { Part::value_variants() } else { &self.parts }.to_vec();
        let prompts = Prompts::new(None, &DEFAULT_DEFECTS)?;
        let batch = self.batch.unwrap_or(1);
        let model = match parts.contains(&Part::Detect) {
            true => {
                let detector = Detector::new(clip, &prompts)?;
                let inspector = Inspector::new(detector).with_batch(batch).with_pictures(PICTURE_SIDE);
                Model::Detecting(Box::new(inspector))
            }
            false => Model::Plain(Box::new(clip)),
        };
        let limit = match &model {
            Model::Plain(clip) => clip.vision().max_batch(gpu),
            Model::Detecting(inspector) => inspector.detector().max_batch(),
        };
        jobs::fits(batch, limit, "images")?;
        let count = match parts.iter().any(|part| matches!(part, Part::Embed | Part::Detect)) {
            true => self.images.unwrap_or(2 * batch),
            false => 0,
        };
        let folder = TempDir::with_prefix("dapo-wgpu-bench")
            .map_err(|e| Failure::new(format!("cannot make a temporary folder: {e}; set TMPDIR")))?;
        let photos = (0..count).map(|number| photo(&folder, number)).collect::<Result<_, _>>()?;
        let texts = self.texts.unwrap_or(8);
        Ok(Some(Network { model, prompts, parts, batch, texts, photos, folder }))
    }
}

/// Draws photo `number` of any object with a defect, and saves it as PNG.
fn photo(folder: &TempDir, number: usize) -> Result<ImageEntry, Failure> {
    let object = &OBJECTS[number % OBJECTS.len()];
    let defect = object.defects().get(number % object.defects().len().max(1)).copied();
    let sample = render(&SampleSpec { object, defect, size: PHOTO_SIDE, seed: number as u64, product: None });
    let stem = format!("photo{number}");
    let path = folder.path().join(format!("{stem}.png"));
    sample.image.save(&path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    Ok(ImageEntry { path, stem })
}

impl Network {
    fn clip(&self) -> &Clip {
        match &self.model {
            Model::Plain(clip) => clip,
            Model::Detecting(inspector) => inspector.detector().clip(),
        }
    }

    /// The work to be timed.
    ///
    /// # Errors
    /// Batches that do not fit the device.
    pub fn jobs(&self) -> Result<Vec<Job<'_, Failure>>, Failure> {
        self.parts.iter().map(|part| self.job(*part)).collect()
    }

    fn job(&self, part: Part) -> Result<Job<'_, Failure>, Failure> {
        match (part, &self.model) {
            (Part::Vision, _) => Ok(jobs::vision(self.clip(), self.batch)?),
            (Part::Text, _) => Ok(jobs::text(self.clip(), self.texts)?),
            (Part::Detect, Model::Detecting(inspector)) => {
                Ok(self.pipeline("detect", Box::new(|| self.detect(inspector))))
            }
            _ => Ok(self.pipeline("embed", Box::new(|| self.embed()))),
        }
    }

    /// From files to features on the host.
    fn embed(&self) -> Result<(), Failure> {
        let clip = self.clip();
        let encode = |pixels: &[f32]| Ok(clip.encode_images(pixels)?);
        for inspected in image_features(clip, self.photos.clone(), ReadOptions::default(), self.batch, encode)
        {
            inspected?.outcome?;
        }
        Ok(())
    }

    fn pipeline<'a>(
        &'a self,
        name: &'static str,
        run: Box<dyn FnMut() -> Result<(), Failure> + 'a>,
    ) -> Job<'a, Failure> {
        let (clip, batch, count) = (self.clip(), self.batch, self.photos.len());
        let size = clip.vision().image_size();
        Job {
            kind: Kind::Pipeline,
            name,
            case: format!("{name} {} image={size} batch={batch} files={count}", clip.config().name),
            variant: jobs::variant_name(clip),
            items: count,
            unit: "images",
            run,
        }
    }

    /// What `detect` does for each image: read, detect, find boxes, draw and save the overlay.
    fn detect(&self, inspector: &Inspector) -> Result<(), Failure> {
        for inspected in inspector.inspect(self.photos.clone()) {
            let inspected = inspected?;
            let (photo, detection) = inspected.outcome?;
            let findings = Findings::new(&photo, &detection, &self.prompts.defects, THRESHOLD.into())?;
            findings.save_overlay(self.folder.path(), &inspected.job.stem)?;
        }
        Ok(())
    }
}
