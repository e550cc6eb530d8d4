//! `detect`: photos in, scores, names, boxes, maps and a page out.

mod args;
mod conclude;
mod outputs;
pub mod progress;
mod writer;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Failure;
use super::output::{progress, watch_interrupt, writable_folder};
use super::part::Taught;
use super::say::{complain, say};
use super::stdin::Paths;
use crate::data::{Collected, ImageEntry, PhotoReader, Reason, collect_outside};
use crate::documents::adapter;
use crate::files::digest;
use crate::inspect::picture::PICTURE_SIDE;
use crate::inspect::{Inspected, ReadPhoto};
use crate::report::Exactly;
use crate::report::results::Program;
pub use args::Args;
use conclude::Conclusion;
use progress::{Header, Progress};
use writer::{Job, Writer};

/// Detects, and writes everything below `--out`.
///
/// # Errors
/// Any error that stops the whole run; a bad image is reported in the results instead.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let input = Paths::read(&args.paths)?;
    let taught = args.part.read()?;
    match taught {
        None => detect(args, &input, None),
        Some(_) if args.tiling.tiling().is_some() => {
            Err(Failure::usage("--tile and --part: a part knows how photos are cut").hint("leave out --tile"))
        }
        Some(taught) => {
            let (inspect, tiling) = args.inspect.taught(&taught)?;
            detect(&Args { inspect, tiling, ..args.clone() }, &input, Some(&taught))
        }
    }
}

/// With the good photos of a part, or those of the options.
fn detect(args: &Args, input: &Paths, taught: Option<&Taught>) -> Result<ExitCode, Failure> {
    args.good.check(taught.is_some() || !args.good.good.is_empty())?;
    let tiling = args.tiling.tiling();
    let learner = args.inspect.detector.learner.read()?;
    let prompts = args.inspect.prompts(learner.as_ref())?;
    let found = collect_outside(&input.paths, &args.out)?;
    writable_folder(&args.out)?;
    let Collected { images, left_out } = without_own_output(found, &args.out)?;
    left_out.lines().iter().for_each(|line| say!("note: {line}"));
    let interrupted = watch_interrupt("finishing this batch and writing what is done");
    let device = &args.run.device;
    let inspection = args.inspect.open(device, prompts, learner.as_ref())?.with_tiling(tiling);
    let mut inspection = match taught {
        None => inspection.with_good(&args.good.bank, &args.good.good)?,
        Some(taught) => inspection.with_part(taught)?,
    };
    let (alarm, note) = args.threshold.alarm(&inspection)?;
    let threshold = alarm.as_ref().map_or(args.threshold.of_images(), |a| a.threshold);
    inspection.inspector = inspection.inspector.with_pictures(PICTURE_SIDE);
    let batch = inspection.inspector.batch();
    let exactly = Exactly {
        program: Program::own(),
        adapter: adapter(inspection.gpu().adapter()),
        batch,
        tile: tiling.map(|tiling| (tiling.edge, tiling.overlap)),
    };
    let header = Header {
        made_with: args.inspect.made_with(
            &inspection,
            learner.as_ref(),
            &args.threshold,
            threshold,
            Some(exactly),
        )?,
        overlays: !args.no_overlays,
        maps: args.save_maps,
        names: images.iter().map(|image| image.stem.clone()).collect(),
    };
    if interrupted.load(Ordering::Relaxed) {
        say!("stopped before the first image; nothing has changed in {}", args.out.display());
        return Ok(ExitCode::from(130));
    }
    let (kept, done) = Progress::open(&args.out, &header, &images, batch)?;
    let mut writer =
        Writer::new(args, input, &inspection, (threshold, args.threshold.words(alarm.as_ref())), kept);
    let bar = progress(images.len(), "images");
    for entry in done {
        writer.again(entry);
        bar.inc(1);
    }
    bar.reset_eta();
    let todo: Vec<ImageEntry> = images[writer.done()..].to_vec();
    writer.started = Instant::now();
    let worked = (|| -> Result<(), Failure> {
        let renew = |lost: &_| args.inspect.detector.renew(device, learner.as_ref(), &inspection, lost);
        let mut inspections =
            inspection.inspector.inspect_read(todo, read).until(interrupted).renewing(renew);
        while let Some(inspected) = inspections.next() {
            let Inspected { job, outcome } = inspected?;
            if let Err(error) = &outcome {
                bar.suspend(|| complain!("error: {}", input.named(&error.to_string())));
            }
            writer.inspected(&job, outcome)?;
            bar.inc(1);
            // One write for all images of a batch.
            if !inspections.is_ready() {
                writer.keep()?;
            }
        }
        Ok(())
    })();
    bar.finish_and_clear();
    Conclusion {
        args,
        inspection: &inspection,
        alarm: alarm.as_ref(),
        threshold,
        note,
        left_out: &left_out,
        total: images.len(),
    }
    .write(writer, worked)
}

/// Reads an image file, on a thread that reads ahead.
fn read(reader: &PhotoReader, entry: ImageEntry) -> ReadPhoto<Job> {
    // Before the pixels: a file that changes meanwhile is then not taken for the one that was read.
    let content = digest(&entry.path);
    ReadPhoto { photo: reader.read(&entry.path), job: Job { entry, content } }
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
