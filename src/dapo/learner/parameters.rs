//! The values of a learner on the host, under the names of the official checkpoints, and as the bytes of a
//! safetensors file.

use std::collections::{BTreeMap, HashMap};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::config::{LearnerConfig, PatchFeatures};
use super::names::{DEFECT, NORMAL, VISUAL, adapter, text_tokens};
use crate::clip::Clip;
use crate::clip::weights::index_of;
use crate::words::{agree, plural};

/// A tensor of a learner.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Extent of each dimension, the last one contiguous.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Vec<f32>,
}

impl Values {
    /// Refuses NaN and infinities; `name` is that of the tensor.
    fn check_finite(&self, name: &str) -> Result<(), LearnerError> {
        match self.data.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(at) => Err(LearnerError::Value {
                name: name.to_owned(),
                index: index_of(&self.shape, at),
                value: self.data[at].to_string(),
            }),
        }
    }
}

/// Why a file is not a learner for this model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LearnerError {
    /// Not a safetensors file, or truncated.
    #[error("not a readable safetensors file: {0}")]
    File(String),
    /// A tensor is missing.
    #[error("no tensor '{0}'; expected a learner of DAPO (see docs/training.md for its tensors)")]
    Missing(String),
    /// A tensor has another shape or type.
    #[error("tensor '{name}' is {found}, expected {expected}")]
    Shape {
        /// Which.
        name: String,
        /// The shape that the model and settings imply.
        expected: String,
        /// The shape or type in the file.
        found: String,
    },
    /// A value that is NaN or infinite.
    #[error(
        "tensor '{name}' has the value {value} at index {index:?}, and every value must be finite; use a checkpoint from before \
         the training diverged, or train again with a smaller learning rate"
    )]
    Value {
        /// Which tensor.
        name: String,
        /// The first index of such a value.
        index: Vec<usize>,
        /// The value, in words: NaN is not equal to itself.
        value: String,
    },
    /// The description in the file's metadata cannot be read.
    #[error("its description: {0}")]
    Description(String),
}

/// Tensors by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// The tensors.
    pub tensors: BTreeMap<String, Values>,
}

/// Names and shapes of all parameters, in the order in which they are trained and saved.
pub fn layout(config: &LearnerConfig, clip: &Clip) -> Vec<(String, Vec<usize>)> {
    let (width, text_width) = (clip.vision().width(), clip.text().width());
    let context = vec![config.prompt_sets, config.context_length, text_width];
    let mut all = Vec::new();
    if config.learned_prompts {
        all.extend([(NORMAL.to_owned(), context.clone()), (DEFECT.to_owned(), context)]);
    }
    for layer in 0..config.text_depth() {
        all.push((text_tokens(layer), vec![config.layer_tokens, text_width]));
    }
    if config.visual_depth() > 0 {
        all.push((VISUAL.to_owned(), vec![config.visual_depth(), config.layer_tokens, width]));
    }
    let adapters = match config.patches {
        PatchFeatures::Adapters => config.feature_layers.len(),
        PatchFeatures::Values => 0,
    };
    for index in 0..adapters {
        let [weight, bias] = adapter(index);
        let embed_dim = clip.config().embed_dim;
        all.extend([(weight, vec![embed_dim, width]), (bias, vec![embed_dim])]);
    }
    all
}

impl Parameters {
    /// Reads the tensors and the metadata of a safetensors file.
    ///
    /// # Errors
    /// [`LearnerError::File`]; [`LearnerError::Shape`] for a tensor that is not float32; [`LearnerError::Value`].
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, HashMap<String, String>), LearnerError> {
        let broken = |e: safetensors::SafeTensorError| LearnerError::File(e.to_string());
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                let found = format!("{:?}", view.dtype());
                return Err(LearnerError::Shape { name, expected: "F32".into(), found });
            }
            let data = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let values = Values { shape: view.shape().to_vec(), data: data.collect() };
            values.check_finite(&name)?;
            tensors.insert(name, values);
        }
        Ok((Self { tensors }, header.metadata().clone().unwrap_or_default()))
    }

    /// The bytes of a safetensors file with this metadata.
    ///
    /// # Errors
    /// [`LearnerError::File`] when a tensor's shape does not fit its data; [`LearnerError::Value`].
    pub fn to_bytes(&self, entries: HashMap<String, String>) -> Result<Vec<u8>, LearnerError> {
        let broken = |e: safetensors::SafeTensorError| LearnerError::File(e.to_string());
        self.tensors.iter().try_for_each(|(name, values)| values.check_finite(name))?;
        let bytes: Vec<(&String, &Values, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, v)| (name, v, v.data.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        let views = bytes
            .iter()
            .map(|(name, v, bytes)| {
                Ok((name.as_str(), TensorView::new(Dtype::F32, v.shape.clone(), bytes).map_err(broken)?))
            })
            .collect::<Result<Vec<_>, LearnerError>>()?;
        safetensors::serialize(views, Some(entries)).map_err(broken)
    }

    /// Checks that every parameter is present in its shape; further tensors are ignored.
    ///
    /// # Errors
    /// [`LearnerError`] naming the first that is not.
    pub fn check(&self, config: &LearnerConfig, clip: &Clip) -> Result<(), LearnerError> {
        for (name, shape) in layout(config, clip) {
            let found = self.tensors.get(&name).ok_or_else(|| LearnerError::Missing(name.clone()))?;
            if found.shape != shape {
                let (expected, found) = (format!("{shape:?}"), format!("{:?}", found.shape));
                return Err(LearnerError::Shape { name, expected, found });
            }
        }
        Ok(())
    }

    /// A note on the tensors that a learner of these settings does not have, and that change nothing.
    pub fn unused(&self, config: &LearnerConfig, clip: &Clip) -> Option<String> {
        let known = layout(config, clip);
        let unused: Vec<&String> =
            self.tensors.keys().filter(|name| known.iter().all(|(known, _)| known != *name)).collect();
        let first: Vec<String> = unused.iter().take(3).map(|name| format!("'{name}'")).collect();
        (!unused.is_empty()).then(|| {
            format!(
                "{} of the learner {} not used: {}{}",
                plural(unused.len(), "tensor"),
                agree(unused.len(), "is", "are"),
                first.join(", "),
                if unused.len() > first.len() { ", …" } else { "" }
            )
        })
    }

    /// Sets the sizes in `config` that are inferred from these tensors: prompt sets, context length, layer tokens and
    /// depths.
    ///
    /// # Errors
    /// [`LearnerError`] when a tensor is missing or has the wrong number of dimensions.
    pub fn infer_sizes(&self, config: &mut LearnerConfig) -> Result<(), LearnerError> {
        let normal = self.tensors.get(NORMAL).ok_or_else(|| LearnerError::Missing(NORMAL.into()))?;
        let &[sets, length, _] = normal.shape.as_slice() else {
            let (expected, found) = ("[sets, words, width]".into(), format!("{:?}", normal.shape));
            return Err(LearnerError::Shape { name: NORMAL.into(), expected, found });
        };
        (config.prompt_sets, config.context_length) = (sets, length);
        let depth = (0..).take_while(|&i| self.tensors.contains_key(&text_tokens(i))).count();
        config.text_depth = Some(depth);
        let sizes = |name: String, expected: &str, dimensions: usize| match self.tensors.get(&name) {
            Some(v) if v.shape.len() != dimensions => {
                let (expected, found) = (expected.to_owned(), format!("{:?}", v.shape));
                Err(LearnerError::Shape { name, expected, found })
            }
            found => Ok(found.map(|v| v.shape.as_slice())),
        };
        let visual = sizes(VISUAL.into(), "[depth, tokens, width]", 3)?;
        config.visual_depth = Some(visual.map_or(0, |shape| shape[0]));
        let tokens = sizes(text_tokens(0), "[tokens, width]", 2)?.map(|shape| shape[0]);
        config.layer_tokens = tokens.or(visual.map(|shape| shape[1])).unwrap_or(config.layer_tokens);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(shapes: &[(&str, &[usize])]) -> Parameters {
        let values =
            |shape: &[usize]| Values { shape: shape.to_vec(), data: vec![0.5; shape.iter().product()] };
        Parameters {
            tensors: shapes.iter().map(|(name, shape)| ((*name).to_owned(), values(shape))).collect(),
        }
    }

    #[test]
    fn tensors_of_any_number_of_dimensions_are_named_or_read() {
        let layer = text_tokens(0);
        let right: [(&str, &[usize]); 3] = [(NORMAL, &[2, 3, 4]), (VISUAL, &[5, 6, 7]), (&layer, &[6, 4])];
        let mut config = LearnerConfig::default();
        parameters(&right).infer_sizes(&mut config).expect("sizes");
        assert_eq!((config.prompt_sets, config.context_length, config.layer_tokens), (2, 3, 6));
        assert_eq!((config.text_depth, config.visual_depth), (Some(1), Some(5)));
        let shapes: [&[usize]; 5] = [&[], &[1], &[1, 1], &[1, 1, 1], &[1, 1, 1, 1]];
        for (at, (name, own)) in right.iter().enumerate() {
            for shape in shapes.iter().filter(|shape| shape.len() != own.len()) {
                let mut wrong = right;
                wrong[at].1 = shape;
                let error =
                    parameters(&wrong).infer_sizes(&mut LearnerConfig::default()).expect_err("a shape");
                assert!(error.to_string().contains(&format!("'{name}' is {shape:?}")), "{error}");
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_are_neither_read_nor_written() {
        for (number, value) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].into_iter().enumerate() {
            let mut wrong = parameters(&[(NORMAL, &[2, 3, 4]), (VISUAL, &[1, 2, 2])]);
            let mut bytes = wrong.to_bytes(HashMap::new()).expect("finite values");
            // The tensors are the last bytes of the file, in the order of their names.
            let at = bytes.len() - 4 * (number + 1);
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let error = Parameters::from_bytes(&bytes).expect_err("a value").to_string();
            let last = format!(
                "'{VISUAL}' has the value {value} at index [0, {}, {}]",
                1 - number / 2,
                (3 - number) % 2
            );
            assert!(error.contains(&last), "{error} {last}");
            wrong.tensors.get_mut(NORMAL).expect("the tensor").data[7] = value;
            let error = wrong.to_bytes(HashMap::new()).expect_err("a value").to_string();
            assert!(error.contains(NORMAL) && error.contains("[0, 1, 3]"), "{error}");
        }
    }
}
