//! The output of `eval` and `merge`: figures, tables and the page.

use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::output::{own_command, print};
use super::say::say;
use crate::eval::table::table;
use crate::report::evaluation::{EvaluationOptions, EvaluationPage};
use crate::report::metrics::{ImageRecord, Metrics};
use crate::report::tables::{TableFormat, metrics_csv, runs_table};
use crate::report::{today, write_atomic};
use crate::words::plural;

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

/// Options of the page, with this initial threshold.
pub fn page_options(threshold: f32) -> EvaluationOptions {
    EvaluationOptions { command: own_command(), created: today(), threshold, ..EvaluationOptions::default() }
}

/// Writes report.html without pictures, for runs without access to the photos.
///
/// # Errors
/// An unwritable file.
pub fn report(outcome: &Outcome<'_>, threshold: f32) -> Result<(), Failure> {
    let mut page = EvaluationPage::new(page_options(threshold));
    for record in outcome.records {
        page.push(record, None)?;
    }
    Ok(page.write(outcome.metrics, outcome.folder.join("report.html"))?)
}

impl Outcome<'_> {
    /// Prints the figures and the path of the page. The exit code says whether all images were evaluated.
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
            say!("note: {note}");
        }
        if !self.metrics.failed.is_empty() {
            say!(
                "{} of {} could not be evaluated; metrics.json says why",
                self.metrics.failed.len(),
                plural(self.records.len(), "image")
            );
        }
        say!("see {}", self.folder.join("report.html").display());
        Ok(if self.metrics.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
    }
}
