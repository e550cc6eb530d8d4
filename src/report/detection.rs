//! The page of `detect`, `report.html`: a whole run, without a network and without a folder of pictures beside it.
//!
//! [`ReportBuilder`] takes image by image, so that a run over thousands of images holds only the encoded thumbnails of
//! the most anomalous ones; the rest appears in the table with links to the overlay files.

mod images;
mod page;

use std::path::Path;

use super::atomic::write_atomic;
use super::pictures::{Inlined, ReportError, ReportImage};
use super::results::{ImageResult, Results};
pub use page::ReportOptions;

/// Collects a report image by image; memory is bounded by [`ReportOptions::max_inline`] and
/// [`ReportOptions::max_inline_bytes`], not by the number of images.
#[derive(Debug)]
pub struct ReportBuilder {
    options: ReportOptions,
    pushed: usize,
    /// Sorted by score, highest first; equal scores in input order.
    kept: Vec<Inlined>,
    bytes: usize,
    /// Highest score that was dropped; nothing at or below it is accepted afterwards, so that the kept images are the
    /// most anomalous also under the byte limit.
    refused: f32,
}

impl ReportBuilder {
    /// A report without images.
    pub fn new(options: ReportOptions) -> Self {
        Self { options, pushed: 0, kept: Vec::new(), bytes: 0, refused: f32::NEG_INFINITY }
    }

    /// Whether pictures of an image with this score would be kept at this point. Otherwise making them is wasted work.
    pub fn would_keep(&self, score: f32) -> bool {
        let room = self.kept.len() < self.options.max_inline;
        score > self.refused && (room || self.kept.last().is_some_and(|last| score > last.score))
    }

    /// Adds the next image, in the order of [`Results::images`]; `pictures` may be `None`, and are ignored for an image
    /// that failed or is not among the most anomalous.
    ///
    /// # Errors
    /// [`ReportError::Encode`] if a picture cannot be encoded (one without pixels).
    pub fn push(&mut self, result: &ImageResult, pictures: Option<&ReportImage>) -> Result<(), ReportError> {
        let inlined = self.inline(result, pictures)?;
        self.push_inlined(result, inlined);
        Ok(())
    }

    /// The pictures of the next image as they would stand in the page; `None` as for [`ReportBuilder::push`].
    ///
    /// # Errors
    /// As [`ReportBuilder::push`].
    pub fn inline(
        &self,
        result: &ImageResult,
        pictures: Option<&ReportImage>,
    ) -> Result<Option<Inlined>, ReportError> {
        match (result.scored(), pictures) {
            (Some(image), Some(pictures)) if self.would_keep(image.score) => {
                Inlined::new(self.pushed, image.score, &image.path, pictures).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Adds the next image with what [`ReportBuilder::inline`] made of its pictures.
    pub fn push_inlined(&mut self, result: &ImageResult, inlined: Option<Inlined>) {
        self.pushed += 1;
        let inlined = inlined.map(|entry| Inlined { index: self.pushed - 1, ..entry });
        let (Some(image), Some(entry)) = (result.scored(), inlined) else {
            self.refused = self.refused.max(self.refusal(result));
            return;
        };
        debug_assert_eq!(image.score, entry.score);
        self.bytes += entry.bytes();
        let place = self.kept.partition_point(|kept| kept.score >= entry.score);
        self.kept.insert(place, entry);
        while self.kept.len() > self.options.max_inline || self.bytes > self.options.max_inline_bytes {
            let Some(last) = self.kept.pop() else { break };
            self.bytes -= last.bytes();
            self.refused = self.refused.max(last.score);
        }
    }

    /// The score of an image that was not kept for its score; nothing at or below it is kept from then on.
    fn refusal(&self, result: &ImageResult) -> f32 {
        let refused = result.scored().filter(|image| !self.would_keep(image.score));
        refused.map_or(f32::NEG_INFINITY, |image| image.score)
    }

    /// The finished page.
    ///
    /// # Errors
    /// [`ReportError::Count`] if the pushed images are not those of `results`, [`ReportError::Results`] if the results
    /// are inconsistent.
    pub fn finish(self, results: &Results) -> Result<String, ReportError> {
        if self.pushed != results.images.len() {
            return Err(ReportError::Count { pushed: self.pushed, expected: results.images.len() });
        }
        results.validate()?;
        Ok(page::render(results, &self.options, &self.kept))
    }

    /// Writes the finished page in one step.
    ///
    /// # Errors
    /// As [`ReportBuilder::finish`], and [`ReportError::Write`]; an existing file is then untouched.
    pub fn write(self, results: &Results, path: impl AsRef<Path>) -> Result<(), ReportError> {
        Ok(write_atomic(path, self.finish(results)?.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results_file::tests::example;
    use image::{Rgb, RgbImage};

    fn picture_of(side: u32) -> RgbImage {
        RgbImage::from_pixel(side, side, Rgb([9, 9, 9]))
    }

    fn pictures(shade: u8) -> ReportImage {
        // Noise, so that the JPEG has a size worth limiting.
        let noise = |x: u32, y: u32| (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)) as u8 ^ shade;
        let picture = RgbImage::from_fn(600, 300, |x, y| Rgb([noise(x, y), noise(y, x), shade]));
        ReportImage {
            heat: image::RgbaImage::from_pixel(64, 32, image::Rgba([90, 0, 0, 90])),
            class_maps: vec![("hole".into(), picture.clone())],
            thumbnail: picture,
            truth: None,
            likeness: vec![[picture_of(3), picture_of(4)]],
        }
    }

    /// A run of `scores`, all else as in the example.
    fn run(scores: &[f32]) -> Results {
        let mut results = example();
        let image = results.images[0].scored().expect("scored").clone();
        let entry = |(i, &score): (usize, &f32)| {
            ImageResult::Scored(super::super::results::ScoredImage {
                path: format!("{i}.png"),
                score,
                verdict: None,
                ..image.clone()
            })
        };
        results.images = scores.iter().enumerate().map(entry).collect();
        results
    }

    fn build(results: &Results, options: ReportOptions) -> ReportBuilder {
        let mut builder = ReportBuilder::new(options);
        for image in &results.images {
            builder.push(image, Some(&pictures(7))).expect("push");
        }
        builder
    }

    #[test]
    fn keeps_the_most_anomalous_only() {
        let results = run(&[0.3, 0.9, 0.1, 0.5, 0.9, 0.2]);
        let builder = build(&results, ReportOptions { max_inline: 3, ..ReportOptions::default() });
        assert_eq!(builder.kept.iter().map(|k| k.index).collect::<Vec<_>>(), [1, 4, 3]);
        assert_eq!(builder.kept[0].size, (512, 256));
        assert!(builder.would_keep(0.6) && !builder.would_keep(0.5));
        let page = builder.finish(&results).expect("finish");
        assert_eq!(page.matches("<article").count(), 3);
        assert_eq!(page.matches(" data-prob=").count(), 6, "the table has every image");
        assert!(page.contains("The 3 images with the highest scores"));
        assert!(page.contains(r#"href="./overlays/a%201.png""#), "the others link to their overlay file");
    }

    #[test]
    fn the_byte_limit_holds_and_keeps_the_highest() {
        let results = run(&[0.5, 0.6, 0.7, 0.8, 0.1]);
        let one = build(&run(&[0.5]), ReportOptions::default()).bytes;
        let builder =
            build(&results, ReportOptions { max_inline_bytes: 2 * one, ..ReportOptions::default() });
        assert_eq!(builder.kept.iter().map(|k| k.index).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(builder.bytes, 2 * one);
        let none = build(&results, ReportOptions { max_inline_bytes: 10, ..ReportOptions::default() });
        assert!(none.kept.is_empty() && none.bytes == 0);
        none.finish(&results).expect("a page without pictures");
    }

    #[test]
    fn failed_images_missing_pushes_and_bad_pictures() {
        let results = example();
        let mut builder = ReportBuilder::new(ReportOptions::default());
        builder.push(&results.images[0], None).expect("push");
        builder.push(&results.images[1], Some(&pictures(1))).expect("push");
        assert!(builder.kept.is_empty());
        let page = builder.finish(&results).expect("finish");
        assert!(page.contains("not an image") && page.contains("convert it to PNG"));

        let early = ReportBuilder::new(ReportOptions::default()).finish(&results);
        assert!(matches!(early, Err(ReportError::Count { pushed: 0, expected: 2 })));
        let empty = ReportImage { thumbnail: RgbImage::new(0, 0), ..pictures(1) };
        let mut builder = ReportBuilder::new(ReportOptions::default());
        assert!(matches!(builder.push(&results.images[0], Some(&empty)), Err(ReportError::Encode { .. })));
    }
}
