//! `calibrate`: a threshold for alarms from images that are known to be good.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Failure;
use super::good::{BankArgs, distinct};
use super::inspection::InspectArgs;
use super::numbers::rate;
use super::options::RunArgs;
use super::output::{print, progress, replaceable, watch_interrupt};
use super::reading::tell;
use super::say::say;
use crate::dapo::Alarm;
use crate::dapo::learner::DapoError;
use crate::data::{Collected, ReadTally, collect};
use crate::inspect::Inspector;
use crate::report::{AtomicFile, write_atomic};
use crate::words::{agree, plural};

/// Options of `calibrate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images of good parts, or folders of them
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    good: Vec<PathBuf>,
    /// Wanted share of good images that raise an alarm
    #[arg(long, value_name = "R", default_value_t = 0.01, value_parser = rate)]
    false_alarms: f64,
    /// Photos of good parts that images are compared with, as `detect --good` does; none of them may be one of --good
    #[arg(long, num_args = 1.., value_name = "PATH")]
    references: Vec<PathBuf>,
    #[command(flatten)]
    bank: BankArgs,
    #[command(flatten)]
    inspect: InspectArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Where to write the threshold [default: into the learner's own file]
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Print the threshold as JSON
    #[arg(long)]
    json: bool,
}

/// Scores the good images, and stores the threshold.
///
/// # Errors
/// Too few images for the rate, unreadable ones, any error of the model or the device, an unwritable file.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let learner = args.inspect.detector.learner.read()?;
    let out = match (&args.out, args.inspect.detector.learner.path()) {
        (Some(out), _) => out.as_path(),
        (None, Some(path)) => path,
        (None, None) => {
            return Err(Failure::usage("there is no learner to store the threshold in").hint(
                "name a file with --out FILE.json, and pass it to detect or watch with --calibration",
            ));
        }
    };
    if args.out.is_some() {
        replaceable(out)?;
    }
    drop(AtomicFile::create(out)?);
    let prompts = args.inspect.prompts(learner.as_ref())?;
    let Collected { images: entries, left_out } = collect(&args.good)?;
    left_out.lines().iter().for_each(|line| say!("note: {line}"));
    if !args.references.is_empty() {
        let scored: Vec<PathBuf> = entries.iter().map(|entry| entry.path.clone()).collect();
        distinct(&scored, &args.bank.photos(&args.references)?, "--references")?;
    }
    let interrupted = watch_interrupt("nothing is stored");
    let device = &args.run.device;
    let inspection = args.inspect.open(device, prompts, learner.as_ref())?;
    let inspection = inspection.with_good(&args.bank, &args.references)?;
    // Checked before hours of work: whether there are enough images.
    Alarm::calibrate(&vec![0.0; entries.len()], args.false_alarms, inspection.conditions())?;
    let renew = |lost: &_| args.inspect.detector.renew(device, learner.as_ref(), &inspection, lost);
    let Some(scores) = scores(&inspection.inspector, entries, interrupted, renew)? else {
        return Ok(ExitCode::from(130));
    };
    let alarm = Alarm::calibrate(&scores, args.false_alarms, inspection.conditions())?;
    let mut text = serde_json::to_string_pretty(&alarm).map_err(|e| Failure::new(e.to_string()))?;
    text.push('\n');
    match (&args.out, &learner) {
        (None, Some(learner)) => write_atomic(out, &learner.with_alarm(alarm.clone())?)?,
        _ => write_atomic(out, text.as_bytes())?,
    }
    if args.json {
        print(&text)?;
    }
    say!(
        "defective from a score of {:.4}: at most {} % of good images like these {} (their highest score is {:.4}); \
         stored in {}",
        alarm.threshold,
        100.0 * alarm.false_alarm_rate,
        alarm.images,
        alarm.highest,
        out.display()
    );
    if left_out.count() > 0 {
        let files = left_out.count();
        say!("{} {} left out of it, see above", plural(files, "file"), agree(files, "was", "were"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The scores of good images; `None` when the user has interrupted.
///
/// # Errors
/// An image that cannot be read: a bad file must not silently lower the number of images. Those of the device.
pub fn scores<J: AsRef<Path> + Clone + Send + 'static>(
    inspector: &Inspector,
    images: Vec<J>,
    interrupted: &'static AtomicBool,
    mut renew: impl FnMut(&DapoError) -> Result<(), DapoError>,
) -> Result<Option<Vec<f32>>, Failure> {
    let bar = progress(images.len(), "images");
    let mut scores = Vec::with_capacity(images.len());
    let mut tally = ReadTally::default();
    for inspected in inspector.inspect(images).until(interrupted).renewing(&mut renew) {
        let (photo, detection) = inspected?.outcome.map_err(|error| {
            Failure::new(error.to_string())
                .hint("repair or remove this file, then run the same command again")
        })?;
        tally.add(&photo.info);
        scores.push(detection.score);
        bar.inc(1);
    }
    if interrupted.load(Ordering::Relaxed) {
        return Ok(None);
    }
    bar.finish_and_clear();
    tell(&tally);
    Ok(Some(scores))
}
