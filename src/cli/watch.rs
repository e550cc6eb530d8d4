//! `watch`: images as they arrive in a folder, one JSON line each.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Failure;
use super::detect::detect_batch;
use super::look::{DEFAULT_THRESHOLD, Look, LookArgs, check_threshold};
use super::options::{DeviceArgs, preprocess, print, watch_interrupt};
use super::picture;
use crate::dapo::Detection;
use crate::data::{Arrivals, ImageEntry, Loaded, Preprocess, Stamp, load_batches};
use crate::report::Ledger;
use crate::report::results::{FailedImage, ImageResult, Verdict};

/// Options of `watch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder in which images arrive, and those below it
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// File that gets one JSON line for each image; what stands in it is not done again
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Defects to look for, separated by commas [default: the learner's, or a general list]
    #[arg(long, value_name = "A,B,C")]
    defects: Option<String>,
    /// Threshold that `calibrate` made [default: the learner's, if it has one]
    #[arg(long, value_name = "FILE.json")]
    calibration: Option<PathBuf>,
    /// Defect probability from which a pixel belongs to a box, and a score from which an image is called defective
    /// if no threshold was calibrated
    #[arg(long, value_name = "P", default_value_t = DEFAULT_THRESHOLD)]
    threshold: f32,
    /// Milliseconds between two looks at the folder; a file is read when it has not changed for as long
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
    /// Images in one batch
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch: usize,
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
/// A folder that is not there, whatever keeps the model from running, a full disk. Unreadable images get a line.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    check_threshold(args.threshold)?;
    let seconds = |name: &str, value: f64| match Duration::try_from_secs_f64(value) {
        Ok(duration) => Ok(duration),
        Err(_) => Err(Failure::new(format!("--{name} {value}: expected a number of seconds, 0 or more"))),
    };
    let patience = seconds("patience", args.patience)?;
    let idle = args.idle.map(|s| seconds("idle", s)).transpose()?;
    let unreadable =
        |e: std::io::Error| Failure::new(format!("{}: cannot be watched: {e}", args.folder.display()));
    std::fs::read_dir(&args.folder).map_err(unreadable)?;
    let learner = args.look.learner.read()?;
    let prompts = args.look.prompts(args.defects.as_deref(), learner.as_ref())?;
    let (ledger, before) = Ledger::open::<Line>(&args.out)?;
    let interrupted = watch_interrupt("finishing the images at hand");
    let gpu = args.device.open()?;
    let look = args.look.open(&gpu, prompts, learner.as_ref())?;
    let (alarm, note) = look.alarm(args.calibration.as_deref())?;
    if let Some(note) = note {
        eprintln!("note: {note}");
    }
    let threshold = alarm.map_or(args.threshold, |a| a.threshold);
    let known = before.iter().map(|line| (PathBuf::from(line.result.path()), line.stamp()));
    let every = Duration::from_millis(args.every);
    let mut arrivals = Arrivals::new(&args.folder, every, patience, known);
    eprintln!(
        "on {}\nwatching {} ({} images done before); defective from a score of {threshold}; Ctrl-C ends",
        gpu.adapter().line(),
        args.folder.display(),
        before.len()
    );
    let preprocess = preprocess(look.looker.clip());
    let mut watcher = Watcher { args, look, threshold, preprocess, ledger, interrupted };
    let (mut last, mut written) = (Instant::now(), 0);
    while !interrupted.load(Ordering::Relaxed) {
        let ready = arrivals.poll(Instant::now()).map_err(unreadable)?;
        if !ready.is_empty() {
            written += watcher.process(&mut arrivals, ready)?;
            last = Instant::now();
        } else if idle.is_some_and(|idle| last.elapsed() >= idle) && !arrivals.is_waiting() {
            break;
        }
        std::thread::sleep(every);
    }
    eprintln!("{written} images written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

struct Watcher<'a> {
    args: &'a Args,
    look: Look,
    threshold: f32,
    preprocess: Preprocess,
    ledger: Ledger,
    interrupted: &'a AtomicBool,
}

impl Watcher<'_> {
    /// Answers for files that are ready, batch by batch, and counts the lines.
    fn process(&mut self, arrivals: &mut Arrivals, ready: Vec<(PathBuf, Stamp)>) -> Result<usize, Failure> {
        let entries =
            ready.iter().map(|(p, _)| ImageEntry { path: self.args.folder.join(p), stem: String::new() });
        let batch = self.args.batch.clamp(1, self.look.looker.max_batch());
        let mut files = ready.iter();
        let mut written = 0;
        for loaded in load_batches(entries.collect(), batch, self.preprocess.clone(), 2, 0) {
            let mut found = detect_batch(&self.look.looker, &loaded)?.into_iter();
            let mut lines = Vec::new();
            for (item, (path, stamp)) in loaded.iter().zip(files.by_ref()) {
                let detection = if item.result.is_ok() { found.next() } else { None };
                match Stamp::of(&item.entry.path) {
                    // What was read may be a mixture of both versions.
                    Some(now) if now != *stamp => continue,
                    None => {
                        arrivals.gone(path);
                        continue;
                    }
                    Some(_) => {}
                }
                let result = match (&item.result, detection) {
                    (Ok(_), Some(detection)) => self.scored(item, path, &detection)?,
                    (result, _) => {
                        if !arrivals.unreadable(path, *stamp, Instant::now()) {
                            continue;
                        }
                        let error = match result {
                            Err(error) => error.to_string(),
                            Ok(_) => "nothing was found out about it".to_owned(),
                        };
                        let path = portable(path);
                        ImageResult::Failed(FailedImage { path, error, hint: String::new() })
                    }
                };
                lines.push(Line { bytes: stamp.bytes, modified_ns: stamp.modified_ns, result });
                arrivals.done(path, *stamp);
            }
            self.ledger.write(&lines)?;
            written += lines.len();
            for line in &lines {
                self.tell(line)?;
            }
            if self.interrupted.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(written)
    }

    fn scored(&self, item: &Loaded, path: &Path, detection: &Detection) -> Result<ImageResult, Failure> {
        let Ok(image) = &item.result else { return Err(Failure::new("an image was not read")) };
        let defects = &self.look.prompts.defects;
        let binary = detection.binary_map();
        let boxes = picture::boxes(detection, &binary, image.original_size, defects, self.args.threshold)?;
        let (path, size) = (portable(path), image.original_size);
        Ok(ImageResult::Scored(picture::scored(path, size, detection, defects, boxes, self.threshold)))
    }

    /// One line for a person, or the JSON itself.
    fn tell(&self, line: &Line) -> Result<(), Failure> {
        if self.args.json {
            let text = serde_json::to_string(line).map_err(|e| Failure::new(e.to_string()))?;
            return print(&(text + "\n"));
        }
        match &line.result {
            ImageResult::Failed(image) => eprintln!("error: {}", image.error),
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
