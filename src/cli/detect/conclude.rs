//! The end of a run of `detect`: results, page, and what is said.

use std::process::ExitCode;

use super::args::Args;
use super::outputs::Outputs;
use super::writer::Writer;
use crate::cli::Failure;
use crate::cli::failure::DEFECTIVE;
use crate::cli::inspection::Inspection;
use crate::cli::output::print;
use crate::cli::reading::tell;
use crate::cli::say::{in_a_line, say};
use crate::clip::embedded;
use crate::dapo::Alarm;
use crate::data::LeftOut;
use crate::documents::DetectionRun;
use crate::inspect::{box_remarks, left_out};
use crate::report::results::{ImageResult, Results, ScoredImage, Verdict};
use crate::words::{agree, plural};

/// What a run was about.
pub struct Conclusion<'a> {
    pub args: &'a Args,
    pub inspection: &'a Inspection,
    pub alarm: Option<&'a Alarm>,
    /// Score from which an image is called defective.
    pub threshold: f32,
    /// Why the learner's threshold is not used.
    pub note: Option<String>,
    pub left_out: &'a LeftOut,
    /// Images that were to be inspected.
    pub total: usize,
}

/// What a user can do after a run that ended early.
const AGAIN: &str = "the same command goes on from there";

impl Conclusion<'_> {
    /// Writes results and page of all that is done, whether that is everything, the run was interrupted, or ended by an
    /// error.
    ///
    /// # Errors
    /// The error that ended the run; files that cannot be written.
    pub fn write(self, mut writer: Writer<'_>, worked: Result<(), Failure>) -> Result<ExitCode, Failure> {
        let kept = writer.keep();
        let done = writer.done();
        let failed = match (worked, kept) {
            (Err(failure), _) | (Ok(()), Err(failure)) => failure,
            (Ok(()), Ok(())) => {
                let stopped = done < self.total;
                if done == 0 {
                    say!("stopped before the first image was done");
                    return Ok(ExitCode::from(130));
                }
                let results = self.save(writer, stopped)?;
                return self.conclude(&results, stopped);
            }
        };
        // Results of what is done are worth having, and cannot be written where the disk is full.
        let saved = done > 0 && self.save(writer, true).is_ok();
        Err(match (done, saved) {
            (0, _) => failed,
            (_, true) => add(
                failed,
                format!(
                    "results.json has the {done} of {} that are done; {AGAIN}",
                    plural(self.total, "image")
                ),
            ),
            (_, false) => add(failed, format!("{done} of {} done; {AGAIN}", plural(self.total, "image"))),
        })
    }

    /// Writes `results.json` and `report.html`.
    fn save(&self, writer: Writer<'_>, stopped: bool) -> Result<Results, Failure> {
        let (inspector, prompts) = (&self.inspection.inspector, &self.inspection.prompts);
        let (seconds, tally) = (writer.seconds(), writer.tally.clone());
        let (report, images, written, progress) = writer.into_parts();
        let remarks = box_remarks(images.iter().filter_map(ImageResult::scored));
        let results = DetectionRun {
            inspector,
            prompts,
            model: &self.inspection.model,
            good: &self.inspection.good,
            threshold: self.args.threshold.of_boxes(),
            min_area: self.args.threshold.min_area,
            alarm_threshold: self.threshold,
            interrupted: stopped,
            seconds,
            notes: self.note.iter().cloned().chain(tally.lines()).collect(),
            left_out_notes: self.left_out.lines(),
            left_out: left_out(self.left_out),
            written,
        }
        .results(images);
        let folder = &self.args.out;
        ["results.json", "report.html"].iter().try_for_each(|name| Outputs::new(folder).set_aside(name))?;
        results.save(folder.join("results.json"))?;
        report.write(&results, folder.join("report.html"))?;
        if let Some(note) = &self.note {
            say!("note: {note}");
        }
        tell(&tally);
        remarks.iter().for_each(|line| say!("note: {line}"));
        if !stopped {
            progress.finish()?;
        }
        Ok(results)
    }

    /// Prints the results, and what a user should know of them.
    fn conclude(&self, results: &Results, stopped: bool) -> Result<ExitCode, Failure> {
        let args = self.args;
        let failed = results.images.iter().filter(|i| i.scored().is_none()).count();
        match args.printed() {
            Some(format) => print(&format.text(results))?,
            None => {
                print(&results.images.iter().filter_map(ImageResult::scored).map(line).collect::<String>())?
            }
        }
        let adapter = &results.adapter;
        say!(
            "{} in {:.1} s ({:.2}/s) on {} ({}); see {}",
            plural(results.images.len(), "image"),
            results.timing.seconds,
            results.timing.images_per_second,
            adapter.name,
            adapter.kind,
            args.out.join("report.html").display()
        );
        match self.alarm {
            Some(alarm) => say!(
                "defective from a score of {:.3}: at most {} % of good images, by {} of them",
                alarm.threshold,
                100.0 * alarm.false_alarm_rate,
                alarm.images
            ),
            None => say!(
                "defective from a score of {}, which was not calibrated; see `dapo-wgpu calibrate`",
                self.threshold
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
            say!("{} {} left out; results.json says why", plural(files, "file"), agree(files, "was", "were"));
        }
        if failed > 0 {
            say!(
                "{failed} of {} could not be read; results.json says why",
                plural(results.images.len(), "image")
            );
        }
        if stopped {
            say!("{} of {} done; {AGAIN}", results.images.len(), plural(self.total, "image"));
        }
        let defective = |image: &ScoredImage| image.verdict == Some(Verdict::Defective);
        let found =
            args.fail_on_defect && results.images.iter().filter_map(ImageResult::scored).any(defective);
        Ok(match (stopped, failed) {
            (true, _) => ExitCode::from(130),
            _ if found => ExitCode::from(DEFECTIVE),
            (false, 0) => ExitCode::SUCCESS,
            (false, n) if n == results.images.len() => ExitCode::FAILURE,
            _ => ExitCode::from(3),
        })
    }
}

fn line(image: &ScoredImage) -> String {
    let percent = 100.0 * image.type_probability;
    let verdict = image.verdict.map_or("", Verdict::name);
    let (score, kind, path) = (image.score, &image.defect_type, in_a_line(&image.path));
    format!("{score:.3}  {verdict:<9}  {kind:<16} {percent:>4.0} %  {path}\n")
}

/// The failure with more advice.
fn add(failure: Failure, advice: String) -> Failure {
    let hint = match failure.hint.is_empty() {
        true => advice,
        false => format!("{}; {advice}", failure.hint),
    };
    Failure { hint, ..failure }
}
