//! Pictures inside a page: thumbnails, heat maps and class maps as `data:` URLs, and how they are shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _, RgbImage, RgbaImage};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::atomic::WriteError;
use super::overlay::fit;
use super::results_file::ResultsError;
use crate::words::plural;

/// Longest side of an inlined thumbnail.
const THUMBNAIL_SIDE: u32 = 512;
/// Longest side of one small multiple.
const MULTIPLE_SIDE: u32 = 112;
/// At most this many small multiples per image.
const MAX_MULTIPLES: usize = 12;

/// The pictures of one image; any size, scaled down as needed.
#[derive(Debug, Clone)]
pub struct ReportImage {
    /// The original image.
    pub thumbnail: RgbImage,
    /// The map as a layer (see [`super::MapView::layer`]) of any size: the page lays it over the thumbnail with an opacity
    /// the reader chooses.
    pub heat: RgbaImage,
    /// The outline of the true mask (see [`super::outline`]), where it is known.
    pub truth: Option<RgbaImage>,
    /// Name and coloured map of each class, for the small multiples; may be empty.
    pub class_maps: Vec<(String, RgbImage)>,
    /// An unusual place of a box, and the place of a good photo that it looks like, but not enough; may be empty.
    pub likeness: Vec<[RgbImage; 2]>,
}

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A picture could not be encoded.
    #[error("cannot encode the thumbnail of '{path}': {source}")]
    Encode {
        /// Path of the image.
        path: String,
        /// The error of the encoder.
        source: image::ImageError,
    },
    /// [`super::ReportBuilder::push`] was not called once per image of the results.
    #[error(
        "the report was given {}, the results have {expected}; push every image once, in order",
        plural(*.pushed, "image")
    )]
    Count {
        /// Images pushed.
        pushed: usize,
        /// Images in the results.
        expected: usize,
    },
    /// The results do not conform to their own schema.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The page could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Pictures of one image as `data:` URLs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Inlined {
    /// Position in the list of images.
    pub(super) index: usize,
    /// Its anomaly score.
    pub(super) score: f32,
    /// Size of the thumbnail, so that the page does not jump while loading.
    pub(super) size: (u32, u32),
    /// The thumbnail.
    pub(super) thumbnail: String,
    /// The heat map.
    pub(super) heat: String,
    /// The outline of the true mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) truth: Option<String>,
    /// Name and picture per class.
    pub(super) class_maps: Vec<(String, String)>,
    /// An unusual place and what it looks like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) likeness: Vec<[String; 2]>,
}

impl Inlined {
    /// Scales the pictures down and encodes them. A picture without pixels is a [`ReportError::Encode`].
    pub(super) fn new(
        index: usize,
        score: f32,
        path: &str,
        pictures: &ReportImage,
    ) -> Result<Self, ReportError> {
        let failed = |source| ReportError::Encode { path: path.to_owned(), source };
        let encode = |picture: &RgbImage, side| data_url(&fit(picture, side)).map_err(failed);
        let thumbnail = fit(&pictures.thumbnail, THUMBNAIL_SIDE);
        let class_maps = pictures.class_maps.iter().take(MAX_MULTIPLES);
        Ok(Self {
            index,
            score,
            size: thumbnail.dimensions(),
            thumbnail: encode(&thumbnail, THUMBNAIL_SIDE)?,
            heat: png_url(&pictures.heat).map_err(failed)?,
            truth: pictures.truth.as_ref().map(png_url).transpose().map_err(failed)?,
            class_maps: class_maps
                .map(|(name, map)| Ok((name.clone(), encode(map, MULTIPLE_SIDE)?)))
                .collect::<Result<_, ReportError>>()?,
            likeness: pictures
                .likeness
                .iter()
                .map(|[this, that]| Ok([encode(this, MULTIPLE_SIDE)?, encode(that, MULTIPLE_SIDE)?]))
                .collect::<Result<_, ReportError>>()?,
        })
    }

    /// Bytes that its pictures take in a page.
    pub(super) fn bytes(&self) -> usize {
        self.thumbnail.len()
            + self.heat.len()
            + self.truth.as_ref().map_or(0, String::len)
            + self.class_maps.iter().map(|(_, url)| url.len()).sum::<usize>()
            + self.likeness.iter().flatten().map(String::len).sum::<usize>()
    }

    /// The picture under its heat map and `marks`, with the controls of the heat map; `seen` says what is seen in it.
    pub(super) fn view(&self, path: &str, seen: &str, marks: &Markup) -> Markup {
        let (width, height) = self.size;
        let aspect = f64::from(width) / f64::from(height.max(1));
        html! {
            div.view {
                div.stage style={ "--aspect:" (format_args!("{aspect:.4}")) } {
                    img src=(self.thumbnail) width=(width) height=(height) alt={ (path) ": " (seen) } decoding="async";
                    img.heat src=(self.heat) alt="" decoding="async";
                    @if let Some(truth) = &self.truth { img.truth src=(truth) alt="" decoding="async"; }
                    (marks)
                }
            }
            div.tools {
                button.toggle type="button" aria-pressed="true" aria-label={ "Heat map of " (path) } { "Heat map" }
                label.control {
                    "Opacity "
                    input type="range" min="0" max="100" value="75" aria-label={ "Opacity of the heat map of " (path) };
                }
            }
        }
    }

    /// Unusual places beside what they look like, if there are any.
    pub(super) fn likeness(&self) -> Markup {
        html! {
            @if !self.likeness.is_empty() {
                details open {
                    summary { "This looks like that, but not enough" }
                    div.multiples {
                        @for [this, that] in &self.likeness {
                            figure { img src=(this) alt="The most unusual place of a box"; figcaption { "here" } }
                            figure { img src=(that) alt="The place of a good photo that it looks like"; figcaption { "good photo" } }
                        }
                    }
                }
            }
        }
    }

    /// The small map of each class, if there are any.
    pub(super) fn class_maps(&self) -> Markup {
        html! {
            @if !self.class_maps.is_empty() {
                details {
                    summary { "Map of each class" }
                    div.multiples {
                        @for (name, url) in &self.class_maps {
                            figure { img src=(url) alt={ "Map of " (name) }; figcaption { (name) } }
                        }
                    }
                }
            }
        }
    }
}

/// The slider for the heat maps of all pictures.
pub(super) fn opacity_of_all() -> Markup {
    html! {
        label.control {
            "Heat map, all pictures " input #opacity-all type="range" min="0" max="100" value="75";
        }
    }
}

/// The colours of the heat maps.
pub(super) fn colour_scale() -> Markup {
    html! { div.scale role="img" aria-label="Colour scale from black, which is not shown, over red to yellow" {} }
}

/// A picture with opacity as PNG in a `data:` URL.
fn png_url(picture: &RgbaImage) -> Result<String, image::ImageError> {
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Best, PngFilter::Adaptive);
    encoder.write_image(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgba8)?;
    Ok(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

/// A picture as JPEG in a `data:` URL.
fn data_url(picture: &RgbImage) -> Result<String, image::ImageError> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 82).encode_image(picture)?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}
