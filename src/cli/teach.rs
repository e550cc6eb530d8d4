//! `teach`: what a part is like, from photos of good ones, in one small file.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Failure;
use super::calibrate::scores;
use super::good::BankArgs;
use super::inspection::{InspectArgs, Inspection};
use super::learner::Learner;
use super::numbers::rate;
use super::options::{RunArgs, TilingArgs};
use super::output::replaceable;
use super::output::watch_interrupt;
use super::part::model_files;
use super::say::say;
use crate::dapo::Alarm;
use crate::files::{UNREADABLE, digest, read_regular};
use crate::inspect::{PART_SCHEMA, Part, PartAbout};
use crate::report::results::Program;
use crate::report::{AtomicFile, write_atomic};
use crate::words::plural;

/// Options of `teach`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Photos of good parts, or folders of them
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    good: Vec<PathBuf>,
    /// Find the threshold for this share of alarms among good parts, too: some of the photos are set apart for it, at
    /// least 1/R - 1 of them
    #[arg(long, value_name = "R", value_parser = rate)]
    false_alarms: Option<f64>,
    #[command(flatten)]
    bank: BankArgs,
    #[command(flatten)]
    inspect: InspectArgs,
    #[command(flatten)]
    tiling: TilingArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// File to write, for `detect --part` and `watch --part`
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
}

/// Photos to learn from, and others to calibrate with.
struct Split {
    references: Vec<PathBuf>,
    calibration: Vec<PathBuf>,
}

/// Learns, calibrates, and writes the file.
///
/// # Errors
/// Too few photos, unreadable ones, any error of the model or the device, an unwritable file.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let learner = args.inspect.detector.learner.read()?;
    let prompts = args.inspect.prompts(learner.as_ref())?;
    replaceable(&args.out)?;
    drop(AtomicFile::create(&args.out)?);
    let split = split(args.bank.photos(&args.good)?, args.false_alarms)?;
    let interrupted = watch_interrupt("nothing is stored");
    let inspection = args.inspect.open(&args.run.device, prompts, learner.as_ref())?;
    let inspection = inspection.with_tiling(args.tiling.tiling());
    let inspection = inspection.with_good(&args.bank, &split.references)?;
    let alarm = match args.false_alarms {
        None => None,
        Some(rate) => match calibrated(args, &inspection, learner.as_ref(), (&split, rate), interrupted)? {
            None => return Ok(ExitCode::from(130)),
            found => found,
        },
    };
    let part = part(args, &inspection, learner.as_ref(), alarm)?;
    let bytes = part.to_bytes().map_err(|e| Failure::new(e.to_string()))?;
    if interrupted.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(130));
    }
    write_atomic(&args.out, &bytes)?;
    match &part.about.alarm {
        Some(alarm) => say!(
            "learned from {}; defective from a score of {:.4}, found with {} others: at most {} % of good parts like these",
            plural(split.references.len(), "photo"),
            alarm.threshold,
            split.calibration.len(),
            100.0 * alarm.false_alarm_rate
        ),
        None => say!(
            "learned from {}; with --false-alarms R a threshold is found, too",
            plural(split.references.len(), "photo")
        ),
    }
    say!(
        "stored in {} ({:.1} MB); next: dapo-wgpu detect PHOTOS --part {} --out DIR",
        args.out.display(),
        bytes.len() as f64 / 1e6,
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Divides the photos: no photo is both compared with and a reference, since a part is never as far from itself as from others.
/// Copies count once. The order of contents decides, not that of names.
fn split(photos: Vec<PathBuf>, rate: Option<f64>) -> Result<Split, Failure> {
    let Some(rate) = rate else { return Ok(Split { references: photos, calibration: Vec::new() }) };
    let mut by_content: Vec<(String, PathBuf)> =
        photos.into_iter().map(|path| (digest(&path), path)).collect();
    by_content.sort();
    let mut seen = HashSet::new();
    by_content.retain(|(content, _)| content == UNREADABLE || seen.insert(content.clone()));
    let needed = Alarm::needed(rate);
    if by_content.len() <= needed {
        return Err(Failure::new(format!(
            "{} for --false-alarms {rate}: {needed} calibrate, and at least one more is compared with",
            plural(by_content.len(), "different photo")
        ))
        .hint("add photos of good parts, allow more false alarms, or leave out --false-alarms and give --alarm-threshold"));
    }
    let calibrating = needed.max(by_content.len() / 2);
    let mut paths: Vec<PathBuf> = by_content.into_iter().map(|(_, path)| path).collect();
    let references = paths.split_off(calibrating);
    Ok(Split { references, calibration: paths })
}

/// The threshold from the photos that were set apart; `None` when the user has interrupted.
fn calibrated(
    args: &Args,
    inspection: &Inspection,
    learner: Option<&Learner>,
    (split, rate): (&Split, f64),
    interrupted: &'static AtomicBool,
) -> Result<Option<Alarm>, Failure> {
    let renew = |lost: &_| args.inspect.detector.renew(&args.run.device, learner, inspection, lost);
    let Some(scores) = scores(&inspection.inspector, split.calibration.clone(), interrupted, renew)? else {
        return Ok(None);
    };
    Ok(Some(Alarm::calibrate(&scores, rate, inspection.conditions())?))
}

fn part(
    args: &Args,
    inspection: &Inspection,
    learner: Option<&Learner>,
    alarm: Option<Alarm>,
) -> Result<Part, Failure> {
    let detector = inspection.inspector.detector();
    let references =
        detector.references().ok_or_else(|| Failure::new("there are no good photos to learn from"))?.save();
    let learned = |path: &std::path::Path| {
        read_regular(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
    };
    let mut model = inspection.model.clone();
    if !model.path.is_empty() {
        // A part is opened from other folders, too.
        let folder = detector.clip().folder();
        model.path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).display().to_string();
    }
    Ok(Part {
        about: PartAbout {
            schema: PART_SCHEMA.into(),
            program: Program::own(),
            model_files: model_files(detector.clip().folder())?,
            model,
            weights: args.inspect.detector.model.weights().into(),
            object: match learner {
                Some(_) => args.inspect.detector.object.clone(),
                None => Some(inspection.prompts.object.clone()),
            },
            defects: inspection.prompts.defects.clone(),
            reading: args.inspect.detector.reading.options(),
            tile: args.tiling.tiling().map(|tiling| (tiling.edge, tiling.overlap)),
            references: references.about.clone(),
            references_digest: inspection.conditions().references,
            good: inspection.good.clone(),
            alarm,
        },
        classes: detector.class_embeddings().map(<[f32]>::to_vec),
        learner: args.inspect.detector.learner.path().map(learned).transpose()?,
        references,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_photo_is_on_both_sides_and_copies_count_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: String, text: String| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let mut photos: Vec<PathBuf> = (0..20).map(|n| write(format!("{n}.png"), n.to_string())).collect();
        photos.push(write("copy.png".into(), "3".into()));
        let all = split(photos.clone(), None).expect("no threshold");
        assert_eq!((all.references.len(), all.calibration.len()), (21, 0));
        // 1/0.1 - 1 = 9 are needed; half of 20 are more.
        let half = split(photos.clone(), Some(0.1)).expect("enough");
        assert_eq!((half.references.len(), half.calibration.len()), (10, 10));
        assert!(half.references.iter().all(|path| !half.calibration.contains(path)));
        photos.reverse();
        assert_eq!(split(photos.clone(), Some(0.1)).expect("enough").calibration.len(), 10);
        let most = split(photos.clone(), Some(0.05)).expect("enough");
        assert_eq!((most.references.len(), most.calibration.len()), (1, 19));
        let few = split(photos, Some(0.01)).err().expect("too few");
        assert!(
            few.message.contains("20 different photos") && few.message.contains("99 calibrate"),
            "{}",
            few.message
        );
    }
}
