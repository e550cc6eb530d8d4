//! `detect`: photos in, scores, names, boxes, maps and a page out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Failure;
use super::good::GoodArgs;
use super::inspection::{InspectArgs, Inspection, ThresholdArgs, adapter, check_threshold};
use super::options::{RunArgs, TilingArgs};
use super::output::{print, progress, watch_interrupt, writable_folder};
use super::reading::tell;
use super::say::say;
use crate::clip::embedded;
use crate::dapo::{Alarm, Detection, Prompts, TOP_PATCHES};
use crate::data::{Collected, ImageEntry, Photo, ReadTally, Reason, collect};
use crate::inspect::picture::{Findings, PICTURE_SIDE};
use crate::inspect::{GoodPhotos, Inspected, left_out};
use crate::report::results::{
    FailedImage, ImageResult, Program, Results, SCHEMA, ScoredImage, Timing, Verdict,
};
use crate::report::{ReportBuilder, ReportOptions, shell_command, today};

/// Options of `detect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images, or folders that are searched for images
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    inspect: InspectArgs,
    #[command(flatten)]
    good: GoodArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Folder for results.json, report.html, overlays and maps
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print results.json to standard output too
    #[arg(long)]
    json: bool,
    /// Write the raw maps as .npy files
    #[arg(long)]
    save_maps: bool,
    /// Do not write overlay pictures
    #[arg(long)]
    no_overlays: bool,
    #[command(flatten)]
    threshold: ThresholdArgs,
    #[command(flatten)]
    tiling: TilingArgs,
}

/// Detects, and writes everything below `--out`.
///
/// # Errors
/// Any error that stops the whole run; a bad image is reported in the results instead.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    check_threshold(args.threshold.threshold)?;
    let tiling = args.tiling.tiling()?;
    let learner = args.inspect.detector.learner.read()?;
    let prompts = args.inspect.prompts(learner.as_ref())?;
    let found = collect(&args.paths)?;
    writable_folder(&args.out)?;
    let Collected { images: entries, left_out: files } = without_own_output(found, &args.out)?;
    files.lines().iter().for_each(|line| say!("note: {line}"));
    let interrupted = watch_interrupt("finishing this batch and writing what is done");
    let gpu = args.run.device.open()?;
    let opened = args.inspect.open(&gpu, prompts, learner.as_ref())?.with_tiling(tiling);
    let opened = opened.with_good(&args.good.bank, &args.good.good)?;
    let (alarm, note) = opened.alarm(args.threshold.calibration.as_deref())?;
    let Inspection { inspector, prompts, model: about, good, .. } = opened;
    let inspector = inspector.with_pictures(PICTURE_SIDE);
    let threshold = alarm.as_ref().map_or(args.threshold.threshold, |a| a.threshold);
    let mut writer = Writer {
        args,
        prompts: &prompts,
        good: &good,
        threshold,
        report: report(threshold),
        images: Vec::new(),
        tally: ReadTally::default(),
    };
    let bar = progress(entries.len(), "images");
    let started = Instant::now();
    for inspected in inspector.inspect(entries).until(interrupted) {
        let Inspected { job: entry, outcome } = inspected?;
        match outcome {
            Ok((photo, detection)) => writer.scored(&entry, &photo, &detection)?,
            Err(error) => {
                bar.suspend(|| say!("error: {error}"));
                writer.failed(&entry, error.to_string())?;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();

    let stopped = interrupted.load(Ordering::Relaxed);
    let seconds = started.elapsed().as_secs_f64();
    let Writer { report, images, tally, .. } = writer;
    let scored = images.iter().filter(|image| image.scored().is_some()).count();
    let results = Results {
        schema: SCHEMA.to_owned(),
        program: Program { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() },
        adapter: adapter(gpu.adapter()),
        model: about,
        object: prompts.object.clone(),
        method: inspector.detector().method().into(),
        defects: prompts.defects.clone(),
        settings: BTreeMap::from([
            ("temperature".into(), inspector.detector().temperature().into()),
            ("top_patches".into(), TOP_PATCHES.into()),
            ("threshold".into(), args.threshold.threshold.into()),
            ("alarm_threshold".into(), threshold.into()),
            ("batch".into(), inspector.batch().into()),
            ("interrupted".into(), stopped.into()),
        ])
        .into_iter()
        .chain(tiling.map(|tiling| ("tile".to_owned(), tiling.edge.into())))
        .chain((!good.is_empty()).then(|| ("good_photos".to_owned(), good.len().into())))
        .collect(),
        timing: Timing { images: scored, seconds, images_per_second: scored as f64 / seconds.max(1e-9) },
        notes: gpu
            .notes()
            .into_iter()
            .chain(inspector.detector().notes())
            .chain(good.notes.iter().cloned())
            .chain(note.clone())
            .chain(tally.lines())
            .chain(files.lines())
            .collect(),
        left_out: left_out(&files),
        images,
    };
    results.save(args.out.join("results.json"))?;
    report.write(&results, args.out.join("report.html"))?;
    if let Some(note) = note {
        say!("note: {note}");
    }
    tell(&tally);
    conclude(args, &results, alarm.as_ref(), stopped)
}

/// Leaves out what lies below the output folder: overlays of an earlier run are not photos.
fn without_own_output(mut found: Collected, out: &Path) -> Result<Collected, Failure> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let out = real(out);
    let Collected { images, left_out } = &mut found;
    images.retain(|entry| {
        let is_own = real(&entry.path).starts_with(&out);
        if is_own {
            left_out.add(Reason::OwnOutput, &entry.path);
        }
        !is_own
    });
    if images.is_empty() {
        return Err(Failure::new(format!("{}: every image given lies in the output folder", out.display()))
            .hint("choose another folder with --out"));
    }
    Ok(found)
}

fn report(threshold: f32) -> ReportBuilder {
    ReportBuilder::new(ReportOptions {
        command: shell_command(std::env::args_os().map(|a| a.to_string_lossy().into_owned())),
        created: today(),
        threshold,
        ..ReportOptions::default()
    })
}

/// Writes results during the run.
struct Writer<'a> {
    args: &'a Args,
    prompts: &'a Prompts,
    good: &'a GoodPhotos,
    /// Score from which an image is called defective.
    threshold: f32,
    report: ReportBuilder,
    images: Vec<ImageResult>,
    tally: ReadTally,
}

impl Writer<'_> {
    /// Writes one image's files and makes its entry in the results and the report.
    fn scored(&mut self, entry: &ImageEntry, photo: &Photo, detection: &Detection) -> Result<(), Failure> {
        let (args, out, stem) = (self.args, &self.args.out, &entry.stem);
        self.tally.add(&photo.info);
        let findings = Findings::new(photo, detection, &self.prompts.defects, args.threshold.threshold)?;
        let findings = findings.with_good(self.good);
        let overlay = (!args.no_overlays).then(|| findings.save_overlay(out, stem)).transpose()?;
        let maps = args.save_maps.then(|| findings.save_maps(out, stem)).transpose()?;
        let scored = findings.result(entry.path.display().to_string(), self.threshold);
        let result = ImageResult::Scored(ScoredImage { overlay, maps, ..scored });
        let wanted = self.report.would_keep(detection.score);
        let pictures = wanted.then(|| findings.report_image()).transpose()?;
        self.report.push(&result, pictures.as_ref())?;
        self.images.push(result);
        Ok(())
    }

    /// Makes the entry of an image that could not be read.
    fn failed(&mut self, entry: &ImageEntry, error: String) -> Result<(), Failure> {
        let path = entry.path.display().to_string();
        let result = ImageResult::Failed(FailedImage { path, error, hint: String::new() });
        self.report.push(&result, None)?;
        self.images.push(result);
        Ok(())
    }
}

fn conclude(
    args: &Args,
    results: &Results,
    alarm: Option<&Alarm>,
    stopped: bool,
) -> Result<ExitCode, Failure> {
    let failed = results.images.iter().filter(|i| i.scored().is_none()).count();
    if args.json {
        let text = serde_json::to_string_pretty(results).map_err(|e| Failure::new(e.to_string()))?;
        print(&(text + "\n"))?;
    } else {
        let line = |image: &ScoredImage| {
            let percent = 100.0 * image.type_probability;
            let verdict = image.verdict.map_or("", Verdict::name);
            let (score, kind, path) = (image.score, &image.defect_type, &image.path);
            format!("{score:.3}  {verdict:<9}  {kind:<16} {percent:>4.0} %  {path}\n")
        };
        let lines: String = results.images.iter().filter_map(ImageResult::scored).map(line).collect();
        print(&lines)?;
    }
    let adapter = &results.adapter;
    say!(
        "{} images in {:.1} s ({:.2}/s) on {} ({}); see {}",
        results.images.len(),
        results.timing.seconds,
        results.timing.images_per_second,
        adapter.name,
        adapter.kind,
        args.out.join("report.html").display()
    );
    match alarm {
        Some(alarm) => say!(
            "defective from a score of {:.3}: at most {} % of good images, by {} of them",
            alarm.threshold,
            100.0 * alarm.false_alarm_rate,
            alarm.images
        ),
        None => say!(
            "defective from a score of {}, which was not calibrated; see `dapo-wgpu calibrate`",
            args.threshold.threshold
        ),
    }
    if results.model.demonstration {
        say!(
            "note: {} is a small demonstration model; for real inspection pass a full CLIP with --model DIR (see `dapo-wgpu fetch`)",
            embedded::NAME
        );
    }
    if !results.left_out.is_empty() {
        let files: usize = results.left_out.values().map(|files| files.count).sum();
        say!("{files} files were left out; results.json says why");
    }
    if failed > 0 {
        say!("{failed} of {} images could not be read; results.json says why", results.images.len());
    }
    Ok(match (stopped, failed) {
        (true, _) => ExitCode::from(130),
        (false, 0) => ExitCode::SUCCESS,
        (false, n) if n == results.images.len() => ExitCode::FAILURE,
        _ => ExitCode::from(3),
    })
}
