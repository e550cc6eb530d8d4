//! The schema of `metrics.json`, `dapo-wgpu/metrics/1`, and of `images.jsonl` beside it.
//!
//! The number at the end of [`SCHEMA`] changes when a field is removed, renamed or changes its meaning; new optional
//! fields do not change it, so readers should ignore fields they do not know. `docs/evaluation.md` describes the same
//! for readers who do not read Rust. Nothing in the file depends on how long the run took or in how many pieces it
//! was made: the same data, model and settings on the same adapter give the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::results::{Adapter, FailedImage, LeftOut, Model, Program};

/// Value of [`Metrics::schema`].
pub const SCHEMA: &str = "dapo-wgpu/metrics/1";

/// A figure of merit, a fraction of 1. Definitions are those of [`crate::metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Area under the ROC curve of the image scores.
    ImageAuroc,
    /// Average precision of the image scores.
    ImageAp,
    /// Best F1 of the image scores.
    #[serde(rename = "image_f1_max")]
    ImageF1Max,
    /// Area under the ROC curve of all pixels.
    PixelAuroc,
    /// Average precision of all pixels.
    PixelAp,
    /// Best F1 of all pixels.
    #[serde(rename = "pixel_f1_max")]
    PixelF1Max,
    /// Area under the per-region overlap curve up to a false-positive rate of 0.3.
    Aupro,
    /// One-vs-rest AUROC of the pixels, mean over the classes of the product, normal included.
    MultiAuroc,
    /// One-vs-rest average precision of the pixels, mean over the classes.
    MultiAp,
    /// Macro F1 of the most likely class of each pixel.
    #[serde(rename = "multi_f1")]
    MultiF1,
}

impl Figure {
    /// All of them, in the order of tables.
    pub const ALL: [Figure; 10] = [
        Self::ImageAuroc,
        Self::ImageAp,
        Self::ImageF1Max,
        Self::PixelAuroc,
        Self::PixelAp,
        Self::PixelF1Max,
        Self::Aupro,
        Self::MultiAuroc,
        Self::MultiAp,
        Self::MultiF1,
    ];

    /// Its name in files, such as `image_auroc`.
    pub fn key(self) -> &'static str {
        match self {
            Self::ImageAuroc => "image_auroc",
            Self::ImageAp => "image_ap",
            Self::ImageF1Max => "image_f1_max",
            Self::PixelAuroc => "pixel_auroc",
            Self::PixelAp => "pixel_ap",
            Self::PixelF1Max => "pixel_f1_max",
            Self::Aupro => "aupro",
            Self::MultiAuroc => "multi_auroc",
            Self::MultiAp => "multi_ap",
            Self::MultiF1 => "multi_f1",
        }
    }

    /// Whether it is a figure of pixels, not of images.
    pub fn is_of_pixels(self) -> bool {
        !matches!(self, Self::ImageAuroc | Self::ImageAp | Self::ImageF1Max)
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::ImageAuroc => "image AUROC",
            Self::ImageAp => "image AP",
            Self::ImageF1Max => "image F1-max",
            Self::PixelAuroc => "pixel AUROC",
            Self::PixelAp => "pixel AP",
            Self::PixelF1Max => "pixel F1-max",
            Self::Aupro => "AUPRO",
            Self::MultiAuroc => "multi-type AUROC",
            Self::MultiAp => "multi-type AP",
            Self::MultiF1 => "multi-type F1",
        }
    }
}

/// Figures of a product, or their mean. In the file the values stand beside the other fields, by their keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Figures {
    /// The figures that have a value.
    #[serde(flatten, deserialize_with = "known")]
    pub values: BTreeMap<Figure, f64>,
    /// Why the others have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undefined: BTreeMap<Figure, String>,
    /// How far the exact value can lie from the one given, for figures that were streamed; the others are exact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bounds: BTreeMap<Figure, f64>,
    /// Why figures hold for a part of the defects only: masks of others show nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partial: BTreeMap<Figure, String>,
    /// 95 % bootstrap intervals over the images.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: BTreeMap<Figure, [f64; 2]>,
}

/// The figures among the fields of an object; others are those of a later version.
fn known<'de, D: serde::Deserializer<'de>>(fields: D) -> Result<BTreeMap<Figure, f64>, D::Error> {
    let fields = BTreeMap::<String, serde_json::Value>::deserialize(fields)?;
    let value = |figure: Figure| Some((figure, fields.get(figure.key())?.as_f64()?));
    Ok(Figure::ALL.into_iter().filter_map(value).collect())
}

/// One class of a product against all others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TypeFigures {
    /// AUROC of its channel; absent where the class has no pixel or every pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auroc: Option<f64>,
    /// Average precision of its channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ap: Option<f64>,
    /// F1 of the pixels where it is the most likely class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// Pixels, or products in a table over products.
    pub support: u64,
}

/// Confusion matrix: which class was predicted for which.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Confusion {
    /// Names of the classes, normal first.
    pub names: Vec<String>,
    /// Rows are true classes, columns predicted ones.
    pub counts: Vec<Vec<u64>>,
}

/// One product.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProductMetrics {
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Images that were scored.
    pub images: usize,
    /// How many of them are defective.
    pub defective: usize,
    /// Defective images without a mask: they count in image figures only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub without_mask: usize,
    /// Masks and maps with something odd, by codes such as `mask_vanished`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remarks: BTreeMap<String, usize>,
    /// Each class of the product, `normal` among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, TypeFigures>,
    /// Pixels: true class against the most likely one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_confusion: Option<Confusion>,
    /// Images: true class against the predicted one, which is normal below the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_confusion: Option<Confusion>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The data that was evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DataAbout {
    /// Name of the data set: that of its description, or of its folder.
    pub name: String,
    /// How labels were found, as in `--layout`.
    pub layout: String,
    /// Images listed.
    pub images: usize,
    /// SHA-256 over the list: images, masks, products, defects.
    pub list_sha256: String,
    /// Images and other files that are not evaluated, by the reason, with paths relative to the data set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: LeftOut,
    /// Remarks about the labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A whole evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Metrics {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What wrote the file.
    pub program: Program,
    /// `"clip"`, `"dapo"`, `"anomalyclip"`, `"multiads"`, or a name given for maps of another program.
    pub method: String,
    /// What was evaluated.
    pub data: DataAbout,
    /// The model; absent for maps of another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
    /// What computed the maps; absent for maps of another program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<Adapter>,
    /// The defect names in the prompts that decide between good and defective.
    #[serde(default)]
    pub defects: Vec<String>,
    /// Settings that change the numbers.
    #[serde(default)]
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Plain mean over the products for which a figure is defined.
    pub mean: Figures,
    /// Each product.
    pub products: BTreeMap<String, ProductMetrics>,
    /// Each defect type: mean over the products that have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, TypeFigures>,
    /// Images that could not be evaluated: they are in no figure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedImage>,
    /// Remarks about the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A line of `images.jsonl`: one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImageRecord {
    /// Position in the list of images, from 0.
    pub index: usize,
    /// Path relative to the data set, with `/`.
    pub path: String,
    /// What is shown.
    pub product: String,
    /// The true defect class; absent for a good image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<String>,
    /// 0 (good) to 1 (defective) for this program's methods, any number for others; absent if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// The most likely defect among those of the product; absent where the method predicts none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is odd about its mask or map, by codes such as `mask_vanished`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Digests of the image file and the mask file that were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// How the file was read where that is not as one may expect, such as turned by its EXIF orientation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_beside_the_other_fields() {
        let product = ProductMetrics {
            figures: Figures {
                values: Figure::ALL.into_iter().map(|f| (f, 0.5)).collect(),
                undefined: BTreeMap::from([(Figure::Aupro, "no mask".to_owned())]),
                ..Figures::default()
            },
            images: 3,
            ..ProductMetrics::default()
        };
        let text = serde_json::to_value(&product).expect("JSON");
        for figure in Figure::ALL {
            assert_eq!(text[figure.key()], 0.5, "{figure:?}");
        }
        assert_eq!((&text["images"], &text["undefined"]["aupro"]), (&3.into(), &"no mask".into()));
        let mut text = text;
        assert_eq!(serde_json::from_value::<ProductMetrics>(text.clone()).expect("the same again"), product);
        text["later"] = "a field of another version".into();
        assert_eq!(serde_json::from_value::<ProductMetrics>(text).expect("ignored"), product);
    }
}
