//! `train`: labelled images in, a learner out.

mod args;
mod data;
mod feed;
pub mod files;
mod labels;
mod masks;
mod start;
mod stopped;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Failure;
use super::output::{print, progress, watch_interrupt};
use crate::cli::say::say;
use crate::dapo::learner::train::StepReport;
use crate::dapo::learner::{DapoError, Snapshot, Trainer};
use crate::inspect::MAX_LOSSES;
use crate::report::TrainingPage;
use crate::words::plural;
pub use args::Args;
pub(super) use files::RunFolder;
use files::Step;
use start::Start;
use stopped::Stopped;

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
                say!("note: the device was lost ({reason}); going on from the last checkpoint on a new one");
                start = Start::again(&folder, start)?;
            }
            Err(Stopped::Lost(reason)) => {
                return Err(Failure::new(format!("the device was lost {MAX_LOSSES} times more: {reason}"))
                    .hint("the last checkpoint is kept: repair the device, then go on with --resume"));
            }
            Err(Stopped::Failed(failure)) => return Err(failure),
            Ok(code) => return Ok(code),
        }
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
    start.summary(&trainer).lines().for_each(|line| say!("{line}"));
    say!("on {adapter}");
    let first = trainer.steps();
    masks::check(&start.images(), &start.preparation(trainer.clip()))?;
    folder.journal(first)?;
    // So that a run can be resumed from its very first moment on.
    if first == 0 {
        checkpoint(folder, start, &trainer)??;
    }
    let mut batches =
        feed::batches(start.images(), start.order(), first..total, start.preparation(trainer.clip()));
    let bar = progress(total, "steps");
    bar.set_position(first as u64);
    let began = Instant::now();
    let mut stopped = false;
    for step in first..total {
        let Some(batch) = batches.next() else {
            // It waits for a file no longer than the user does.
            stopped = interrupted.load(Ordering::Relaxed);
            if stopped {
                checkpoint(folder, start, &trainer)??;
                break;
            }
            return Err(Failure::new(format!("no images for step {step}")).into());
        };
        let batch = batch?;
        let started = Instant::now();
        let StepReport { losses, gradient_norm, .. } = trainer.step(&batch)?;
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
            checkpoint(folder, start, &trainer)??;
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
    for line in start.read_lines() {
        say!("note: {line}");
    }
    if stopped && trainer.steps() < total {
        let of = plural(total, "step");
        say!("stopped after {} of {of}; go on with the same command and --resume", trainer.steps());
        return Ok(ExitCode::from(130));
    }
    let learner = start.learner(&trainer)?;
    folder.learner(&learner)?;
    let last = steps.last().map_or(f32::NAN, |s| s.total);
    let seconds = began.elapsed().as_secs_f64();
    say!(
        "{} in {seconds:.1} s, last loss {last:.4}; see {} and {}",
        plural(total - first, "step"),
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
