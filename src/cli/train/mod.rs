//! `train`: labelled images in, a learner out.

mod feed;
mod files;
mod labels;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Failure;
use super::learner::MethodArg;
use super::options::{DeviceArgs, ModelArgs, print, progress, watch_interrupt};
use super::profile::ProfileArg;
use crate::dapo::learner::train::StepReport;
use crate::dapo::learner::{DapoError, Snapshot, Trainer};
use crate::data::samples::Layout;
use crate::report::TrainingPage;
use feed::Feed;
use files::{RunFolder, Step};
use start::Start;

/// Options of `train`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of labelled images
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// How the folder is laid out: mvtec, index for an images.csv, or another of docs/datasets.md [default: detected from
    /// the files]
    #[arg(long, value_name = "NAME")]
    layout: Option<Layout>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    pub profile: ProfileArg,
    /// Folder for learner.safetensors, checkpoints, steps.jsonl and report.html
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// What to train [default: dapo, or that of --config]
    #[arg(long, value_enum)]
    method: Option<MethodArg>,
    /// Settings of the run, as in configs/ [default: those of the method, for any model]
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Values to start from instead of random ones
    #[arg(long, value_name = "FILE.safetensors")]
    init: Option<PathBuf>,
    /// Names of the defects in the order of their classes, separated by commas [default: those of the data,
    /// in the order of their names]
    #[arg(long, value_name = "A,B,C")]
    defects: Option<String>,
    /// Images of a step [default: 8]
    #[arg(long, value_name = "N", value_parser = super::options::count)]
    batch: Option<usize>,
    /// Steps [default: 5 passes over the images]
    #[arg(long, value_name = "N", value_parser = super::options::count)]
    steps: Option<usize>,
    /// Seed of the first values and of the order of the images [default: 42]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Take the images in the order of their paths instead of a seeded one
    #[arg(long)]
    no_shuffle: bool,
    /// Images that go through the model at a time; the result is the same [default: as many as fit]
    #[arg(long, value_name = "N", value_parser = super::options::count)]
    micro_batch: Option<usize>,
    /// Device memory that the run may take, such as 6GB; images go through the model in smaller portions then
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    max_memory: Option<u64>,
    /// Steps between two checkpoints [default: 50]
    #[arg(long, value_name = "N", value_parser = super::options::count)]
    checkpoint_every: Option<usize>,
    /// Go on with the run in --out, with its settings; ends in the same bits as if it had not been interrupted
    #[arg(long)]
    resume: bool,
    /// Print a JSON line for every step to standard output too
    #[arg(long)]
    json: bool,
}

/// A number of bytes: `6GB`, `512 MiB`, `1e9`.
fn memory(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "g" | "gb" => 1e9,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => 0.0,
    };
    match number.trim().parse::<f64>() {
        Ok(n) if n > 0.0 && factor > 0.0 && n * factor < 1e18 => Ok((n * factor) as u64),
        _ => Err("expected a size such as 6GB or 512MiB".into()),
    }
}

/// Devices that may be lost in a row before the run gives up.
const MAX_LOSSES: usize = 3;

/// Trains, and writes everything below `--out`.
///
/// # Errors
/// Anything wrong with the data, the settings, the model, the device or the output.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let folder = RunFolder::open(&args.out, args.resume)?;
    let mut start = Start::new(args, &folder)?;
    let interrupted = watch_interrupt("finishing this step and writing a checkpoint");
    let mut losses = 0;
    loop {
        match attempt(args, &folder, &mut start, interrupted) {
            Err(Stopped::Lost(reason)) if losses < MAX_LOSSES => {
                losses += 1;
                eprintln!(
                    "note: the device was lost ({reason}); going on from the last checkpoint on a new one"
                );
                start = Start::again(&folder, start)?;
            }
            Err(Stopped::Lost(reason)) => {
                return Err(Failure::new(format!("the device was lost {MAX_LOSSES} times more: {reason}"))
                    .hint("the last checkpoint is kept: mend the device, then go on with --resume"));
            }
            Err(Stopped::Failed(failure)) => return Err(failure),
            Ok(code) => return Ok(code),
        }
    }
}

/// Why an attempt ended early.
enum Stopped {
    Lost(String),
    Failed(Failure),
}

impl Stopped {
    fn of(error: DapoError) -> Self {
        match error.device_lost() {
            true => Self::Lost(error.to_string()),
            false => Self::Failed(error.into()),
        }
    }
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Trains on one device until the end, an interruption or a failure.
fn attempt(
    args: &Args,
    folder: &RunFolder,
    start: &mut Start,
    interrupted: &std::sync::atomic::AtomicBool,
) -> Result<ExitCode, Stopped> {
    let mut trainer = start.trainer(args)?;
    let (adapter, total) = (trainer.clip().gpu().adapter().line(), start.total_steps());
    eprintln!("{}\non {adapter}", start.summary(&trainer));
    let first = trainer.steps();
    folder.journal(first)?;
    // So that a run can be resumed from its very first moment on.
    if first == 0 {
        checkpoint(folder, start, &trainer).map_err(Stopped::of)??;
    }
    let mut feed = Feed::new(start.images(), start.order(), first..total, start.preparation(trainer.clip()));
    let bar = progress(total, "steps");
    bar.set_position(first as u64);
    let began = Instant::now();
    let mut stopped = false;
    for step in first..total {
        let batch = feed.next(step)?;
        let started = Instant::now();
        let StepReport { losses, gradient_norm, .. } = trainer.step(&batch).map_err(Stopped::of)?;
        let line = Step {
            step,
            image_loss: losses.image,
            local_loss: losses.local,
            total: losses.total(),
            learning_rate: start.learning_rate(),
            gradient_norm,
            seconds: started.elapsed().as_secs_f64(),
        };
        let text = folder.record(&line)?;
        if args.json {
            print(&text)?;
        }
        bar.set_position(step as u64 + 1);
        bar.set_message(format!("loss {:.4}", line.total));
        stopped = interrupted.load(Ordering::Relaxed);
        if stopped || (step + 1) % start.checkpoint_every() == 0 || step + 1 == total {
            checkpoint(folder, start, &trainer).map_err(Stopped::of)??;
        }
        if stopped {
            break;
        }
    }
    bar.finish_and_clear();
    let steps = folder.steps()?;
    let page = TrainingPage {
        title: start.title(),
        facts: start.facts(&trainer, &adapter),
        steps: steps.iter().map(|s| [f64::from(s.image_loss), f64::from(s.local_loss)]).collect(),
    };
    folder.page(&page)?;
    if stopped && trainer.steps() < total {
        eprintln!(
            "stopped after {} of {total} steps; go on with the same command and --resume",
            trainer.steps()
        );
        return Ok(ExitCode::from(130));
    }
    let learner = start.learner(&trainer).map_err(Stopped::of)?;
    folder.learner(&learner)?;
    let last = steps.last().map_or(f32::NAN, |s| s.total);
    let seconds = began.elapsed().as_secs_f64();
    eprintln!(
        "{} steps in {seconds:.1} s, last loss {last:.4}; see {} and {}",
        total - first,
        folder.learner_path().display(),
        folder.page_path().display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Saves the run as it is. The outer error is the device's.
fn checkpoint(
    folder: &RunFolder,
    start: &Start,
    trainer: &Trainer,
) -> Result<Result<(), Failure>, DapoError> {
    let snapshot: Snapshot = trainer.snapshot()?;
    Ok(folder.checkpoint(&start.state(snapshot.step), &snapshot))
}

#[cfg(test)]
mod tests {
    use super::memory;

    #[test]
    fn sizes_are_read_in_the_usual_ways() {
        assert_eq!(memory("6GB"), Ok(6_000_000_000));
        assert_eq!(memory("512 MiB"), Ok(512 << 20));
        assert_eq!(memory("1.5gib"), Ok(3 << 29));
        assert!(memory("much").is_err() && memory("-1GB").is_err() && memory("3XB").is_err());
    }
}
