//! Writes the results of `detect` during the run.

use std::collections::BTreeMap;
use std::time::Instant;

use super::args::Args;
use super::outputs::{Outputs, files_of_image};
use super::progress::{Entry, Progress};
use crate::cli::Failure;
use crate::cli::inspection::Inspection;
use crate::cli::output::own_command;
use crate::cli::stdin::Paths;
use crate::dapo::Detection;
use crate::data::{ImageEntry, ImageError, Photo, ReadInfo, ReadTally};
use crate::files::digest;
use crate::inspect::picture::Findings;
use crate::report::results::{FailedImage, ImageResult, ScoredImage};
use crate::report::{ReportBuilder, ReportOptions, today};

/// An image, and what its file held when it was read.
#[derive(Debug)]
pub struct Job {
    pub entry: ImageEntry,
    pub content: String,
}

/// What is done so far.
pub struct Writer<'a> {
    args: &'a Args,
    input: &'a Paths,
    inspection: &'a Inspection,
    /// Score from which an image is called defective.
    threshold: f32,
    progress: Progress,
    /// Images whose files are written, and whose lines are not.
    pending: Vec<Entry>,
    /// When this process began with the images.
    pub started: Instant,
    /// Seconds of earlier processes.
    before: f64,
    /// The page.
    pub report: ReportBuilder,
    /// All images.
    pub images: Vec<ImageResult>,
    /// How they were read.
    pub tally: ReadTally,
    /// The files of all images.
    pub files: BTreeMap<String, String>,
}

impl<'a> Writer<'a> {
    /// Nothing is done.
    pub fn new(
        args: &'a Args,
        input: &'a Paths,
        inspection: &'a Inspection,
        (threshold, threshold_note): (f32, String),
        progress: Progress,
    ) -> Self {
        let report = ReportBuilder::new(ReportOptions {
            command: own_command(),
            created: today(),
            threshold,
            threshold_note,
            ..ReportOptions::default()
        });
        Self {
            args,
            input,
            inspection,
            threshold,
            progress,
            pending: Vec::new(),
            started: Instant::now(),
            before: 0.0,
            report,
            images: Vec::new(),
            tally: ReadTally::default(),
            files: BTreeMap::new(),
        }
    }

    /// How many images are done.
    pub fn done(&self) -> usize {
        self.images.len()
    }

    /// Time of all processes of the run.
    pub fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Takes an image that an earlier process has done.
    pub fn again(&mut self, mut entry: Entry) {
        self.before = entry.milliseconds as f64 / 1000.0;
        let picture = entry.picture.take();
        self.add(&entry, picture);
    }

    /// Writes the files of an image.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn inspected(
        &mut self,
        job: &Job,
        outcome: Result<(Photo, Detection), ImageError>,
    ) -> Result<(), Failure> {
        let path = self.input.shown(&job.entry.path);
        let entry = |inputs, bits, result, files| Entry {
            name: job.entry.stem.clone(),
            content: job.content.clone(),
            inputs,
            bits,
            milliseconds: 0,
            result,
            files,
            picture: None,
            seal: String::new(),
        };
        let (mut entry, pictures) = match outcome {
            Err(error) => {
                let error = self.input.named(&error.to_string());
                let result = ImageResult::Failed(FailedImage { path, error, hint: String::new() });
                (entry(0, None, result, BTreeMap::new()), None)
            }
            Ok((photo, detection)) => {
                let (args, out, name) = (self.args, self.progress.folder(), &job.entry.stem);
                let defects = &self.inspection.prompts.defects;
                let findings = Findings::new(&photo, &detection, defects, args.threshold.boxes())?;
                let findings = findings.with_good(&self.inspection.good);
                let outputs = Outputs::new(out);
                files_of_image(name, !args.no_overlays, args.save_maps)
                    .try_for_each(|name| outputs.set_aside(&name))?;
                let overlay = (!args.no_overlays).then(|| findings.save_overlay(out, name)).transpose()?;
                let maps = args.save_maps.then(|| findings.save_maps(out, name)).transpose()?;
                let names =
                    overlay.iter().chain(maps.iter().flat_map(|maps| [&maps.binary, &maps.multi]).flatten());
                let files = names.map(|name| (name.clone(), digest(out.join(name)))).collect();
                let scored = findings.result(path, self.threshold);
                let wanted = self.report.would_keep(detection.score);
                let pictures = wanted.then(|| findings.report_image()).transpose()?;
                let result = ImageResult::Scored(ScoredImage { overlay, maps, ..scored });
                (entry(1 + photo.tiles.len(), photo.info.bits, result, files), pictures)
            }
        };
        entry.milliseconds = (1000.0 * self.seconds()) as u64;
        entry.picture = self.report.inline(&entry.result, pictures.as_ref())?;
        self.add(&entry, entry.picture.clone());
        self.pending.push(entry);
        Ok(())
    }

    fn add(&mut self, entry: &Entry, picture: Option<crate::report::Inlined>) {
        if let Some(image) = entry.result.scored() {
            let plain = ReadInfo::plain((image.width, image.height));
            self.tally.add(&ReadInfo { notes: image.notes.clone(), bits: entry.bits, ..plain });
        }
        self.report.push_inlined(&entry.result, picture);
        self.images.push(entry.result.clone());
        self.files.extend(entry.files.clone());
    }

    /// Keeps what was done since the last call.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn keep(&mut self) -> Result<(), Failure> {
        self.progress.write(&mut self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// The parts that results are made of.
    pub fn into_parts(self) -> (ReportBuilder, Vec<ImageResult>, BTreeMap<String, String>, Progress) {
        (self.report, self.images, self.files, self.progress)
    }
}
