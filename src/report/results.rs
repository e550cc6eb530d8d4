//! The schema of `results.json`, `dapo-wgpu/results/1`.
//!
//! The number at the end of [`SCHEMA`] changes when a field is removed, renamed or changes its meaning; new optional
//! fields do not change it, so readers should ignore fields they do not know. `docs/results.md` describes the same for
//! readers who do not read Rust.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Value of [`Results::schema`].
pub const SCHEMA: &str = "dapo-wgpu/results/1";

/// Name of the normal class among the probabilities; no defect may have it.
pub const NORMAL: &str = "normal";

/// One run over a list of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Results {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What wrote the file.
    pub program: Program,
    /// What computed it.
    pub adapter: Adapter,
    /// The model that was used.
    pub model: Model,
    /// What the images show, as the prompts call it, e.g. `"metal nut"` or `"object"`.
    pub object: String,
    /// `"clip"` (fixed prompts) or `"dapo"` (tuned prompts).
    pub method: String,
    /// Names of the defect types looked for, in the order of the model's class channels 1, 2, ...
    pub defects: Vec<String>,
    /// Settings that change the numbers (temperature, threshold, smoothing, ...), by name.
    #[serde(default)]
    pub settings: BTreeMap<String, serde_json::Value>,
    /// How long it took.
    pub timing: Timing,
    /// Remarks about the run, such as a kernel that failed its trial on this device.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Files in the folders that were searched which are no images to look at, by the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: LeftOut,
    /// One entry per input image, in input order.
    pub images: Vec<ImageResult>,
    /// The files that the run wrote beside these results, with the beginning of the SHA-256 of each: the next run into the
    /// same folder removes those that are still the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written: BTreeMap<String, String>,
}

/// Files that were not looked at, by the reason: `format_not_read`, `no_extension`, `mask`, `own_output`, `repeated`,
/// `hidden`, `broken_link`, `unreadable`, `other`; in data sets also `dropped`, `missing_file` and `entry`.
pub type LeftOut = BTreeMap<String, LeftFiles>;

/// Files that were not looked at for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LeftFiles {
    /// How many.
    pub count: usize,
    /// The first few.
    pub first: Vec<String>,
}

/// The program that wrote a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Program {
    /// `"dapo-wgpu"`.
    pub name: String,
    /// Its version, e.g. `"0.1.0"`.
    pub version: String,
}

impl Program {
    /// This program.
    pub fn own() -> Self {
        Self { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() }
    }
}

/// The device the run was computed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Adapter {
    /// The name its driver reports.
    pub name: String,
    /// `"vulkan"`, `"metal"`, `"dx12"` or `"gl"`.
    pub backend: String,
    /// `"discrete gpu"`, `"integrated gpu"`, `"virtual gpu"`, `"cpu (software)"` or `"unknown"`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Driver name and version, as reported.
    pub driver: String,
    /// `true` if the adapter emulates a GPU on the CPU: results are the same, speed is not that of a GPU.
    pub software: bool,
}

/// The model a run used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Model {
    /// Short name, e.g. `"dapo-nano"` or `"ViT-L-14-336"`.
    pub name: String,
    /// Folder or file it was loaded from; empty if it is embedded in the program.
    pub path: String,
    /// Edge of the square model input in pixels.
    pub image_size: u32,
    /// Edge of a patch in pixels.
    pub patch_size: u32,
    /// Length of the joint image and text embedding.
    pub embed_dim: u32,
    /// Factors of products: `"f32"`, or `"f16"` for 11 bits.
    #[serde(default = "f32_precision")]
    pub precision: String,
    /// `true` for the embedded demonstration model, which is not meant for real inspection.
    pub demonstration: bool,
    /// SHA-256 of the weight file in lower-case hexadecimal, if it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
}

/// Results from before there was a choice.
fn f32_precision() -> String {
    "f32".into()
}

/// Wall-clock time from reading the first image to the last result, without loading the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timing {
    /// Images processed without error.
    pub images: usize,
    /// Seconds they took together.
    pub seconds: f64,
    /// `images / seconds`.
    pub images_per_second: f64,
}

/// The outcome for one input image: a result or an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ImageResult {
    /// The image could not be processed; the run went on with the next.
    Failed(FailedImage),
    /// The image was processed.
    Scored(ScoredImage),
}

/// An image that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailedImage {
    /// The path as given by the user.
    pub path: String,
    /// What went wrong.
    pub error: String,
    /// What to do about it; may be empty.
    #[serde(default)]
    pub hint: String,
}

/// The result of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ScoredImage {
    /// The path as given by the user.
    pub path: String,
    /// Width of the original image in pixels.
    pub width: u32,
    /// Height of the original image in pixels.
    pub height: u32,
    /// Anomaly score of the whole image, 0 (normal) to 1 (defective).
    pub score: f32,
    /// The classification at the threshold in [`Results::settings`] (`alarm_threshold`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The most likely *defect* type: always one of [`Results::defects`], also for images with a low score, so that
    /// readers who set a threshold on `score` themselves learn which defect it would be.
    #[serde(rename = "type")]
    pub defect_type: String,
    /// Probability of `type` among all classes, i.e. `probabilities[type]`.
    pub type_probability: f32,
    /// Probability of `"normal"` and of every defect type; they sum to 1.
    pub probabilities: BTreeMap<String, f32>,
    /// Regions of the anomaly map above the threshold, highest score first.
    #[serde(default)]
    pub boxes: Vec<DefectBox>,
    /// Where the run has good photos: what these and the words say alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Regions without a box, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unboxed: Option<Unboxed>,
    /// How the file was read where that is not as one may expect, such as turned by its EXIF orientation; what is to be
    /// known of the boxes, such as that there are some in an image called good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Overlay picture, relative to the results file, if written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<String>,
    /// Map files, if saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maps: Option<MapFiles>,
}

/// Good or defective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The score lies below the threshold.
    Good,
    /// The score reaches the threshold.
    Defective,
}

impl Verdict {
    /// Defective from `threshold` on.
    pub fn of(score: f32, threshold: f32) -> Self {
        if score >= threshold { Self::Defective } else { Self::Good }
    }

    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Defective => "defective",
        }
    }
}

/// A box around one defective region, in pixels of the *original* image, origin at the top left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DefectBox {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width, at least 1.
    pub width: u32,
    /// Height, at least 1.
    pub height: u32,
    /// Anomaly value of the region, 0 to 1.
    pub score: f32,
    /// Area of the region itself (not of the box), in original pixels.
    pub area: u64,
    /// The defect type that fits the region best.
    #[serde(rename = "type")]
    pub defect_type: String,
    /// Where the run has good photos: the good patch that the most unusual place in the box looks like, but not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<NearestGood>,
}

/// A patch of a good photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NearestGood {
    /// The good photo.
    pub photo: String,
    /// Left edge of the patch in that photo's pixels.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// How far it is, in units of the usual distance of good patches from other good photos.
    pub distance: f32,
}

/// What words and good photos say of an image, each alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evidence {
    /// The score without good photos, 0 to 1.
    pub words: f32,
    /// Mean probability of a defect of the four patches that are farthest from the good photos, by distance alone, 0 to 1.
    pub distance: f32,
}

/// Regions of the map above the threshold that have no box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unboxed {
    /// Regions of less than `least_area`.
    pub small: usize,
    /// The least area of a region that has a box, in original pixels.
    pub least_area: u64,
    /// Regions beyond the most boxes that an image has.
    pub beyond: usize,
}

impl Unboxed {
    /// Whether every region has a box.
    pub fn is_empty(&self) -> bool {
        self.small == 0 && self.beyond == 0
    }
}

/// Saved maps, as paths relative to the results file. Values are in 0..=1 at the model's resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MapFiles {
    /// float32 `[H, W]`: how anomalous each pixel is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
    /// float32 `[K+1, H, W]`: probability of normal and of each defect, in the order of [`Results::defects`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi: Option<String>,
}

impl ImageResult {
    /// The path as given by the user.
    pub fn path(&self) -> &str {
        match self {
            Self::Failed(image) => &image.path,
            Self::Scored(image) => &image.path,
        }
    }

    /// The result, unless the image failed.
    pub fn scored(&self) -> Option<&ScoredImage> {
        match self {
            Self::Failed(_) => None,
            Self::Scored(image) => Some(image),
        }
    }
}
