//! Checkpoints of a training run, as the bytes of a safetensors file.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::description::ModelShape;
use super::parameters::{LearnerError, Parameters};
use super::train::Snapshot;
use crate::dapo::run::RunConfig;

/// Version of a checkpoint.
pub const SCHEMA: &str = "dapo-wgpu/checkpoint/1";
const ENTRY: &str = "dapo_wgpu";
const MEANS: &str = "adam.mean.";
const SQUARES: &str = "adam.square.";

/// The state of a run apart from its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// [`SCHEMA`].
    pub schema: String,
    /// Steps taken.
    pub step: usize,
    /// Settings, without unset fields.
    pub run: RunConfig,
    /// Whether the images come in the order of their paths.
    pub in_order: bool,
    /// Digest of the images' names and defects, which must be the same on resuming.
    pub data: String,
    /// The model, which must be the same on resuming.
    pub model: Option<ModelShape>,
    /// The folder of the images, as it was given.
    pub data_folder: String,
}

impl RunState {
    /// The bytes of a checkpoint.
    ///
    /// # Errors
    /// [`LearnerError::File`] when a tensor's shape does not fit its data.
    pub fn to_bytes(&self, snapshot: &Snapshot) -> Result<Vec<u8>, LearnerError> {
        let mut all = snapshot.values.clone();
        for (prefix, of) in [(MEANS, &snapshot.means), (SQUARES, &snapshot.squares)] {
            all.tensors.extend(of.tensors.iter().map(|(name, v)| (format!("{prefix}{name}"), v.clone())));
        }
        let text = serde_json::to_string(self).map_err(|e| LearnerError::Description(e.to_string()))?;
        all.to_bytes(HashMap::from([(ENTRY.to_owned(), text)]))
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`LearnerError`] when the bytes are not a checkpoint, or one of another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, Snapshot), LearnerError> {
        let (all, entries) = Parameters::from_bytes(bytes)?;
        let text = entries
            .get(ENTRY)
            .ok_or_else(|| LearnerError::Description("there is none: not a checkpoint of a run".into()))?;
        let state: Self = serde_json::from_str(text).map_err(|e| LearnerError::Description(e.to_string()))?;
        if state.schema != SCHEMA {
            return Err(LearnerError::Description(format!(
                "its schema is '{}', this program reads '{SCHEMA}'",
                state.schema
            )));
        }
        let mut snapshot = Snapshot { step: state.step, ..Snapshot::default() };
        for (name, values) in all.tensors {
            let (of, name) = match (name.strip_prefix(MEANS), name.strip_prefix(SQUARES)) {
                (Some(name), _) => (&mut snapshot.means, name),
                (_, Some(name)) => (&mut snapshot.squares, name),
                _ => (&mut snapshot.values, name.as_str()),
            };
            of.tensors.insert(name.to_owned(), values);
        }
        Ok((state, snapshot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dapo::learner::parameters::Values;

    #[test]
    fn a_checkpoint_reads_back_as_it_was() {
        let tensors = |x: f32| Parameters {
            tensors: [("a.b".to_owned(), Values { shape: vec![2], data: vec![x, -x] })].into(),
        };
        let snapshot =
            Snapshot { step: 7, values: tensors(0.1), means: tensors(1e-40), squares: tensors(3.0) };
        let state = RunState {
            schema: SCHEMA.into(),
            step: 7,
            run: RunConfig::default(),
            in_order: true,
            data: "x".into(),
            model: None,
            data_folder: "d".into(),
        };
        let bytes = state.to_bytes(&snapshot).expect("bytes");
        assert_eq!(RunState::from_bytes(&bytes), Ok((state, snapshot)));
        for cut in [0, 7, 40, bytes.len() - 1] {
            assert!(RunState::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
