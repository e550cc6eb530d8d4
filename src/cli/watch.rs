//! `watch`: images as they arrive in a folder, one JSON line each.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Failure;
use super::good::GoodArgs;
use super::inspection::{InspectArgs, Inspection, ThresholdArgs, check_threshold};
use super::options::RunArgs;
use super::output::{print, watch_interrupt};
use super::reading;
use super::say::say;
use crate::dapo::Detection;
use crate::data::{Arrivals, ReadTally, Stamp};
use crate::inspect::Inspected;
use crate::inspect::picture::Findings;
use crate::report::Ledger;
use crate::report::results::{FailedImage, ImageResult, Verdict};

/// Options of `watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder in which images arrive, and those below it
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// File that gets one JSON line for each image; images in it are not processed again
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    #[command(flatten)]
    inspect: InspectArgs,
    #[command(flatten)]
    good: GoodArgs,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    threshold: ThresholdArgs,
    /// Milliseconds between two scans of the folder; a file is read when it has not changed for as long
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..))]
    every: u64,
    /// Seconds that an unreadable file is given to be completed before its error is written
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    patience: f64,
    /// Stop when nothing new has come for this many seconds [default: never]
    #[arg(long, value_name = "S")]
    idle: Option<f64>,
    /// Print the lines to standard output too
    #[arg(long)]
    json: bool,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Bytes of the file, and time of its last change in nanoseconds since 1970: a file that is written again is
    /// another image.
    bytes: u64,
    modified_ns: u64,
    #[serde(flatten)]
    result: ImageResult,
}

/// Watches until Ctrl-C, or until nothing has come for `--idle` seconds.
///
/// # Errors
/// A folder that is not there, any error of the model or the device, a full disk. Unreadable images get a line.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    check_threshold(args.threshold.threshold)?;
    let seconds = |name: &str, value: f64| match Duration::try_from_secs_f64(value) {
        Ok(duration) => Ok(duration),
        Err(_) => Err(Failure::new(format!("--{name} {value}: expected a number of seconds, 0 or more"))),
    };
    let patience = seconds("patience", args.patience)?;
    let idle = args.idle.map(|s| seconds("idle", s)).transpose()?;
    let unreadable =
        |e: std::io::Error| Failure::new(format!("{}: cannot be watched: {e}", args.folder.display()));
    std::fs::read_dir(&args.folder).map_err(unreadable)?;
    let learner = args.inspect.detector.learner.read()?;
    let prompts = args.inspect.prompts(learner.as_ref())?;
    let (ledger, before) = Ledger::open::<Line>(&args.out)?;
    let interrupted = watch_interrupt("finishing the current images");
    let gpu = args.run.device.open()?;
    let inspection = args.inspect.open(&gpu, prompts, learner.as_ref())?;
    let inspection = inspection.with_good(&args.good.bank, &args.good.good)?;
    let (alarm, note) = inspection.alarm(args.threshold.calibration.as_deref())?;
    if let Some(note) = note {
        say!("note: {note}");
    }
    let threshold = alarm.map_or(args.threshold.threshold, |a| a.threshold);
    let known = before.iter().map(|line| (PathBuf::from(line.result.path()), line.stamp()));
    let every = Duration::from_millis(args.every);
    let mut arrivals = Arrivals::new(&args.folder, every, patience, known);
    say!(
        "on {}\nwatching {} ({} images done before); defective from a score of {threshold}; Ctrl-C ends",
        gpu.adapter().line(),
        args.folder.display(),
        before.len()
    );
    let tally = ReadTally::default();
    let mut watcher = Watcher { args, inspection, threshold, ledger, interrupted, tally };
    let (mut last, mut written) = (Instant::now(), 0);
    while !interrupted.load(Ordering::Relaxed) {
        let ready = arrivals.poll(Instant::now()).map_err(unreadable)?;
        for (reason, path) in arrivals.left_out() {
            say!("note: {}: left out: {}", portable(&path), reason.words());
        }
        if !ready.is_empty() {
            written += watcher.process(&mut arrivals, ready)?;
            last = Instant::now();
        } else if idle.is_some_and(|idle| last.elapsed() >= idle) && !arrivals.is_waiting() {
            break;
        }
        std::thread::sleep(every);
    }
    reading::tell(&watcher.tally);
    say!("{written} images written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// A version of a file that is ready to be read.
#[derive(Debug, Clone)]
struct Arrival {
    /// Path to the file.
    file: PathBuf,
    /// Its path below the watched folder.
    relative: PathBuf,
    stamp: Stamp,
}

impl AsRef<Path> for Arrival {
    fn as_ref(&self) -> &Path {
        &self.file
    }
}

struct Watcher<'a> {
    args: &'a Args,
    inspection: Inspection,
    threshold: f32,
    ledger: Ledger,
    interrupted: &'a AtomicBool,
    tally: ReadTally,
}

impl Watcher<'_> {
    /// Inspects files that are ready, and counts the lines that were written.
    fn process(&mut self, arrivals: &mut Arrivals, ready: Vec<(PathBuf, Stamp)>) -> Result<usize, Failure> {
        let arrival = |(relative, stamp): (PathBuf, Stamp)| Arrival {
            file: self.args.folder.join(&relative),
            relative,
            stamp,
        };
        let ready = ready.into_iter().map(arrival).collect();
        let mut inspections = self.inspection.inspector.inspect(ready).until(self.interrupted);
        let (mut lines, mut written) = (Vec::new(), 0);
        while let Some(inspected) = inspections.next() {
            let inspected = inspected?;
            let info = inspected.outcome.as_ref().ok().map(|(photo, _)| photo.info.clone());
            if let Some(line) = self.line(arrivals, inspected)? {
                // Each kind once: the file has them all.
                for note in info.iter().flat_map(|info| self.tally.add(info)) {
                    say!("note: {}: {note}", line.result.path());
                }
                lines.push(line);
            }
            // One write for all images of a batch.
            if !inspections.is_ready() {
                self.ledger.write(&lines)?;
                written += lines.len();
                lines.drain(..).try_for_each(|line| self.tell(&line))?;
            }
        }
        Ok(written)
    }

    /// The line of an image; none if its file changed or went away meanwhile, or may yet be completed.
    fn line(
        &self,
        arrivals: &mut Arrivals,
        inspected: Inspected<Arrival, Detection>,
    ) -> Result<Option<Line>, Failure> {
        let Inspected { job: Arrival { file, relative, stamp }, outcome } = inspected;
        match Stamp::of(&file) {
            // What was read may be a mixture of both versions.
            Some(now) if now != stamp => return Ok(None),
            None => {
                arrivals.gone(&relative);
                return Ok(None);
            }
            Some(_) => {}
        }
        let path = portable(&relative);
        let result = match outcome {
            Ok((photo, detection)) => {
                let defects = &self.inspection.prompts.defects;
                let findings = Findings::new(&photo, &detection, defects, self.args.threshold.threshold)?
                    .with_good(&self.inspection.good);
                ImageResult::Scored(findings.result(path, self.threshold))
            }
            Err(_) if !arrivals.unreadable(&relative, stamp, Instant::now()) => return Ok(None),
            Err(error) => {
                ImageResult::Failed(FailedImage { path, error: error.to_string(), hint: String::new() })
            }
        };
        arrivals.done(&relative, stamp);
        Ok(Some(Line { bytes: stamp.bytes, modified_ns: stamp.modified_ns, result }))
    }

    /// One line for a person, or the JSON itself.
    fn tell(&self, line: &Line) -> Result<(), Failure> {
        if self.args.json {
            let text = serde_json::to_string(line).map_err(|e| Failure::new(e.to_string()))?;
            return print(&(text + "\n"));
        }
        match &line.result {
            ImageResult::Failed(image) => say!("error: {}", image.error),
            ImageResult::Scored(image) => {
                let verdict = image.verdict.map_or("", Verdict::name);
                print(&format!(
                    "{:.3}  {verdict:<9}  {:<16}  {}\n",
                    image.score, image.defect_type, image.path
                ))?;
            }
        }
        Ok(())
    }
}

impl Line {
    fn stamp(&self) -> Stamp {
        Stamp { bytes: self.bytes, modified_ns: self.modified_ns }
    }
}

/// A relative path as text, with `/` on every system.
fn portable(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
