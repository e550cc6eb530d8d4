//! `detect`: photos in, scores, names, boxes, maps and a page out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use super::Failure;
use super::look::{DEFAULT_THRESHOLD, Look, LookArgs, adapter, check_threshold};
use super::options::{DeviceArgs, preprocess, print, progress, watch_interrupt, writable_folder};
use super::picture::{self, PICTURE_SIDE};
use super::profile::ProfileArg;
use crate::clip::embedded;
use crate::dapo::detect::TOP_PATCHES;
use crate::dapo::{Alarm, Detection, Looker, Prompts, Tiling};
use crate::data::{ImageEntry, Loaded, LoadedImage, collect, load, load_batches};
use crate::eval::tiled::with_tiles;
use crate::report::results::{
    FailedImage, ImageResult, Program, Results, SCHEMA, ScoredImage, Timing, Verdict,
};
use crate::report::{MapView, ReportBuilder, ReportOptions, shell_command};

/// Options of `detect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Images, or folders that are searched for images
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    pub profile: ProfileArg,
    /// Defects to look for, separated by commas [default: the learner's, or a general list]
    #[arg(long, value_name = "A,B,C")]
    defects: Option<String>,
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
    /// Defect probability from which a pixel belongs to a box, and a score from which an image is called defective
    /// if no threshold was calibrated
    #[arg(long, value_name = "P", default_value_t = DEFAULT_THRESHOLD)]
    threshold: f32,
    /// Threshold that `calibrate` made [default: the learner's, if it has one]
    #[arg(long, value_name = "FILE.json")]
    calibration: Option<PathBuf>,
    /// Cut images that are larger into overlapping tiles of this many pixels, for small defects in large images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..))]
    tile: Option<u32>,
    /// Share of a tile that it has in common with the next
    #[arg(long, value_name = "P", default_value_t = 0.25, requires = "tile")]
    overlap: f32,
    /// Images in one batch
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch: usize,
}

/// Detects, and writes everything below `--out`.
///
/// # Errors
/// Whatever keeps the run as a whole from going on; a bad image is reported in the results instead.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    check_threshold(args.threshold)?;
    if !(0.0..=0.9).contains(&args.overlap) {
        return Err(Failure::new(format!("--overlap {}: expected a share from 0 to 0.9", args.overlap)));
    }
    let learner = args.look.learner.read()?;
    let prompts = args.look.prompts(args.defects.as_deref(), learner.as_ref())?;
    let entries = collect(&args.paths)?;
    writable_folder(&args.out)?;
    let entries = without_own_output(entries, &args.out)?;
    let interrupted = watch_interrupt("finishing this batch and writing what is done");
    let gpu = args.device.open()?;
    let look = args.look.open(&gpu, prompts, learner.as_ref())?;
    let (alarm, note) = look.alarm(args.calibration.as_deref())?;
    let Look { looker: detector, prompts, model: about, .. } = look;
    let preprocess = preprocess(detector.clip());
    let threshold = alarm.as_ref().map_or(args.threshold, |a| a.threshold);
    let mut writer =
        Writer { args, prompts: &prompts, threshold, report: report(threshold), images: Vec::new() };
    let bar = progress(entries.len(), "images");
    let batch = args.batch.clamp(1, detector.max_batch());
    let started = Instant::now();
    for loaded in load_batches(entries, batch, preprocess.clone(), 2, PICTURE_SIDE) {
        let count = loaded.len() as u64;
        let detections = detect_batch(&detector, &loaded)?;
        let mut detections = detections.into_iter();
        for item in loaded {
            let result = match item.result {
                Ok(ref image) => {
                    let mut detection =
                        detections.next().ok_or_else(|| Failure::new("a detection is missing"))?;
                    if let Some(edge) = args.tile {
                        let tiling = Tiling { edge, overlap: args.overlap };
                        let whole = load(&item.entry.path)?;
                        detection = with_tiles(&detector, &whole, detection, &preprocess, tiling, batch)?;
                    }
                    writer.scored(&item, image, &detection)?
                }
                Err(error) => {
                    bar.suspend(|| eprintln!("error: {error}"));
                    let path = item.entry.path.display().to_string();
                    ImageResult::Failed(FailedImage { path, error: error.to_string(), hint: String::new() })
                }
            };
            if matches!(result, ImageResult::Failed(_)) {
                writer.report.push(&result, None)?;
            }
            writer.images.push(result);
        }
        bar.inc(count);
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
    }
    bar.finish_and_clear();

    let stopped = interrupted.load(Ordering::Relaxed);
    let seconds = started.elapsed().as_secs_f64();
    let Writer { report, images, .. } = writer;
    let scored = images.iter().filter(|image| image.scored().is_some()).count();
    let results = Results {
        schema: SCHEMA.to_owned(),
        program: Program { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() },
        adapter: adapter(gpu.adapter()),
        model: about,
        object: prompts.object.clone(),
        method: detector.method().into(),
        defects: prompts.defects.clone(),
        settings: BTreeMap::from([
            ("temperature".into(), detector.temperature().into()),
            ("top_patches".into(), TOP_PATCHES.into()),
            ("threshold".into(), args.threshold.into()),
            ("alarm_threshold".into(), threshold.into()),
            ("batch".into(), batch.into()),
            ("interrupted".into(), stopped.into()),
        ])
        .into_iter()
        .chain(args.tile.map(|edge| ("tile".to_owned(), edge.into())))
        .collect(),
        timing: Timing { images: scored, seconds, images_per_second: scored as f64 / seconds.max(1e-9) },
        notes: gpu.notes().into_iter().chain(note.clone()).collect(),
        images,
    };
    results.save(args.out.join("results.json"))?;
    report.write(&results, args.out.join("report.html"))?;
    if let Some(note) = note {
        eprintln!("note: {note}");
    }
    conclude(args, &results, alarm.as_ref(), stopped)
}

/// Leaves out what lies below the output folder: overlays of an earlier run are no photos.
fn without_own_output(mut entries: Vec<ImageEntry>, out: &Path) -> Result<Vec<ImageEntry>, Failure> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let out = real(out);
    entries.retain(|entry| !real(&entry.path).starts_with(&out));
    if entries.is_empty() {
        return Err(Failure::new(format!("{}: every image given lies in the output folder", out.display()))
            .hint("choose another folder with --out"));
    }
    Ok(entries)
}

/// Detects the images of a batch that could be loaded, in order.
///
/// # Errors
/// Those of the device.
pub fn detect_batch(detector: &Looker, loaded: &[Loaded]) -> Result<Vec<Detection>, Failure> {
    let good = loaded.iter().filter_map(|item| item.result.as_ref().ok());
    let pixels: Vec<f32> = good.flat_map(|image| image.pixels.iter().copied()).collect();
    if pixels.is_empty() { Ok(Vec::new()) } else { Ok(detector.detect(&pixels)?) }
}

fn report(threshold: f32) -> ReportBuilder {
    let created = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(String::new(), |t| civil_date(t.as_secs() / 86_400));
    ReportBuilder::new(ReportOptions {
        command: shell_command(std::env::args_os().map(|a| a.to_string_lossy().into_owned())),
        created,
        threshold,
        ..ReportOptions::default()
    })
}

/// `YYYY-MM-DD` of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", 2013).
pub fn civil_date(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// What is written while the run goes on.
struct Writer<'a> {
    args: &'a Args,
    prompts: &'a Prompts,
    /// Score from which an image is called defective.
    threshold: f32,
    report: ReportBuilder,
    images: Vec<ImageResult>,
}

impl Writer<'_> {
    /// Writes one image's files and makes its entry in the results and the report.
    fn scored(
        &mut self,
        item: &Loaded,
        image: &LoadedImage,
        detection: &Detection,
    ) -> Result<ImageResult, Failure> {
        let (out, stem): (&Path, &str) = (&self.args.out, &item.entry.stem);
        let defects = &self.prompts.defects;
        let binary = detection.binary_map();
        let view = MapView::new(&binary, detection.size, detection.size)?;
        let boxes = picture::boxes(detection, &binary, image.original_size, defects, self.args.threshold)?;
        let shown = image.picture.as_ref().unwrap_or(&image.squashed);
        let overlay = match self.args.no_overlays {
            true => None,
            false => Some(picture::save_overlay(out, stem, shown, view, &boxes, image.original_size)?),
        };
        let maps = match self.args.save_maps {
            true => Some(picture::save_maps(out, stem, detection, &binary)?),
            false => None,
        };
        let path = item.entry.path.display().to_string();
        let scored = picture::scored(path, image.original_size, detection, defects, boxes, self.threshold);
        let result = ImageResult::Scored(ScoredImage { overlay, maps, ..scored });
        let pictures = if self.report.would_keep(detection.score) {
            Some(picture::report_image(shown, detection, view, defects)?)
        } else {
            None
        };
        self.report.push(&result, pictures.as_ref())?;
        Ok(result)
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
    eprintln!(
        "{} images in {:.1} s ({:.2}/s) on {} ({}); see {}",
        results.images.len(),
        results.timing.seconds,
        results.timing.images_per_second,
        adapter.name,
        adapter.kind,
        args.out.join("report.html").display()
    );
    match alarm {
        Some(alarm) => eprintln!(
            "defective from a score of {:.3}: at most {} % of good images, by {} of them",
            alarm.threshold,
            100.0 * alarm.false_alarm_rate,
            alarm.images
        ),
        None => eprintln!(
            "defective from a score of {}, which was not calibrated; see `dapo-wgpu calibrate`",
            args.threshold
        ),
    }
    if results.model.demonstration {
        eprintln!(
            "note: {} is a small demonstration model; for real inspection pass a full CLIP with --model DIR (see `dapo-wgpu fetch`)",
            embedded::NAME
        );
    }
    if failed > 0 {
        eprintln!("{failed} of {} images could not be read; results.json says why", results.images.len());
    }
    Ok(match (stopped, failed) {
        (true, _) => ExitCode::from(130),
        (false, 0) => ExitCode::SUCCESS,
        (false, n) if n == results.images.len() => ExitCode::FAILURE,
        _ => ExitCode::from(3),
    })
}

#[cfg(test)]
mod tests {
    use super::civil_date;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil_date(0), "1970-01-01");
        assert_eq!(civil_date(11_016), "2000-02-29");
        assert_eq!(civil_date(20_780), "2026-11-23");
    }
}
