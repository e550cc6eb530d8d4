//! What the numbers of an evaluation depend on: `run.json`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::EvalError;
use super::plan::MAX_SHARDS;
use super::shots::ShotsAbout;
use crate::data::ReadOptions;
use crate::files::read_unmarked;
use crate::report;
use crate::report::metrics::DataAbout;
use crate::report::results::{Adapter, Model, Program};

/// Value of [`Settings::schema`].
pub const SCHEMA: &str = "dapo-wgpu/evaluation/2";

/// Everything that the numbers depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Settings {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What computes.
    pub program: Program,
    /// What is evaluated.
    pub data: DataAbout,
    /// The method's name.
    pub method: String,
    /// The model.
    pub model: Model,
    /// How the model's weights are stored, where it is not as float32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// SHA-256 of the learner's file.
    pub learner_sha256: Option<String>,
    /// What the images show, as the prompts call it.
    pub object: String,
    /// All defect classes.
    pub defects: Vec<String>,
    /// The products in order, and the classes of each, normal first.
    pub products: Vec<(String, Vec<String>)>,
    /// Images that go through the model together.
    pub batch: usize,
    /// Edge and overlap of tiles, if images are cut.
    pub tile: Option<(u32, f32)>,
    /// How images are read, where it is not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<ReadOptions>,
    /// Good photos that images are compared with, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shots: Option<ShotsAbout>,
    /// Score from which an image is called defective.
    pub threshold: f32,
    /// The device: others differ in the last bits.
    pub adapter: Adapter,
    /// Which part of the images, from 1, and of how many.
    pub shard: (usize, usize),
}

impl Settings {
    /// Images of the part that the run is about.
    pub fn images(&self) -> u128 {
        let (number, of) = (self.shard.0 as u128, self.shard.1 as u128);
        (self.data.images as u128 + of - number) / of
    }

    /// Checks what arithmetic depends on: the file may have been edited.
    fn check(&self) -> Result<(), String> {
        let (number, of) = self.shard;
        if number < 1 || number > of || of > MAX_SHARDS {
            return Err(format!("shard is [{number}, {of}]; expected a part from 1 to the number of parts"));
        }
        let names: BTreeSet<&String> = self.products.iter().map(|(name, _)| name).collect();
        if self.model.image_size == 0 || names.is_empty() || names.len() != self.products.len() {
            return Err("it names no product, or one twice, or images without size".into());
        }
        Ok(())
    }
}

/// The settings of the run in a folder.
///
/// # Errors
/// No run, or one of another version.
pub fn read_settings(folder: &Path) -> Result<Settings, EvalError> {
    let path = folder.join("run.json");
    let text = read_unmarked(&path).map_err(EvalError::io(&path))?;
    let damaged = |problem: String| EvalError::Damaged { path: path.clone(), problem };
    let settings: Settings = serde_json::from_slice(&text).map_err(|e| damaged(e.to_string()))?;
    match settings.schema.as_str() {
        SCHEMA => settings.check().map(|()| settings).map_err(damaged),
        other => Err(damaged(format!("its schema is '{other}', this program reads '{SCHEMA}'"))),
    }
}

/// The first field in which two settings differ, and both values. The path of the model is not compared, its
/// weights are.
pub(super) fn difference(theirs: &Settings, ours: &Settings) -> Option<(String, String, String)> {
    let without_path = |settings: &Settings| {
        let mut settings = settings.clone();
        settings.model.path.clear();
        // What is not evaluated changes no figure.
        settings.data.left_out.clear();
        settings.data.notes.clear();
        settings
    };
    report::difference(&without_path(theirs), &without_path(ours))
}

pub(super) fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}
