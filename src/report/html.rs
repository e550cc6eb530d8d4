//! `report.html`: one page that shows a whole run, without a network and without a folder of pictures beside it.
//!
//! [`ReportBuilder`] is fed image by image, so that a run over thousands of images holds only the encoded thumbnails of
//! the most anomalous ones; the rest appears in the table with links to the overlay files. The markup is in
//! `page.rs` and `assets/`.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;

use super::atomic::{WriteError, write_atomic};
use super::check::ResultsError;
use super::overlay::{Scaling, fit};
use super::page;
use super::results::{ImageResult, Results};

/// Longest side of an inlined thumbnail.
const THUMBNAIL_SIDE: u32 = 512;
/// Longest side of an inlined heat map; maps are smooth, the browser enlarges them to the thumbnail.
const HEAT_SIDE: u32 = 256;
/// Longest side of one small multiple.
const MULTIPLE_SIDE: u32 = 112;
/// At most this many small multiples per image.
const MAX_MULTIPLES: usize = 12;

/// What the page says beyond the results, and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// The command line that repeats the run, see [`shell_command`].
    pub command: String,
    /// When the run was made, in words; empty to leave it out (the page is then the same on every run).
    pub created: String,
    /// Score from which an image is flagged when the page opens. The reader can move it.
    pub threshold: f32,
    /// How the heat maps were coloured, for the legend.
    pub scaling: Scaling,
    /// At most this many images are shown with pictures.
    pub max_inline: usize,
    /// At most this many bytes of pictures (as base64) go into the page.
    pub max_inline_bytes: usize,
}

impl Default for ReportOptions {
    /// Threshold 0.5, the 60 most anomalous images, 16 MiB.
    fn default() -> Self {
        Self {
            command: String::new(),
            created: String::new(),
            threshold: 0.5,
            scaling: Scaling::Fixed,
            max_inline: 60,
            max_inline_bytes: 16 << 20,
        }
    }
}

/// The pictures of one image; any size, scaled down as needed.
#[derive(Debug, Clone)]
pub struct ReportImage {
    /// The original image.
    pub thumbnail: RgbImage,
    /// The map in colours, *not* blended with the image (see [`super::MapView::colours`]): the page lays it over the
    /// thumbnail with an opacity the reader chooses.
    pub heat: RgbImage,
    /// Name and coloured map of each class, for the small multiples; may be empty.
    pub class_maps: Vec<(String, RgbImage)>,
}

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A picture could not be encoded.
    #[error("cannot encode the thumbnail of '{path}': {source}")]
    Encode {
        /// Path of the image.
        path: String,
        /// What the encoder said.
        source: image::ImageError,
    },
    /// [`ReportBuilder::push`] was not called once per image of the results.
    #[error(
        "the report was given {pushed} images, the results have {expected}; push every image once, in order"
    )]
    Count {
        /// Images pushed.
        pushed: usize,
        /// Images in the results.
        expected: usize,
    },
    /// The results break their own schema.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The page could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Pictures of one image as `data:` URLs.
#[derive(Debug)]
pub(super) struct Inlined {
    /// Position among the results.
    pub index: usize,
    /// Its anomaly score.
    pub score: f32,
    /// Size of the thumbnail, so that the page does not jump while loading.
    pub size: (u32, u32),
    /// The thumbnail.
    pub thumbnail: String,
    /// The heat map.
    pub heat: String,
    /// Name and picture per class.
    pub class_maps: Vec<(String, String)>,
}

impl Inlined {
    /// Scales the pictures down and encodes them.
    ///
    /// # Errors
    /// [`ReportError::Encode`] for a picture without pixels.
    pub(super) fn new(
        index: usize,
        score: f32,
        path: &str,
        pictures: &ReportImage,
    ) -> Result<Self, ReportError> {
        let encode = |picture: &RgbImage, side| {
            data_url(&fit(picture, side))
                .map_err(|source| ReportError::Encode { path: path.to_owned(), source })
        };
        let thumbnail = fit(&pictures.thumbnail, THUMBNAIL_SIDE);
        let class_maps = pictures.class_maps.iter().take(MAX_MULTIPLES);
        Ok(Self {
            index,
            score,
            size: thumbnail.dimensions(),
            thumbnail: encode(&thumbnail, THUMBNAIL_SIDE)?,
            heat: encode(&pictures.heat, HEAT_SIDE)?,
            class_maps: class_maps
                .map(|(name, map)| Ok((name.clone(), encode(map, MULTIPLE_SIDE)?)))
                .collect::<Result<_, ReportError>>()?,
        })
    }

    /// Characters that its pictures take in a page.
    pub(super) fn bytes(&self) -> usize {
        self.thumbnail.len()
            + self.heat.len()
            + self.class_maps.iter().map(|(_, url)| url.len()).sum::<usize>()
    }
}

/// Collects a report image by image; memory is bounded by [`ReportOptions::max_inline`] and
/// [`ReportOptions::max_inline_bytes`], not by the number of images.
#[derive(Debug)]
pub struct ReportBuilder {
    options: ReportOptions,
    pushed: usize,
    /// Sorted by score, highest first; equal scores in input order.
    kept: Vec<Inlined>,
    bytes: usize,
    /// Highest score that found no room; nothing at or below it is taken any more, so that the kept ones stay the
    /// most anomalous also where the byte limit is what decides.
    refused: f32,
}

impl ReportBuilder {
    /// A report without images.
    pub fn new(options: ReportOptions) -> Self {
        Self { options, pushed: 0, kept: Vec::new(), bytes: 0, refused: f32::NEG_INFINITY }
    }

    /// Whether pictures of an image with this score would be kept at this point. Making them is worthless otherwise.
    pub fn wants(&self, score: f32) -> bool {
        let room = self.kept.len() < self.options.max_inline;
        score > self.refused && (room || self.kept.last().is_some_and(|last| score > last.score))
    }

    /// Adds the next image, in the order of [`Results::images`]; `pictures` may be `None`, and are ignored for an image
    /// that failed or is not among the most anomalous.
    ///
    /// # Errors
    /// [`ReportError::Encode`] if a picture cannot be encoded (one without pixels).
    pub fn push(&mut self, result: &ImageResult, pictures: Option<&ReportImage>) -> Result<(), ReportError> {
        let index = self.pushed;
        self.pushed += 1;
        let (Some(image), Some(pictures)) = (result.scored(), pictures) else {
            return Ok(());
        };
        if !self.wants(image.score) {
            self.refused = self.refused.max(image.score);
            return Ok(());
        }
        let entry = Inlined::new(index, image.score, &image.path, pictures)?;
        self.bytes += entry.bytes();
        let place = self.kept.partition_point(|kept| kept.score >= entry.score);
        self.kept.insert(place, entry);
        while self.kept.len() > self.options.max_inline || self.bytes > self.options.max_inline_bytes {
            let Some(last) = self.kept.pop() else { break };
            self.bytes -= last.bytes();
            self.refused = self.refused.max(last.score);
        }
        Ok(())
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

/// A picture as JPEG in a `data:` URL.
fn data_url(picture: &RgbImage) -> Result<String, image::ImageError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 82).encode_image(picture)?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}

/// Joins arguments to a command line for a POSIX shell; arguments with special characters are put in single quotes.
///
/// ```
/// # use dapo_wgpu::report::html::shell_command;
/// assert_eq!(shell_command(["dapo-wgpu", "detect", "my parts/"]), "dapo-wgpu detect 'my parts/'");
/// ```
pub fn shell_command<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    let quote = |argument: S| match argument.as_ref() {
        text if !text.is_empty() && text.chars().all(plain) => text.to_string(),
        text => format!("'{}'", text.replace('\'', r"'\''")),
    };
    arguments.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::tests::example;
    use image::Rgb;

    fn pictures(shade: u8) -> ReportImage {
        // Noise, so that the JPEG has a size worth limiting.
        let noise = |x: u32, y: u32| (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)) as u8 ^ shade;
        let picture = RgbImage::from_fn(600, 300, |x, y| Rgb([noise(x, y), noise(y, x), shade]));
        ReportImage {
            heat: picture.clone(),
            class_maps: vec![("hole".into(), picture.clone())],
            thumbnail: picture,
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
        assert!(builder.wants(0.6) && !builder.wants(0.5));
        let page = builder.finish(&results).expect("finish");
        assert_eq!(page.matches("<article").count(), 3);
        assert_eq!(page.matches("<tr data-score").count(), 6, "the table has every image");
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

    #[test]
    fn shell_quoting() {
        assert_eq!(shell_command(["a", "", "it's", "$x"]), r"a '' 'it'\''s' '$x'");
    }
}
