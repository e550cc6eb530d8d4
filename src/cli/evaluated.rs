//! What `eval` and `merge` leave behind: figures, tables and the page.

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use image::RgbImage;

use super::Failure;
use super::detect::civil_date;
use super::look::Look;
use super::options::{preprocess, print};
use super::picture;
use crate::dapo::Maps;
use crate::data::load_rgb;
use crate::eval::Plan;
use crate::eval::table::table;
use crate::report::evaluation::{EvaluationOptions, EvaluationPage};
use crate::report::metrics::{ImageRecord, Metrics};
use crate::report::tables::{TableFormat, metrics_csv, runs_table};
use crate::report::{MapView, ReportImage, overlay, shell_command, write_atomic};

/// A finished evaluation.
pub struct Outcome<'a> {
    /// The run's folder.
    pub folder: &'a Path,
    /// Its figures.
    pub metrics: &'a Metrics,
    /// Its images.
    pub records: &'a [ImageRecord],
}

/// Writes metrics.json, metrics.csv, and rows for papers.
///
/// # Errors
/// An unwritable file.
pub fn write(outcome: &Outcome<'_>) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(outcome.metrics).map_err(|e| Failure::new(e.to_string()))?;
    text.push('\n');
    write_atomic(outcome.folder.join("metrics.json"), text.as_bytes())?;
    write_atomic(outcome.folder.join("metrics.csv"), metrics_csv(outcome.metrics).as_bytes())?;
    let named = [(outcome.metrics.method.clone(), outcome.metrics.clone())];
    for (format, name) in [(TableFormat::Markdown, "metrics.md"), (TableFormat::Latex, "metrics.tex")] {
        write_atomic(outcome.folder.join(name), runs_table(&named, format).as_bytes())?;
    }
    Ok(())
}

/// Writes report.html. The images of its galleries are looked at once more for their pictures, which costs seconds and
/// saves keeping the maps of all images; without a model there are no galleries.
///
/// # Errors
/// Those of the device; an unwritable file.
pub fn report(outcome: &Outcome<'_>, look: Option<(&Look, &Plan)>, threshold: f32) -> Result<(), Failure> {
    let created = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(String::new(), |t| civil_date(t.as_secs() / 86_400));
    let options = EvaluationOptions {
        command: shell_command(std::env::args_os().map(|a| a.to_string_lossy().into_owned())),
        created,
        threshold,
        ..EvaluationOptions::default()
    };
    let mut draft = EvaluationPage::new(options.clone());
    let dot = RgbImage::new(1, 1);
    let dot = ReportImage { thumbnail: dot.clone(), heat: dot, class_maps: Vec::new() };
    for record in outcome.records {
        draft.push(record, Some(&dot))?;
    }
    let shown = draft.shown();
    let mut page = EvaluationPage::new(options);
    for record in outcome.records {
        let pictures = match look {
            Some((look, plan)) if shown.contains(&record.index) => Some(pictures(look, plan, record)?),
            _ => None,
        };
        page.push(record, pictures.as_ref())?;
    }
    page.write(outcome.metrics, outcome.folder.join("report.html"))?;
    Ok(())
}

/// The pictures of one image.
fn pictures(look: &Look, plan: &Plan, record: &ImageRecord) -> Result<ReportImage, Failure> {
    let item = &plan.items[record.index];
    let image = crate::data::load(&item.image)?;
    let preprocess = preprocess(look.looker.clip());
    let looked = look.looker.look(&preprocess.normalise(&preprocess.resize(&image)))?;
    let mut names = look.prompts.defects.clone();
    let found = match record.predicted {
        None => look.looker.judge(&looked, look.looker.classes(), Maps::Types)?,
        Some(_) => {
            names = plan.names(item.product).split_off(1);
            let classes = look.looker.subset(&plan.products[item.product].classes)?;
            look.looker.judge(&looked, &classes, Maps::Types)?
        }
    };
    let found = found.first().ok_or_else(|| Failure::new("nothing was found out about an image"))?;
    let binary = found.binary_map();
    let view = MapView::new(&binary, found.size, found.size)?;
    let shown = overlay::fit(&load_rgb(&item.image)?, 512);
    picture::report_image(&shown, found, view, &names)
}

impl Outcome<'_> {
    /// Prints the figures, and where more is to be read. The exit code says whether all images were evaluated.
    ///
    /// # Errors
    /// A full disk behind standard output.
    pub fn tell(&self, json: bool) -> Result<ExitCode, Failure> {
        let text = match json {
            true => {
                serde_json::to_string_pretty(self.metrics).map_err(|e| Failure::new(e.to_string()))? + "\n"
            }
            false => table(self.metrics),
        };
        print(&text)?;
        for note in &self.metrics.notes {
            eprintln!("note: {note}");
        }
        if !self.metrics.failed.is_empty() {
            eprintln!(
                "{} of {} images could not be evaluated; metrics.json says why",
                self.metrics.failed.len(),
                self.records.len()
            );
        }
        eprintln!("see {}", self.folder.join("report.html").display());
        Ok(if self.metrics.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}
