//! `report.html` of an evaluation: figures beside published ones, curves, confusion matrices, and galleries of images.
//!
//! [`EvaluationPage`] takes image by image, in any order. It keeps the score of every image (a few bytes each) and the
//! pictures of those in the galleries only. The same records, pictures and metrics give the same bytes.

mod breakdown;
mod charts;
mod figures;
mod gallery;
mod published;
mod render;
mod scores;
mod threshold;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::atomic::write_atomic;
use super::metrics::{ImageRecord, Metrics};
use super::pictures::{ReportError, ReportImage};
use gallery::{Card, Gallery, Kind};
pub use render::EvaluationOptions;
use scores::Scores;

/// Collects the page of an evaluation image by image; see the module.
#[derive(Debug)]
pub struct EvaluationPage {
    options: EvaluationOptions,
    /// By product.
    scores: BTreeMap<String, Scores>,
    galleries: [Gallery; 4],
}

impl EvaluationPage {
    /// A page without images.
    pub fn new(options: EvaluationOptions) -> Self {
        let bytes = options.max_inline_bytes / Kind::ALL.len();
        let galleries = Kind::ALL.map(|kind| Gallery::new(kind, options.max_inline, bytes));
        Self { options, scores: BTreeMap::new(), galleries }
    }

    /// Whether pictures of this image would be kept at this point. Otherwise making them is wasted work.
    pub fn would_keep(&self, record: &ImageRecord) -> bool {
        score(record).is_some_and(|_| {
            self.galleries.iter().any(|gallery| gallery.would_keep(record, self.options.threshold))
        })
    }

    /// Adds an image; every image once, in any order. `pictures` are ignored for an image that failed or has no place
    /// in a gallery. Without them it counts everywhere but cannot be in a gallery.
    ///
    /// # Errors
    /// [`ReportError::Encode`] if a picture cannot be encoded (one without pixels).
    pub fn push(&mut self, record: &ImageRecord, pictures: Option<&ReportImage>) -> Result<(), ReportError> {
        let Some(value) = score(record) else { return Ok(()) };
        self.scores.entry(record.product.clone()).or_default().push(value, record.truth.is_some());
        let Some(pictures) = pictures.filter(|_| self.would_keep(record)) else { return Ok(()) };
        let card = Arc::new(Card::new(record, value, pictures)?);
        for gallery in &mut self.galleries {
            gallery.offer(&card, self.options.threshold);
        }
        Ok(())
    }

    /// Positions of the images in the galleries at this point.
    pub fn shown(&self) -> BTreeSet<usize> {
        self.galleries.iter().flat_map(Gallery::shown).collect()
    }

    /// The page as one self-contained HTML file.
    pub fn html(&self, metrics: &Metrics) -> String {
        render::render(&self.options, &self.scores, &self.galleries, metrics)
    }

    /// Writes [`EvaluationPage::html`] in one step.
    ///
    /// # Errors
    /// [`ReportError::Write`]; an existing file is then untouched.
    pub fn write(&self, metrics: &Metrics, path: impl AsRef<Path>) -> Result<(), ReportError> {
        Ok(write_atomic(path, self.html(metrics).as_bytes())?)
    }
}

/// The score of an image that has one. Scores of other programs may be NaN.
fn score(record: &ImageRecord) -> Option<f32> {
    record.score.filter(|score| record.error.is_none() && score.is_finite())
}

#[cfg(test)]
pub(in crate::report) mod tests;
