//! `eval`: evaluates a method on a whole data set.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use super::Failure;
use super::evaluated::{Outcome, page_options, write};
use super::inspection::{DEFAULT_THRESHOLD, DetectorArgs, adapter};
use super::numbers::probability;
use super::options::{BatchArg, DataArgs, DescriptionArg, RunArgs, TilingArgs};
use super::output::{progress, watch_interrupt, writable_folder};
use super::say::say;
use crate::dapo::Prompts;
use crate::data::ReadOptions;
use crate::data::samples::Split;
use crate::data::sets;
use crate::eval::run::SCHEMA;
use crate::eval::{
    EvalRun, EvaluateOptions, Evaluator, Gallery, Plan, Settings, Shard, content, evaluate, finish,
};
use crate::files::open_regular;
use crate::inspect::Renew;
use crate::inspect::picture::THUMBNAIL_SIDE;
use crate::report::results::{Model, Program};
use crate::words::{agree, plural};

/// Options of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    description: DescriptionArg,
    #[command(flatten)]
    detector: DetectorArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder of the run; an interrupted run resumes
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Evaluate only part i of n, on one of n machines; `merge` makes one run of them
    #[arg(long, value_name = "i/n", default_value = "1/1")]
    shard: Shard,
    #[command(flatten)]
    tiling: TilingArgs,
    /// Score from which an image is called defective [default: the learner's threshold, if it was calibrated, or 0.5]
    #[arg(long, value_name = "P", value_parser = probability)]
    threshold: Option<f32>,
    /// Keep the maps below RUN/maps, in the tree of the images: `score` computes exact figures of them
    #[arg(long)]
    save_maps: bool,
    #[command(flatten)]
    batch: BatchArg,
    /// Print metrics.json to standard output, in place of the table
    #[arg(long)]
    json: bool,
}

/// Evaluates what is left of the run, then writes its figures and its page.
///
/// # Errors
/// Any error that stops the whole run. Images that cannot be read are listed in the results.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let tiling = args.tiling.tiling();
    if args.batch.batch == 0 {
        return Err(Failure::usage("--batch 0: expected a whole number from 1"));
    }
    let set = sets::open_with(
        &args.data.data,
        args.data.layout.layout,
        args.description.description.as_deref(),
        Split::Test,
        &args.data.layout.good_words,
    )?
    .set;
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
    let device = &args.run.device;
    let one_class = learner.as_ref().is_some_and(|l| l.is_one_class());
    let defects = if one_class { vec!["damaged".to_owned()] } else { plan.classes.clone() };
    let prompts = Prompts::new(args.detector.object.as_deref(), &defects)?;
    let mut inspection = args.detector.open(device, prompts, learner.as_ref(), args.batch.batch)?;
    let (alarm, note) = inspection.alarm(None)?;
    if let (Some(note), None) = (note, args.threshold) {
        say!("note: {note}");
    }
    let settings = Settings {
        schema: SCHEMA.into(),
        program: Program::own(),
        data: plan.data.clone(),
        method: inspection.inspector.detector().method().into(),
        model: Model {
            weights_sha256: Some(weights_sha256(inspection.inspector.detector().clip().folder())?),
            ..inspection.model.clone()
        },
        weights: Some(args.detector.model.weights().to_owned()).filter(|weights| weights != "f32"),
        learner_sha256: learner.as_ref().map(|l| l.sha256()).transpose()?,
        object: inspection.prompts.object.clone(),
        defects,
        products: (0..plan.products.len()).map(|p| (plan.products[p].name.clone(), plan.names(p))).collect(),
        batch: inspection.inspector.batch(),
        tile: tiling.map(|tiling| (tiling.edge, tiling.overlap)),
        reading: Some(args.detector.reading.options()).filter(|options| *options != ReadOptions::default()),
        threshold: args.threshold.or(alarm.map(|a| a.threshold)).unwrap_or(DEFAULT_THRESHOLD),
        adapter: adapter(inspection.gpu().adapter()),
        shard: (args.shard.number, args.shard.of),
    };
    let mut run = EvalRun::open(&args.out, settings)?;
    content::unchanged(&args.out, &plan, run.before())?;
    // A part of a run has no page, and its photos need no pictures.
    let pictures = if args.shard.of == 1 { THUMBNAIL_SIDE } else { 0 };
    inspection.inspector = inspection.inspector.with_tiling(tiling).with_pictures(pictures);
    let evaluator = Evaluator::new(&inspection.inspector, &plan, !one_class);
    let mut renew = |lost: &_| args.detector.renew(device, learner.as_ref(), &inspection, lost);
    let mut gallery = match args.shard.of {
        1 => Some(Gallery::new(run.settings.threshold, &run.records()?)?),
        _ => None,
    };
    let maps = args.save_maps.then(|| args.out.join("maps"));
    let options = EvaluateOptions { maps: maps.as_deref(), stop: interrupted, gallery: gallery.as_mut() };
    say!("on {}", inspection.gpu().adapter().line());
    if !work(&evaluator, &mut run, options, &mut renew, plan.part(args.shard).len())? {
        say!("{} done; the same command goes on from there", plural(run.done(), "image"));
        return Ok(ExitCode::from(130));
    }
    if args.shard.of > 1 {
        say!(
            "part {} is complete in {}; when all are: dapo-wgpu merge PART... --out RUN",
            args.shard,
            args.out.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let metrics = finish::finish(&args.out, &run.settings)?;
    let outcome = Outcome { folder: &args.out, metrics: &metrics, records: &run.records()? };
    write(&outcome)?;
    if let Some(gallery) = gallery {
        let page =
            gallery.page(&evaluator, outcome.records, page_options(run.settings.threshold), &mut renew)?;
        page.write(&metrics, args.out.join("report.html"))?;
    }
    outcome.tell(args.json)
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
