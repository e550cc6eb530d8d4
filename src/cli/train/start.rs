//! From options, settings and data to a trainer.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::args::Args;
use super::data::Data;
use super::feed::{self, LabelledImage, Preparation, Read};
use super::files::RunFolder;
use super::labels::{labelled, usable};
use super::stopped::Stopped;
use crate::cli::Failure;
use crate::cli::learner::{MethodArg, read_learner};
use crate::cli::output::note;
use crate::cli::say::say;
use crate::clip::Clip;
use crate::dapo::learner::Method;
use crate::dapo::learner::checkpoint::{self, RunState};
use crate::dapo::learner::memory::Estimate;
use crate::dapo::learner::{DapoError, LearnerFile, ModelShape, Parameters, Snapshot, Trainer};
use crate::dapo::run::{BatchSampler, MaskThreshold, RunConfig};
use crate::data::samples::{self, GoodWords, Sample, Split};
use crate::data::{MaskRule, ReadOptions};
use crate::files::read_text;
use crate::inspect::preprocess;
use crate::words::plural;

/// Everything that is known before the model is opened, and the numbers to start from.
#[derive(Debug)]
pub struct Start {
    run: RunConfig,
    in_order: bool,
    images: Vec<LabelledImage>,
    digest: String,
    /// The model that the run began with; `None` until it is opened.
    model: Option<ModelShape>,
    /// Where the images are, as it was given.
    data_folder: String,
    /// Values and moments; `None` for random values.
    snapshot: Option<Snapshot>,
    /// How images are read.
    options: ReadOptions,
    /// How they were read so far.
    read: Arc<Mutex<Read>>,
}

impl Start {
    /// Reads settings, data and values.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(args: &Args, folder: &RunFolder) -> Result<Self, Failure> {
        let good = GoodWords::with(&args.data.layout.good_words);
        let list =
            || usable(samples::list_with(&args.data.data, args.data.layout.layout, Split::Test, &good)?);
        if args.resume {
            return Self::resumed(args, folder, &list()?);
        }
        let mut run = read_config(args.config.as_deref(), args.method.map(MethodArg::trained).transpose()?)?;
        override_by(args, &mut run);
        let init = args.init.as_deref().map(read_learner).transpose()?;
        let wanted = run.learner.method;
        if let Some(LearnerFile { description: Some(description), .. }) = &init {
            run.learner = description.learner.clone();
        } else if let Some(file) = &init {
            file.parameters.infer_sizes(&mut run.learner)?;
        }
        if args.method.is_some() && run.learner.method != wanted {
            let (is, wanted) = (run.learner.method.name(), wanted.name());
            return Err(Failure::new(format!("--init is a learner of {is}, and --method asks for {wanted}"))
                .hint("leave out one of them"));
        }
        run.training.mask_threshold.get_or_insert(match init {
            Some(_) => MaskThreshold::Full,
            None => MaskThreshold::Half,
        });
        check(&run, args.config.as_deref())?;
        let found = list()?;
        let images = labelled(&found, &mut run)?;
        let snapshot = init.map(|file| Snapshot { values: file.parameters, ..Snapshot::default() });
        let data = Data::new(&args.data.data, &found, &args.reading);
        folder.images(data.contents())?;
        let data_folder = args.data.data.display().to_string();
        Ok(Self {
            run,
            in_order: args.no_shuffle,
            images,
            digest: data.text(),
            model: None,
            data_folder,
            snapshot,
            options: args.reading.options(),
            read: Arc::default(),
        })
    }

    fn resumed(args: &Args, folder: &RunFolder, found: &[Sample]) -> Result<Self, Failure> {
        let given = [
            (args.config.is_some(), "--config"),
            (args.method.is_some(), "--method"),
            (args.init.is_some(), "--init"),
            (args.defects.is_some(), "--defects"),
            (args.batch.is_some(), "--batch"),
            (args.seed.is_some(), "--seed"),
            (args.no_shuffle, "--no-shuffle"),
            (args.model.image_size.is_some(), "--image-size"),
        ];
        if let Some((_, option)) = given.iter().find(|(given, _)| *given) {
            return Err(Failure::new(format!(
                "{option} and --resume: a run goes on with the settings it began with"
            ))
            .hint(format!("leave out {option}; --steps may be given to make the run longer")));
        }
        let (state, snapshot) = folder.resume()?;
        let data = Data::new(&args.data.data, found, &args.reading);
        data.check(&state, &args.data.data, folder)?;
        let mut run = state.run;
        run.training.steps = args.steps.or(run.training.steps);
        run.training.micro_batch = args.micro_batch.or(run.training.micro_batch);
        run.training.checkpoint_every = args.checkpoint_every.unwrap_or(run.training.checkpoint_every);
        check(&run, None)?;
        let images = labelled(found, &mut run)?;
        let start = Self {
            run,
            in_order: state.in_order,
            images,
            digest: data.text(),
            model: state.model,
            data_folder: state.data_folder,
            snapshot: Some(snapshot),
            options: args.reading.options(),
            read: Arc::default(),
        };
        let (total, taken) = (start.total_steps(), state.step);
        if total < taken {
            return Err(Failure::new(format!(
                "--steps {total}: the run has taken {} already",
                plural(taken, "step")
            ))
            .hint("give a larger number, or leave it out"));
        }
        Ok(start)
    }

    /// The same run from its last checkpoint, after the device was lost.
    ///
    /// # Errors
    /// A checkpoint that cannot be read.
    pub fn again(folder: &RunFolder, start: Self) -> Result<Self, Failure> {
        if !folder.has_checkpoint() {
            return Ok(start); // lost before the first one: from the beginning
        }
        let (_, snapshot) = folder.resume()?;
        Ok(Self { snapshot: Some(snapshot), ..start })
    }

    /// Opens device and model and puts the learner there.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn trainer(&mut self, args: &Args) -> Result<Trainer, Stopped> {
        let gpu = args.run.device.open()?;
        let size = args.model.image_size.or(self.run.training.image_size);
        let clip = args.model.open_for_training(&gpu, size)?;
        clip.notes().iter().for_each(|text| note(text));
        self.run.training.image_size = Some(clip.vision().image_size());
        let found = ModelShape::of(&clip);
        if let Some(model) = self.model.replace(found.clone()).filter(|model| *model != found) {
            return Err(Failure::new(format!(
                "the run began with the model '{}', and this is '{}'",
                model.name, found.name
            ))
            .hint("give the same --model as then, or begin a new run")
            .into());
        }
        let config = self.run.learner.clone().resolved(&clip).map_err(Failure::new)?;
        self.run.learner = config.clone();
        if self.snapshot.is_none() {
            let mut values = Parameters::init(&config, &clip, self.run.training.seed)?;
            if config.needs_images_to_start() {
                let first = self.order().batch(0).into_iter().map(|i| &self.images[i]).collect::<Vec<_>>();
                let batch = feed::prepare(&first, &self.preparation(&clip))?;
                values.init_from_images(&config, &clip, &batch.pixels)?;
            }
            self.snapshot = Some(Snapshot { values, ..Snapshot::default() });
        }
        let snapshot = self.snapshot.clone().unwrap_or_default();
        snapshot.values.check(&config, &clip)?;
        let micro = self.micro_batch(args, &clip)?;
        // Other portions would add up in another order, to other last bits: a resumed run keeps these.
        self.run.training.micro_batch = Some(micro);
        let names = self.run.train_names();
        Ok(Trainer::new(clip, config, &names, self.run.optimiser, &snapshot, micro)?)
    }

    /// Images that go through the model at a time: as many as the device and `--max-memory` allow.
    fn micro_batch(&self, args: &Args, clip: &Clip) -> Result<usize, Failure> {
        let gpu = clip.gpu();
        let weights = gpu.memory().live.weights;
        let estimate =
            |n: usize| weights + Estimate::new(clip, &self.run.learner, self.run.defects.len(), n).total();
        let wanted = self.run.training.batch;
        // Layer tokens lengthen a sequence by less than a half.
        let fits = (clip.vision().max_batch(gpu) * 2 / 3).max(1);
        let most = self.run.training.micro_batch.unwrap_or(wanted.min(8)).min(wanted).min(fits);
        let chosen = match args.max_memory {
            None => most,
            Some(limit) => match (1..=most).rev().find(|&n| estimate(n) <= limit) {
                Some(n) => n,
                None => {
                    return Err(Failure::new(format!(
                        "--max-memory {:.2} GB: one image at a time takes about {:.2} GB, of which {:.2} GB are weights",
                        limit as f64 / 1e9,
                        estimate(1) as f64 / 1e9,
                        weights as f64 / 1e9
                    ))
                    .hint("allow more, or take a smaller --image-size, fewer prompt_sets or --weights f16"));
                }
            },
        };
        say!(
            "about {:.2} GB of device memory: {chosen} of {} at a time",
            estimate(chosen) as f64 / 1e9,
            plural(wanted, "image")
        );
        Ok(chosen)
    }

    /// What a checkpoint says of the run.
    pub fn state(&self, step: usize) -> RunState {
        RunState {
            schema: checkpoint::SCHEMA.into(),
            step,
            run: self.run.clone(),
            in_order: self.in_order,
            data: self.digest.clone(),
            model: self.model.clone(),
            data_folder: self.data_folder.clone(),
        }
    }

    /// The learner as it is now, with its class vectors.
    ///
    /// # Errors
    /// Those of the device.
    pub fn learner(&self, trainer: &Trainer) -> Result<LearnerFile, DapoError> {
        trainer.learner_file(&self.run.test_names())
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> usize {
        self.run.steps(self.images.len())
    }

    /// The images, in the order of their paths.
    pub fn images(&self) -> Vec<LabelledImage> {
        self.images.clone()
    }

    /// Which of them each step sees.
    pub fn order(&self) -> BatchSampler {
        let seed = (!self.in_order).then_some(self.run.training.seed);
        BatchSampler::new(self.images.len(), self.run.training.batch, seed)
    }

    /// How they are prepared.
    pub fn preparation(&self, clip: &Clip) -> Preparation {
        let rule = match self.run.training.mask_threshold {
            Some(MaskThreshold::Full) => MaskRule::Full,
            _ => MaskRule::Half,
        };
        let read = Arc::clone(&self.read);
        Preparation { preprocess: preprocess(clip), rule, options: self.options, read }
    }

    /// What there is to say of how images were read so far.
    pub fn read_lines(&self) -> Vec<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).tally.lines()
    }

    /// Adam's step size.
    pub fn learning_rate(&self) -> f32 {
        self.run.optimiser.learning_rate
    }

    /// Steps between two checkpoints.
    pub fn checkpoint_every(&self) -> usize {
        self.run.training.checkpoint_every
    }

    /// The run in a line or two.
    pub fn summary(&self, trainer: &Trainer) -> String {
        let good = self.images.iter().filter(|i| i.class == 0).count();
        format!(
            "{} ({good} good) with {}: {}\n{} on {} at {} px, steps {} to {}, \
             masks: {}",
            plural(self.images.len(), "image"),
            plural(self.run.defects.len(), "defect"),
            self.run.train_names().join(", "),
            plural(trainer.parameters(), "parameter"),
            trainer.clip().config().name,
            trainer.clip().vision().image_size(),
            trainer.steps() + 1,
            self.total_steps(),
            match self.run.training.mask_threshold {
                Some(MaskThreshold::Full) => "whole pixels (full)",
                _ => "more than half a pixel (half)",
            }
        )
    }

    /// Heading of the page.
    pub fn title(&self) -> String {
        let (images, defects) =
            (plural(self.images.len(), "image"), plural(self.run.defects.len(), "defect"));
        format!("Training run: {images}, {defects}")
    }

    /// What the page says of the run.
    pub fn facts(&self, trainer: &Trainer, adapter: &str) -> Vec<(String, String)> {
        let clip = trainer.clip();
        [
            ("Model", format!("{}, {} px", clip.config().name, clip.vision().image_size())),
            ("Computed on", adapter.to_owned()),
            ("Defects", self.run.train_names().join(", ")),
            ("Images of a step", self.run.training.batch.to_string()),
            ("Step size", self.run.optimiser.learning_rate.to_string()),
            ("Seed", self.run.training.seed.to_string()),
        ]
        .map(|(term, text)| (term.to_owned(), text))
        .into_iter()
        .chain(self.read_lines().into_iter().map(|line| ("Images read".to_owned(), line)))
        .collect()
    }
}

/// Options come before settings.
fn override_by(args: &Args, run: &mut RunConfig) {
    let training = &mut run.training;
    training.batch = args.batch.unwrap_or(training.batch);
    training.steps = args.steps.or(training.steps);
    training.seed = args.seed.unwrap_or(training.seed);
    training.micro_batch = args.micro_batch.or(training.micro_batch);
    training.checkpoint_every = args.checkpoint_every.unwrap_or(training.checkpoint_every);
    if let Some(list) = &args.defects {
        run.defects = crate::dapo::run::DefectClass::from_names(list.split(','));
    }
}

fn check(run: &RunConfig, config: Option<&Path>) -> Result<(), Failure> {
    run.check().map_err(|problem| {
        let file = config.map_or(String::new(), |path| format!("{}: ", path.display()));
        Failure::new(file + &problem)
            .hint("correct it in the file of --config, or the option of the same name")
    })
}

fn read_config(path: Option<&Path>, method: Option<Method>) -> Result<RunConfig, Failure> {
    let Some(path) = path else {
        return RunConfig::from_toml("", method).map_err(Failure::new);
    };
    let text = read_text(path).map_err(|e| {
        Failure::new(format!("{}: {e}", path.display()))
            .hint("--config takes a TOML file such as configs/paper.toml")
    })?;
    RunConfig::from_toml(&text, method).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}
