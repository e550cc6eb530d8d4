//! `calibrate`: a threshold for alarms from images that are known to be good.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use super::Failure;
use super::detect::detect_batch;
use super::look::LookArgs;
use super::options::{DeviceArgs, preprocess, print, progress, watch_interrupt};
use crate::dapo::Alarm;
use crate::data::{collect, load_batches};
use crate::report::{AtomicFile, write_atomic};

/// Options of `calibrate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images of good parts, or folders of them
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    good: Vec<PathBuf>,
    /// Wanted share of good images that raise an alarm
    #[arg(long, value_name = "R", default_value_t = 0.01)]
    false_alarms: f64,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Defects to look for, separated by commas, as `detect` will [default: the learner's, or a general list]
    #[arg(long, value_name = "A,B,C")]
    defects: Option<String>,
    /// Where to write the threshold [default: into the learner's own file]
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Print the threshold as JSON
    #[arg(long)]
    json: bool,
    /// Images in one batch
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch: usize,
}

/// Scores the good images, and stores the threshold.
///
/// # Errors
/// Too few images for the rate, unreadable ones, whatever keeps the model from running, an unwritable file.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let learner = args.look.learner.read()?;
    let out = match (&args.out, args.look.learner.path()) {
        (Some(out), _) => out.as_path(),
        (None, Some(path)) => path,
        (None, None) => {
            return Err(Failure::new("there is no learner to store the threshold in").hint(
                "name a file with --out FILE.json, and pass it to detect or watch with --calibration",
            ));
        }
    };
    drop(AtomicFile::create(out)?);
    let prompts = args.look.prompts(args.defects.as_deref(), learner.as_ref())?;
    let entries = collect(&args.good)?;
    let interrupted = watch_interrupt("nothing is stored");
    let gpu = args.device.open()?;
    let look = args.look.open(&gpu, prompts, learner.as_ref())?;
    // Before hours of work, not after: whether there are enough images.
    Alarm::calibrate(&vec![0.0; entries.len()], args.false_alarms, look.conditions())?;
    let bar = progress(entries.len(), "images");
    let batch = args.batch.clamp(1, look.looker.max_batch());
    let mut scores = Vec::with_capacity(entries.len());
    for loaded in load_batches(entries, batch, preprocess(look.looker.clip()), 2, 0) {
        // A bad file must not make the threshold one of fewer images in silence.
        if let Some(error) = loaded.iter().find_map(|item| item.result.as_ref().err()) {
            return Err(
                Failure::new(error.to_string()).hint("mend or remove this file, then calibrate again")
            );
        }
        scores.extend(detect_batch(&look.looker, &loaded)?.iter().map(|found| found.score));
        bar.inc(loaded.len() as u64);
        if interrupted.load(Ordering::Relaxed) {
            return Ok(ExitCode::from(130));
        }
    }
    bar.finish_and_clear();
    let alarm = Alarm::calibrate(&scores, args.false_alarms, look.conditions())?;
    let mut text = serde_json::to_string_pretty(&alarm).map_err(|e| Failure::new(e.to_string()))?;
    text.push('\n');
    match (&args.out, &learner) {
        (None, Some(learner)) => write_atomic(out, &learner.with_alarm(alarm.clone())?)?,
        _ => write_atomic(out, text.as_bytes())?,
    }
    if args.json {
        print(&text)?;
    }
    eprintln!(
        "defective from a score of {:.4}: at most {} % of good images like these {} (their highest score is {:.4}); \
         stored in {}",
        alarm.threshold,
        100.0 * alarm.false_alarm_rate,
        alarm.images,
        alarm.highest,
        out.display()
    );
    Ok(ExitCode::SUCCESS)
}
