//! The learner file: tensors, and in the metadata everything needed to use them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::config::LearnerConfig;
use super::parameters::{LearnerError, Parameters, Values};
use crate::clip::Clip;
use crate::dapo::Alarm;

/// Version of the description.
pub const SCHEMA: &str = "dapo-wgpu/learner/1";
/// The entry of a safetensors file that holds the description.
const ENTRY: &str = "dapo_wgpu";
/// The entry that holds a threshold for alarms.
const ALARM: &str = "dapo_wgpu_alarm";
/// The tensor that holds the class vectors, [K+1, embed_dim].
const CLASS_VECTORS: &str = "text_features";

/// The model that a learner belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ModelShape {
    /// Name of its architecture.
    pub name: String,
    /// Length of its embeddings.
    pub embed_dim: usize,
    /// Blocks and width of its vision tower.
    pub vision: (usize, usize),
    /// Blocks and width of its text tower.
    pub text: (usize, usize),
}

impl ModelShape {
    /// The shape of a model.
    pub fn of(clip: &Clip) -> Self {
        Self {
            name: clip.config().name.clone(),
            embed_dim: clip.config().embed_dim,
            vision: (clip.vision().depth(), clip.vision().width()),
            text: (clip.text().depth(), clip.text().width()),
        }
    }
}

/// A learner's settings and history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Description {
    /// [`SCHEMA`].
    pub schema: String,
    /// Hyper-parameters, without unset fields.
    pub learner: LearnerConfig,
    /// Names of the defects in training, in the order of the classes from 1.
    pub train_defects: Vec<String>,
    /// Names of the same defects for detection: synonyms may do better.
    pub test_defects: Vec<String>,
    /// The model that it was trained with.
    pub model: ModelShape,
    /// Edge of the images in training, in pixels.
    pub image_size: usize,
    /// Steps of training.
    pub steps: usize,
}

/// The contents of a learner file.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnerFile {
    /// The tensors.
    pub parameters: Parameters,
    /// The description; `None` for a file that another program wrote.
    pub description: Option<Description>,
    /// Class vectors of `test_defects`, [K+1, embed_dim], if they were saved.
    pub class_vectors: Option<Values>,
    /// The threshold for alarms, if it was calibrated.
    pub alarm: Option<Alarm>,
}

impl LearnerFile {
    /// Reads the bytes of a safetensors file.
    ///
    /// # Errors
    /// [`LearnerError`] when it is not one, or its description cannot be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LearnerError> {
        let (mut parameters, entries) = Parameters::from_bytes(bytes)?;
        let class_vectors = parameters.tensors.remove(CLASS_VECTORS);
        let description = entries
            .get(ENTRY)
            .map(|text| {
                let description: Description =
                    serde_json::from_str(text).map_err(|e| LearnerError::Description(e.to_string()))?;
                match description.schema.as_str() {
                    SCHEMA => Ok(description),
                    other => Err(LearnerError::Description(format!(
                        "its schema is '{other}', this program reads '{SCHEMA}'"
                    ))),
                }
            })
            .transpose()?;
        let alarm = entries.get(ALARM).map(|text| Alarm::from_json(text.as_bytes())).transpose();
        let alarm = alarm.map_err(|e| LearnerError::Description(format!("its threshold for alarms: {e}")))?;
        Ok(Self { parameters, description, class_vectors, alarm })
    }

    /// The bytes of a safetensors file.
    ///
    /// # Errors
    /// [`LearnerError::File`] when a tensor's shape does not fit its data.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LearnerError> {
        let mut all = self.parameters.clone();
        if let Some(vectors) = &self.class_vectors {
            all.tensors.insert(CLASS_VECTORS.into(), vectors.clone());
        }
        let mut entries = HashMap::new();
        if let Some(description) = &self.description {
            let text =
                serde_json::to_string(description).map_err(|e| LearnerError::Description(e.to_string()))?;
            entries.insert(ENTRY.to_owned(), text);
        }
        if let Some(alarm) = &self.alarm {
            let text = serde_json::to_string(alarm).map_err(|e| LearnerError::Description(e.to_string()))?;
            entries.insert(ALARM.to_owned(), text);
        }
        all.to_bytes(entries)
    }

    /// The settings for a model: those of the description, or inferred from the tensors.
    ///
    /// # Errors
    /// [`LearnerError`] when the learner is for another model.
    pub fn config(&self, clip: &Clip) -> Result<LearnerConfig, LearnerError> {
        let config = match &self.description {
            Some(description) => {
                let (ours, theirs) = (ModelShape::of(clip), &description.model);
                let shape = |m: &ModelShape| (m.embed_dim, m.vision, m.text);
                if shape(&ours) != shape(theirs) {
                    return Err(LearnerError::Description(format!(
                        "it was trained with '{}', and this model, '{}', has other sizes; pass the model that it \
                         belongs to with --model",
                        theirs.name, ours.name
                    )));
                }
                description.learner.clone()
            }
            None => {
                let mut config = LearnerConfig::default();
                self.parameters.infer_sizes(&mut config)?;
                config
            }
        };
        let config = config.resolved(clip).map_err(LearnerError::Description)?;
        self.parameters.check(&config, clip)?;
        Ok(config)
    }
}
