//! What all runs of one command share, and one run.

use super::args::Args;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use sha2::{Digest, Sha256};

use crate::cli::Failure;
use crate::cli::evaluated::{Outcome, page_options, write};
use crate::cli::good::distinct;
use crate::cli::inspection::{DEFAULT_THRESHOLD, Inspection};
use crate::cli::learner::Learner;
use crate::cli::options::DataArgs;
use crate::cli::output::{progress, watch_interrupt, writable_folder};
use crate::cli::say::say;
use crate::dapo::Prompts;
use crate::data::ReadOptions;
use crate::data::samples::Split;
use crate::data::sets::{self, DataSet};
use crate::documents::adapter;
use crate::eval::run::SCHEMA;
use crate::eval::{
    EvalRun, EvaluateOptions, Evaluator, Gallery, Plan, Settings, Shots, content, evaluate, finish,
};
use crate::files::open_regular;
use crate::inspect::Renew;
use crate::inspect::picture::THUMBNAIL_SIDE;
use crate::report::metrics::{ImageRecord, Metrics};
use crate::report::results::{Model, Program};
use crate::words::{agree, plural};

/// What all runs of one command share: the images, and what they are inspected with.
pub(super) struct Opened<'a> {
    pub(super) args: &'a Args,
    pub(super) plan: Plan,
    learner: Option<Learner>,
    inspection: Inspection,
    /// Names in the prompts.
    defects: Vec<String>,
    /// Whether the method names no types.
    one_class: bool,
    threshold: f32,
    interrupted: &'static AtomicBool,
}

/// How a run ended.
pub(super) enum Ran {
    /// At the user's wish, with this many images done.
    Stopped { done: usize },
    /// As one part of several.
    Part,
    /// With figures, which are written.
    Whole { metrics: Box<Metrics>, records: Vec<ImageRecord> },
}

impl<'a> Opened<'a> {
    pub(super) fn new(args: &'a Args) -> Result<Self, Failure> {
        let tiling = args.tiling.tiling();
        if args.batch.batch == 0 {
            return Err(Failure::usage("--batch 0: expected a whole number from 1"));
        }
        let set = open_split(args, Split::Test)?;
        for problem in set.problems.iter().filter(|p| !p.is_fatal()).take(10) {
            say!("note: {problem}");
        }
        if set.problems.len() > 10 {
            say!("note: {} more; see dapo-wgpu data inspect", plural(set.problems.len() - 10, "problem"));
        }
        let plan = Plan::of(&set);
        let learner = args.detector.learner.read()?;
        writable_folder(&args.out)?;
        let interrupted = watch_interrupt("keeping what is done; the same command goes on from there");
        let one_class = learner.as_ref().is_some_and(|l| l.is_one_class());
        let defects = if one_class { vec!["damaged".to_owned()] } else { plan.classes.clone() };
        if defects.is_empty() {
            return Err(Failure::new(format!(
                "{}: no image is defective, so there are no defects to look for",
                args.data.data.display()
            ))
            .hint(
                "dapo-wgpu data inspect lists the labels, calibrate --good DIR counts false alarms among good parts",
            ));
        }
        let prompts = Prompts::new(args.detector.object.as_deref(), &defects)?;
        let inspection = args.detector.open(&args.run.device, prompts, learner.as_ref(), args.batch.batch)?;
        // A threshold of scores by words alone says nothing of scores with good photos.
        let compares = !args.good.good.is_empty() || !args.shots.is_empty();
        args.good.check(compares)?;
        let (alarm, note) = if compares { (None, None) } else { inspection.alarm(None)? };
        if let (Some(note), None) = (note, args.alarm_threshold) {
            say!("note: {note}");
        }
        // A part of a run has no page, and its photos need no pictures.
        let pictures = if args.shard.of == 1 { THUMBNAIL_SIDE } else { 0 };
        let inspection = inspection.with_tiling(tiling).with_pictures(pictures);
        let threshold = args.alarm_threshold.or(alarm.map(|a| a.threshold)).unwrap_or(DEFAULT_THRESHOLD);
        Ok(Self { args, plan, learner, inspection, defects, one_class, threshold, interrupted })
    }

    /// The photos of --good, the same for every product.
    pub(super) fn good(&self) -> Result<Option<Shots>, Failure> {
        if self.args.good.good.is_empty() {
            return Ok(None);
        }
        let photos = self.args.good.bank.photos(&self.args.good.good)?;
        let evaluated: Vec<PathBuf> = self.plan.items.iter().map(|item| item.image.clone()).collect();
        distinct(&evaluated, &photos, "--good")?;
        Ok(Some(Shots::same(&self.plan, photos, self.args.good.bank.options())))
    }

    fn settings(&self, good: Option<&Shots>) -> Result<Settings, Failure> {
        let Self { args, plan, inspection, .. } = self;
        let detector = inspection.inspector.detector();
        let tiling = inspection.inspector.tiling();
        Ok(Settings {
            schema: SCHEMA.into(),
            program: Program::own(),
            data: plan.data.clone(),
            method: detector.method().into(),
            model: Model {
                weights_sha256: Some(weights_sha256(detector.clip().folder())?),
                ..inspection.model.clone()
            },
            weights: Some(args.detector.model.weights().to_owned()).filter(|weights| weights != "f32"),
            learner_sha256: self.learner.as_ref().map(Learner::sha256),
            object: inspection.prompts.object.clone(),
            defects: self.defects.clone(),
            products: (0..plan.products.len())
                .map(|p| (plan.products[p].name.clone(), plan.names(p)))
                .collect(),
            batch: inspection.inspector.batch(),
            tile: tiling.map(|tiling| (tiling.edge, tiling.overlap)),
            reading: Some(args.detector.reading.options()).filter(|o| *o != ReadOptions::default()),
            shots: good.map(|good| good.about.clone()),
            threshold: self.threshold,
            adapter: adapter(inspection.gpu().adapter()),
            shard: (args.shard.number, args.shard.of),
        })
    }

    /// One run in its folder, from where it was left.
    pub(super) fn evaluate(&self, folder: &Path, good: Option<&Shots>) -> Result<Ran, Failure> {
        let Self { args, plan, inspection, .. } = self;
        let mut run = EvalRun::open(folder, self.settings(good)?)?;
        content::unchanged(folder, plan, run.before())?;
        let evaluator = Evaluator::new(&inspection.inspector, plan, !self.one_class).with_shots(good);
        let learner = self.learner.as_ref();
        let mut renew = |lost: &_| args.detector.renew(&args.run.device, learner, inspection, lost);
        let mut gallery = match args.shard.of {
            1 => Some(Gallery::new(run.settings.threshold, &run.records()?)?),
            _ => None,
        };
        let maps = args.save_maps.then(|| folder.join("maps"));
        if let Some(maps) = maps.as_ref().filter(|maps| run.done() > 0 && !maps.is_dir()) {
            return Err(Failure::new(format!(
                "{}: {} of the run {} done without its maps",
                maps.display(),
                plural(run.done(), "image"),
                agree(run.done(), "was", "were")
            ))
            .hint("--save-maps keeps those of images to come: begin another run, with another --out"));
        }
        let options =
            EvaluateOptions { maps: maps.as_deref(), stop: self.interrupted, gallery: gallery.as_mut() };
        say!("on {}", inspection.gpu().adapter().line());
        if !work(&evaluator, &mut run, options, &mut renew, plan.part(args.shard).len())? {
            return Ok(Ran::Stopped { done: run.done() });
        }
        if args.shard.of > 1 {
            return Ok(Ran::Part);
        }
        let metrics = finish::finish(folder, &run.settings)?;
        let records = run.records()?;
        write(&Outcome { folder, metrics: &metrics, records: &records })?;
        if let Some(gallery) = gallery {
            let page =
                gallery.page(&evaluator, &records, page_options(run.settings.threshold), &mut renew)?;
            page.write(&metrics, folder.join("report.html"))?;
        }
        Ok(Ran::Whole { metrics: Box::new(metrics), records })
    }
}

/// A split of the data set.
pub(super) fn open_split(args: &Args, split: Split) -> Result<DataSet, Failure> {
    let DataArgs { data, layout } = &args.data;
    let description = args.description.description.as_deref();
    Ok(sets::open_with(data, layout.layout, description, split, &layout.good_words)?.set)
}

/// Runs the pipeline under a progress bar.
fn work(
    evaluator: &Evaluator<'_>,
    run: &mut EvalRun,
    options: EvaluateOptions<'_>,
    renew: &mut Renew<'_>,
    total: usize,
) -> Result<bool, Failure> {
    if run.done() > 0 {
        say!("{} of {} {} done before", run.done(), plural(total, "image"), agree(total, "was", "were"));
    }
    let bar = progress(total, "images");
    bar.set_position(run.done() as u64);
    bar.reset_eta();
    let finished = evaluate(evaluator, run, options, renew, &mut |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    Ok(finished)
}

/// SHA-256 over a model's weight files, by name: parts of a run may find the same model in different places.
fn weights_sha256(folder: &Path) -> Result<String, Failure> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| Failure::new(format!("{path}: {e}"))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        files.extend(path.extension().is_some_and(|e| e == "safetensors").then_some(path));
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        std::io::copy(&mut open_regular(&file).map_err(io(&file))?, &mut hash).map_err(io(&file))?;
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
