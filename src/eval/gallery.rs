//! The pictures of an evaluation's page, kept during the run, so that no file is read twice.

use std::collections::BTreeMap;

use image::RgbImage;

use super::EvalError;
use super::evaluator::{Detections, Evaluator, LabelledPhoto};
use crate::data::Photo;
use crate::inspect::picture::{THUMBNAIL_SIDE, report_image};
use crate::inspect::{Inspected, Renew};
use crate::report::evaluation::{EvaluationOptions, EvaluationPage};
use crate::report::metrics::ImageRecord;
use crate::report::{ReportImage, outline};

/// The pictures of those images that are in a gallery so far.
#[derive(Debug)]
pub struct Gallery {
    /// Decides which images are shown; its own pictures are single pixels.
    draft: EvaluationPage,
    pictures: BTreeMap<usize, ReportImage>,
}

impl Gallery {
    /// For a page with this initial threshold. `records` are images that an earlier run of the program has done.
    ///
    /// # Errors
    /// [`EvalError::Report`].
    pub fn new(threshold: f32, records: &[ImageRecord]) -> Result<Self, EvalError> {
        let options = EvaluationOptions { threshold, ..EvaluationOptions::default() };
        let mut gallery = Self { draft: EvaluationPage::new(options), pictures: BTreeMap::new() };
        for record in records {
            gallery.draft.push(record, Some(&placeholder()))?;
        }
        Ok(gallery)
    }

    /// Keeps the pictures of an image if it is to be shown.
    pub(super) fn offer(
        &mut self,
        evaluator: &Evaluator<'_>,
        record: &ImageRecord,
        labelled: &LabelledPhoto,
        (photo, detections): (&Photo, &Detections),
    ) -> Result<(), EvalError> {
        let is_shown = self.draft.would_keep(record);
        self.draft.push(record, Some(&placeholder()))?;
        if is_shown {
            self.pictures.insert(record.index, pictures(evaluator, labelled, photo, detections)?);
            let shown = self.draft.shown();
            self.pictures.retain(|index, _| shown.contains(index));
        }
        Ok(())
    }

    /// The page of all `records`. Images of its galleries that an earlier run of the program has done are inspected
    /// again for their pictures.
    ///
    /// # Errors
    /// Those of the device; [`EvalError::Report`].
    pub fn page(
        mut self,
        evaluator: &Evaluator<'_>,
        records: &[ImageRecord],
        options: EvaluationOptions,
        renew: &mut Renew<'_>,
    ) -> Result<EvaluationPage, EvalError> {
        let missing = self.draft.shown().into_iter().filter(|index| !self.pictures.contains_key(index));
        for inspected in evaluator.inspect(missing.collect()).renewing(renew) {
            // A file that was there before and is not now has no picture.
            if let Inspected { job, outcome: Ok((photo, detections)) } = inspected? {
                self.pictures.insert(job.index, pictures(evaluator, &job, &photo, &detections)?);
            }
        }
        let mut page = EvaluationPage::new(options);
        for record in records {
            page.push(record, self.pictures.get(&record.index))?;
        }
        Ok(page)
    }
}

fn pictures(
    evaluator: &Evaluator<'_>,
    labelled: &LabelledPhoto,
    photo: &Photo,
    detections: &Detections,
) -> Result<ReportImage, EvalError> {
    let (detection, names) = evaluator.named(labelled, detections);
    let pictures = report_image(photo, detection, &detection.binary_map(), &names)
        .map_err(|e| EvalError::Picture(e.to_string()))?;
    // Of one size for small images, too, so that the line is as thin in theirs.
    let (width, height) = pictures.thumbnail.dimensions();
    let scaled = |side: u32| (side * THUMBNAIL_SIDE / width.max(height)).max(1);
    let (width, height) = (scaled(width), scaled(height));
    let defective = labelled.mask.as_ref().filter(|mask| mask.contains(&true));
    let truth = defective.map(|mask| outline(mask, mask.len().isqrt(), width, height));
    Ok(ReportImage { truth, ..pictures })
}

fn placeholder() -> ReportImage {
    let dot = RgbImage::new(1, 1);
    ReportImage {
        thumbnail: dot,
        heat: image::RgbaImage::new(1, 1),
        truth: None,
        class_maps: Vec::new(),
        likeness: Vec::new(),
    }
}
