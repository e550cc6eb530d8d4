//! `watch`: images as they arrive in a folder, one JSON line each.

pub mod line;
mod notify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Failure;
use super::good::GoodArgs;
use super::inspection::{InspectArgs, Inspection, ThresholdArgs};
use super::learner::Learner;
use super::numbers::seconds;
use super::options::{RunArgs, TilingArgs};
use super::output::{print, watch_interrupt, writable_folder};
use super::part::{PartArg, Taught};
use super::reading;
use super::say::{complain, in_a_line, say};
use crate::dapo::Detection;
use crate::data::{Arrivals, ReadTally, Stamp, short_name};
use crate::files::digest;
use crate::inspect::Inspected;
use crate::inspect::picture::{Findings, PICTURE_SIDE};
use crate::report::Ledger;
use crate::report::results::{FailedImage, ImageResult, Verdict};
use crate::words::plural;
pub(super) use line::Opened;
use line::{Done, Header, Line};
use notify::NotifyArgs;

/// Options of `watch`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Folder in which images arrive, and those below it
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// File that gets one JSON line for each image, after one that says the settings; images in it are not processed again
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    #[command(flatten)]
    inspect: InspectArgs,
    #[command(flatten)]
    good: GoodArgs,
    #[command(flatten)]
    part: PartArg,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    threshold: ThresholdArgs,
    /// Milliseconds between two scans of the folder; a file is read when it has not changed for as long
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(10..))]
    every: u64,
    /// Seconds that an unreadable file is given to be completed before its error is written
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = seconds)]
    patience: f64,
    /// Stop when nothing new has come for this many seconds [default: never]
    #[arg(long, value_name = "S", value_parser = seconds)]
    idle: Option<f64>,
    /// Print the lines to standard output too
    #[arg(long)]
    json: bool,
    /// Folder for the heat maps over the photos that are defective
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,
    #[command(flatten)]
    notify: NotifyArgs,
}

/// Time between two looks at whether the program is to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Watches until Ctrl-C, or until nothing has come for `--idle` seconds.
///
/// # Errors
/// A folder that is not there, any error of the model or the device, a full disk. Unreadable images get a line.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    match args.part.read()? {
        None => watch(args, None),
        Some(taught) => {
            let (inspect, tiling) = args.inspect.taught(&taught)?;
            watch(&Args { inspect, ..args.clone() }, Some((&taught, tiling)))
        }
    }
}

/// With the good photos and the tiles of a part, or the good photos of the options.
fn watch(args: &Args, taught: Option<(&Taught, TilingArgs)>) -> Result<ExitCode, Failure> {
    let patience = Duration::from_secs_f64(args.patience);
    let idle = args.idle.map(Duration::from_secs_f64);
    let unreadable =
        |e: std::io::Error| Failure::new(format!("{}: cannot be watched: {e}", args.folder.display()));
    std::fs::read_dir(&args.folder).map_err(unreadable)?;
    if let Some(folder) = &args.overlays {
        writable_folder(folder)?;
        let watched = args.folder.canonicalize().map_err(unreadable)?;
        if folder.canonicalize().map_err(unreadable)?.starts_with(watched) {
            let message = format!("--overlays {}: it lies in the folder that is watched", folder.display());
            return Err(Failure::usage(message)
                .hint("name a folder elsewhere: what is written there would arrive here"));
        }
    }
    args.good.check(taught.is_some() || !args.good.good.is_empty())?;
    let learner = args.inspect.detector.learner.read()?;
    let prompts = args.inspect.prompts(learner.as_ref())?;
    let opened = Opened::new(&args.out)?;
    let interrupted = watch_interrupt("finishing the current images");
    let inspection = args.inspect.open(&args.run.device, prompts, learner.as_ref())?;
    let inspection = inspection.with_pictures(if args.overlays.is_some() { PICTURE_SIDE } else { 0 });
    let inspection = match taught {
        None => inspection.with_good(&args.good.bank, &args.good.good)?,
        Some((taught, tiling)) => inspection.with_tiling(tiling.tiling()).with_part(taught)?,
    };
    let (alarm, note) = args.threshold.alarm(&inspection)?;
    if let Some(note) = note {
        say!("note: {note}");
    }
    let threshold = alarm.map_or(args.threshold.of_images(), |a| a.threshold);
    let header = Header {
        folder: args.folder.canonicalize().map_err(unreadable)?.display().to_string(),
        made_with: args.inspect.made_with(&inspection, learner.as_ref(), &args.threshold, threshold, None)?,
    };
    let (ledger, done, known) = opened.with(&header)?;
    let before = known.len();
    let every = Duration::from_millis(args.every);
    let mut arrivals = Arrivals::new(&args.folder, every, patience, known);
    say!("on {}", inspection.gpu().adapter().line());
    say!(
        "watching {} ({} done before); defective from a score of {threshold}; Ctrl-C ends",
        args.folder.display(),
        plural(before, "image")
    );
    let tally = ReadTally::default();
    let learner = learner.as_ref();
    let mut watcher = Watcher { args, learner, inspection, threshold, ledger, done, interrupted, tally };
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
        let slept = Instant::now();
        while slept.elapsed() < every && !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep((every - slept.elapsed().min(every)).min(LOOK));
        }
    }
    reading::tell(&watcher.tally);
    say!("{} written to {}", plural(written, "image"), args.out.display());
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
    learner: Option<&'a Learner>,
    inspection: Inspection,
    threshold: f32,
    ledger: Ledger,
    done: Done,
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
        let mut fresh: Vec<Arrival> = Vec::new();
        for arrival in ready.into_iter().map(arrival) {
            match self.done.is_same(&arrival.relative, arrival.stamp, &arrival.file) {
                true => arrivals.done(&arrival.relative, arrival.stamp),
                false => fresh.push(arrival),
            }
        }
        let (inspection, detector) = (&self.inspection, &self.args.inspect.detector);
        let renew = |lost: &_| detector.renew(&self.args.run.device, self.learner, inspection, lost);
        let mut inspections = inspection.inspector.inspect(fresh).until(self.interrupted).renewing(renew);
        let (mut lines, mut written) = (Vec::new(), 0);
        while let Some(inspected) = inspections.next() {
            let inspected = inspected?;
            let info = inspected.outcome.as_ref().ok().map(|(photo, _)| photo.info.clone());
            if let Some(line) = line(self.args, inspection, self.threshold, arrivals, inspected)? {
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
                for line in lines.drain(..) {
                    self.done.add(&line);
                    tell(self.args, &line)?;
                    self.args.notify.tell(&line, self.interrupted)?;
                }
            }
        }
        Ok(written)
    }
}

/// The line of an image; none if its file changed or went away meanwhile, or may yet be completed.
fn line(
    args: &Args,
    inspection: &Inspection,
    alarm_threshold: f32,
    arrivals: &mut Arrivals,
    inspected: Inspected<Arrival, Detection>,
) -> Result<Option<Line>, Failure> {
    let Inspected { job: Arrival { file, relative, stamp }, outcome } = inspected;
    let content = digest(&file);
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
            let defects = &inspection.prompts.defects;
            let findings = Findings::new(&photo, &detection, defects, args.threshold.boxes())?;
            let findings = findings.with_good(&inspection.good);
            let mut scored = findings.result(path, alarm_threshold);
            if let (Some(folder), Some(Verdict::Defective)) = (&args.overlays, scored.verdict) {
                // Another version of a file is another picture.
                let stem = format!("{}-{}", scored.path.replace('/', "-"), &content[..content.len().min(8)]);
                scored.overlay = Some(findings.save_overlay(folder, &short_name(&stem))?);
            }
            ImageResult::Scored(scored)
        }
        Err(_) if !arrivals.unreadable(&relative, stamp, Instant::now()) => return Ok(None),
        Err(error) => {
            ImageResult::Failed(FailedImage { path, error: error.to_string(), hint: String::new() })
        }
    };
    arrivals.done(&relative, stamp);
    Ok(Some(Line::new(&relative, stamp, content, result)))
}

/// One line for a person, or the JSON itself. The ledger has it already: that nobody can read it here ends nothing.
fn tell(args: &Args, line: &Line) -> Result<(), Failure> {
    let print = |text: &str| {
        static SAID: AtomicBool = AtomicBool::new(false);
        if let Err(failure) = print(text)
            && !SAID.swap(true, Ordering::Relaxed)
        {
            say!("note: {}; results go to {} all the same", failure.message, args.out.display());
        }
    };
    if args.json {
        let text = serde_json::to_string(line).map_err(|e| Failure::new(e.to_string()))?;
        print(&(text + "\n"));
        return Ok(());
    }
    match &line.result {
        ImageResult::Failed(image) => complain!("error: {}", image.error),
        ImageResult::Scored(image) => {
            let verdict = image.verdict.map_or("", Verdict::name);
            let path = in_a_line(&image.path);
            print(&format!("{:.3}  {verdict:<9}  {:<16}  {path}\n", image.score, image.defect_type));
        }
    }
    Ok(())
}

/// A relative path as text, with `/` on every system.
fn portable(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
