//! `eval`: a method on a whole data set, and everything that is to be known of it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use super::Failure;
use super::evaluated::{Outcome, report, write};
use super::look::{DEFAULT_THRESHOLD, Look, LookArgs, adapter, check_threshold};
use super::options::{DeviceArgs, count, preprocess, progress, watch_interrupt, writable_folder};
use super::profile::ProfileArg;
use crate::dapo::{Prompts, Tiling};
use crate::data::samples::{Layout, Split};
use crate::data::sets::DataSet;
use crate::eval::run::SCHEMA;
use crate::eval::work::How;
use crate::eval::{EvalRun, Plan, Settings, Shard, evaluate, finish};
use crate::report::results::{Model, Program};

/// Options of `eval`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Data set: a folder in any of the layouts of docs/datasets.md
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Its layout [default: detected from the files]
    #[arg(long, value_name = "NAME")]
    layout: Option<Layout>,
    /// Classes of the defects: a TOML file, or the name of a built-in one such as mvtec [default: the built-in one of
    /// exactly these products, or else the labels in words]
    #[arg(long, value_name = "FILE.toml")]
    description: Option<PathBuf>,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    pub profile: ProfileArg,
    /// Folder of the run: a run that was stopped goes on where it was
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Evaluate only part i of n, on one of n machines; `merge` makes one run of them
    #[arg(long, value_name = "i/n", default_value = "1/1")]
    shard: Shard,
    /// Cut images that are larger into overlapping tiles of this many pixels, for small defects in large images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..))]
    tile: Option<u32>,
    /// Share of a tile that it has in common with the next
    #[arg(long, value_name = "P", default_value_t = 0.25, requires = "tile")]
    overlap: f32,
    /// Score from which an image is called defective [default: the learner's threshold, if it was calibrated, or 0.5]
    #[arg(long, value_name = "P")]
    threshold: Option<f32>,
    /// Keep the maps below RUN/maps, in the tree of the images: `score` computes exact figures of them
    #[arg(long)]
    save_maps: bool,
    /// Images in one batch
    #[arg(long, value_name = "N", default_value = "8", value_parser = count)]
    batch: usize,
    /// Print metrics.json to standard output, in place of the table
    #[arg(long)]
    json: bool,
}

/// Evaluates what is left of the run, then writes its figures and its page.
///
/// # Errors
/// Whatever keeps the run as a whole from going on. Images that cannot be read are listed in the results.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if !(0.0..=0.9).contains(&args.overlap) {
        return Err(Failure::new(format!("--overlap {}: expected a share from 0 to 0.9", args.overlap)));
    }
    args.threshold.map_or(Ok(()), check_threshold)?;
    let set = DataSet::open(&args.data, args.layout, args.description.as_deref(), Split::Test)?;
    for problem in set.problems.iter().filter(|p| !p.is_fatal()).take(10) {
        eprintln!("note: {problem}");
    }
    if set.problems.len() > 10 {
        eprintln!("note: {} more such things; see dapo-wgpu data inspect", set.problems.len() - 10);
    }
    let plan = Plan::of(&set);
    let learner = args.look.learner.read()?;
    writable_folder(&args.out)?;
    let interrupted = watch_interrupt("keeping what is done; the same command goes on from there");
    let gpu = args.device.open()?;
    let one_class = learner.as_ref().is_some_and(|l| l.is_one_class());
    let defects = if one_class { vec!["damaged".to_owned()] } else { plan.classes.clone() };
    let prompts = Prompts::new(args.look.object.as_deref(), &defects)?;
    let look = args.look.open(&gpu, prompts, learner.as_ref())?;
    let (alarm, note) = look.alarm(None)?;
    if let (Some(note), None) = (note, args.threshold) {
        eprintln!("note: {note}");
    }
    let settings = Settings {
        schema: SCHEMA.into(),
        program: Program { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() },
        data: plan.data.clone(),
        method: look.looker.method().into(),
        model: Model {
            weights_sha256: Some(weights_sha256(look.looker.clip().folder())?),
            ..look.model.clone()
        },
        learner_sha256: learner.as_ref().map(|l| l.sha256()).transpose()?,
        object: look.prompts.object.clone(),
        defects,
        products: (0..plan.products.len()).map(|p| (plan.products[p].name.clone(), plan.names(p))).collect(),
        batch: args.batch.min(look.looker.max_batch()),
        tile: args.tile.map(|edge| (edge, args.overlap)),
        threshold: args.threshold.or(alarm.map(|a| a.threshold)).unwrap_or(DEFAULT_THRESHOLD),
        adapter: adapter(gpu.adapter()),
        shard: (args.shard.number, args.shard.of),
    };
    let mut run = EvalRun::open(&args.out, settings)?;
    let maps = args.save_maps.then(|| args.out.join("maps"));
    let how = How {
        preprocess: preprocess(look.looker.clip()),
        tiling: args.tile.map(|edge| Tiling { edge, overlap: args.overlap }),
        types: !one_class,
        maps: maps.as_deref(),
        stop: interrupted,
    };
    eprintln!("on {}", gpu.adapter().line());
    if !work(&look, &plan, &mut run, &how, args.shard)? {
        eprintln!("{} images are done; the same command goes on from there", run.done());
        return Ok(ExitCode::from(130));
    }
    if args.shard.of > 1 {
        eprintln!(
            "part {} is complete in {}; when all are: dapo-wgpu merge PART... --out RUN",
            args.shard,
            args.out.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let metrics = finish::finish(&args.out, &run.settings)?;
    let outcome = Outcome { folder: &args.out, metrics: &metrics, records: &run.records()? };
    write(&outcome)?;
    report(&outcome, Some((&look, &plan)), run.settings.threshold)?;
    outcome.tell(args.json)
}

/// Runs the pipeline under a progress bar.
fn work(look: &Look, plan: &Plan, run: &mut EvalRun, how: &How<'_>, shard: Shard) -> Result<bool, Failure> {
    let total = plan.part(shard).len();
    if run.done() > 0 {
        eprintln!("{} of {total} images were done before", run.done());
    }
    let bar = progress(total, "images");
    bar.set_position(run.done() as u64);
    bar.reset_eta();
    let finished = evaluate(&look.looker, plan, run, how, &mut |done| bar.set_position(done as u64))?;
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
        std::io::copy(&mut std::fs::File::open(&file).map_err(io(&file))?, &mut hash).map_err(io(&file))?;
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
