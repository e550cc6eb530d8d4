//! DAPO's trained parameters in a checkpoint of PyTorch.
//!
//! Such a file is a dict with a state dict for each component of the learner and the optimizer's state. Two spellings
//! of its keys are in use.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::clip::torch::pickle::Pickle;
use crate::clip::torch::value::{Id, Value};
use crate::clip::torch::{FileTensor, TorchError, TorchFile};

/// A component's name here, and its keys in files.
const PARTS: [(&str, [&str; 2]); 3] = [
    ("prompt_learner", ["prompt_learner", "prompt_learner_state_dict"]),
    ("visual_prompt", ["visual_prompt", "visual_prompt_state_dict"]),
    ("linear_adapter", ["linear_adapter", "trainable_adapter_state_dict"]),
];

/// The trained parameters of one checkpoint, with `E` prompts of `l` learned words, text width `w` and vision width `v`:
/// `prompt_learner.learnable_{normal,abnormal}_tokens` `[E, l, w]`, `prompt_learner.learnable_layer_tokens.N`
/// `[4, w]`, `visual_prompt.learnable_visual_tokens` `[layers, 4, v]`, `linear_adapter.fc.N.weight` `[w, v]` and
/// `linear_adapter.fc.N.bias` `[w]`.
#[derive(Debug)]
pub struct Checkpoint<'a> {
    /// The tensors by these names.
    pub tensors: BTreeMap<String, FileTensor<'a>>,
    /// The epoch that the file names, counted from 0.
    pub epoch: Option<i64>,
    /// Other tensors of these parts, such as a network `meta_net` that is saved but never used.
    pub left_out: Vec<String>,
}

/// Why a checkpoint that looks like DAPO's cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file itself is wrong.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// A part is missing.
    #[error(
        "{path}: no {part} in this checkpoint of DAPO (looked for the keys {keys}); use one that train.py saved"
    )]
    Part {
        /// The file.
        path: PathBuf,
        /// Which part.
        part: &'static str,
        /// The expected keys.
        keys: String,
    },
    /// A tensor is missing or of another shape.
    #[error(
        "{path}: tensor `{tensor}` {problem}; this is not a checkpoint of DAPO, or one of another version"
    )]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: String,
    },
}

impl<'a> Checkpoint<'a> {
    /// Reads the parameters; `None` when the file is something else.
    ///
    /// # Errors
    /// A part or a tensor that is missing or of another shape.
    pub fn read(file: &'a TorchFile, pickle: &Pickle<'a>) -> Result<Option<Self>, CheckpointError> {
        let part =
            |keys: &[&str]| -> Option<Id> { keys.iter().find_map(|key| pickle.entry(pickle.root(), key)) };
        if part(&PARTS[0].1).is_none() {
            return Ok(None);
        }
        let mut tensors = BTreeMap::new();
        let mut left_out = Vec::new();
        for (name, keys) in PARTS {
            let missing =
                || CheckpointError::Part { path: file.path().into(), part: name, keys: keys.join(", ") };
            for (inner, tensor) in file.tensors(pickle, part(&keys).ok_or_else(missing)?)? {
                // Parallel training wraps each part.
                let inner = inner.strip_prefix("module.").unwrap_or(&inner);
                let full = format!("{name}.{inner}");
                if is_used(&full) {
                    tensors.insert(full, tensor);
                } else {
                    left_out.push(full);
                }
            }
        }
        let bad = |(tensor, problem)| CheckpointError::Tensor { path: file.path().into(), tensor, problem };
        check(&tensors).map_err(bad)?;
        let epoch = pickle.entry(pickle.root(), "epoch").and_then(|id| match pickle.get(id) {
            Value::Int(epoch) => Some(*epoch),
            _ => None,
        });
        Ok(Some(Self { tensors, epoch, left_out }))
    }
}

/// Whether the method uses a tensor of this name.
fn is_used(name: &str) -> bool {
    let starts = ["prompt_learner.learnable_layer_tokens.", "linear_adapter.fc."];
    matches!(
        name,
        "prompt_learner.learnable_normal_tokens"
            | "prompt_learner.learnable_abnormal_tokens"
            | "visual_prompt.learnable_visual_tokens"
    ) || starts.iter().any(|start| name.starts_with(start))
}

/// Checks that the shapes are consistent; the error has the tensor and the problem.
fn check(tensors: &BTreeMap<String, FileTensor<'_>>) -> Result<(), (String, String)> {
    let shape = |name: &str| match tensors.get(name) {
        Some(tensor) => Ok(tensor.shape()),
        None => Err((name.to_owned(), "is missing".to_owned())),
    };
    let expect = |name: &str, wanted: &[Option<usize>]| {
        let found = shape(name)?;
        let fits = |(&n, wanted): (&usize, &Option<usize>)| n > 0 && wanted.is_none_or(|wanted| wanted == n);
        if found.len() == wanted.len() && found.iter().zip(wanted).all(fits) {
            return Ok(());
        }
        let wanted: Vec<String> = wanted.iter().map(|n| n.map_or("?".into(), |n| n.to_string())).collect();
        Err((name.to_owned(), format!("has shape {found:?}, expected [{}]", wanted.join(", "))))
    };
    let normal = "prompt_learner.learnable_normal_tokens";
    expect(normal, &[None, None, None])?;
    let (prompts, width) = (shape(normal)?[0], Some(shape(normal)?[2]));
    expect("prompt_learner.learnable_abnormal_tokens", &[Some(prompts), None, width])?;
    let visual = "visual_prompt.learnable_visual_tokens";
    expect(visual, &[None, None, None])?;
    let vision_width = Some(shape(visual)?[2]);
    let numbered = |prefix: &str| tensors.keys().filter(|name| name.starts_with(prefix)).count();
    let layers = "prompt_learner.learnable_layer_tokens.";
    for layer in 0..numbered(layers) {
        expect(&format!("{layers}{layer}"), &[None, width])?;
    }
    let adapters = "linear_adapter.fc.";
    for adapter in 0..numbered(adapters).div_ceil(2).max(1) {
        expect(&format!("{adapters}{adapter}.weight"), &[width, vision_width])?;
        expect(&format!("{adapters}{adapter}.bias"), &[width])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::torch::tests::{fixture, open};

    #[test]
    fn both_spellings_give_the_same_learner() {
        for name in ["learner.pth", "learner_old.pth"] {
            let file = open(&fixture(name)).unwrap();
            let learner = Checkpoint::read(&file, &file.pickle().unwrap()).unwrap().unwrap();
            let found: Vec<(&str, &[usize])> =
                learner.tensors.iter().map(|(n, t)| (&**n, t.shape())).collect();
            let expected: [(&str, &[usize]); 6] = [
                ("linear_adapter.fc.0.bias", &[4]),
                ("linear_adapter.fc.0.weight", &[4, 6]),
                ("prompt_learner.learnable_abnormal_tokens", &[2, 3, 4]),
                ("prompt_learner.learnable_layer_tokens.0", &[4, 4]),
                ("prompt_learner.learnable_normal_tokens", &[2, 3, 4]),
                ("visual_prompt.learnable_visual_tokens", &[2, 4, 6]),
            ];
            assert_eq!(found, expected, "{name}");
            assert_eq!(learner.epoch, Some(1));
            assert_eq!(learner.left_out, ["prompt_learner.meta_net.0.weight"]);
            // The fixture fills each tensor with its number in the order of making.
            let abnormal = &learner.tensors["prompt_learner.learnable_abnormal_tokens"];
            assert_eq!(*abnormal.data(), 2f32.to_le_bytes().repeat(24));
        }
    }

    #[test]
    fn other_files_are_distinguished() {
        let file = open(&fixture("plain.pt")).unwrap();
        assert!(Checkpoint::read(&file, &file.pickle().unwrap()).unwrap().is_none());
        // A program with one of the parts only.
        let file = open(&fixture("learner.pth")).unwrap();
        let program = b"}X\x0e\0\0\0prompt_learner}s.";
        let pickle = Pickle::read(program).unwrap();
        let message = Checkpoint::read(&file, &pickle).unwrap_err().to_string();
        assert!(
            message.contains("no visual_prompt") && message.contains("visual_prompt_state_dict"),
            "{message}"
        );
    }

    #[test]
    fn shapes_must_fit_each_other() {
        let file = open(&fixture("learner.pth")).unwrap();
        let pickle = file.pickle().unwrap();
        let read = || Checkpoint::read(&file, &pickle).unwrap().unwrap().tensors;
        let fault = |change: &dyn Fn(&mut BTreeMap<String, FileTensor>)| {
            let mut tensors = read();
            change(&mut tensors);
            check(&tensors).map_err(|(name, problem)| format!("{name} {problem}"))
        };
        assert_eq!(fault(&|_| ()), Ok(()));
        let all: Vec<String> = read().into_keys().collect();
        for name in all.iter().filter(|name| !name.contains("layer_tokens")) {
            let message = fault(&|tensors| drop(tensors.remove(name))).unwrap_err();
            assert_eq!(message, format!("{name} is missing"));
            let other = if name.ends_with("bias") {
                "linear_adapter.fc.0.weight"
            } else {
                "linear_adapter.fc.0.bias"
            };
            let message =
                fault(&|tensors| drop(tensors.insert(name.clone(), tensors[other].clone()))).unwrap_err();
            assert!(message.starts_with(&format!("{name} has shape")), "{message}");
        }
    }
}
