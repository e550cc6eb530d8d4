//! Detection with a learner: class vectors from its prompts, maps from its adapters.

use std::collections::BTreeMap;

use super::config::{ImageScore, LearnerConfig};
use super::encode::encode_prompts;
use super::error::DapoError;
use super::forward::{ClassVectors, Forward, Leaves};
use super::parameters::{LearnerError, Parameters, Values};
use super::prompts::HybridPrompts;
use crate::autograd::{Tape, Var};
use crate::clip::Clip;
use crate::dapo::detect::{Detection, judge};
use crate::ops::{self, Filter, OpError, Sampling, Tensor};

/// A learner with class vectors, ready for images.
#[derive(Debug)]
pub struct LearnedDetector {
    clip: Clip,
    config: LearnerConfig,
    prompts: HybridPrompts,
    parameters: BTreeMap<String, Tensor>,
    /// [K+1, embed_dim] and [2, embed_dim], rows of unit length.
    vectors: (Tensor, Tensor),
}

impl LearnedDetector {
    /// Puts a learner on the device of its model. `known` are the class vectors [K+1, embed_dim] of these
    /// defects if they were saved with it; else the prompts are encoded.
    ///
    /// # Errors
    /// [`LearnerError`] when the tensors do not fit the model and settings; those of the device.
    pub fn new(
        clip: Clip,
        config: LearnerConfig,
        defects: &[String],
        parameters: &Parameters,
        known: Option<&Values>,
    ) -> Result<Self, DapoError> {
        parameters.check(&config, &clip)?;
        let prompts = HybridPrompts::new(&config, &clip, defects)?;
        let gpu = clip.gpu().clone();
        let upload = |(name, v): (&String, &Values)| {
            Ok((name.clone(), Tensor::upload_weight(&gpu, &v.data, &v.shape)?))
        };
        let parameters: BTreeMap<String, Tensor> =
            parameters.tensors.iter().map(upload).collect::<Result<_, OpError>>()?;
        let expected = vec![defects.len() + 1, clip.config().embed_dim];
        let vectors = {
            let tape = Tape::inference(&gpu);
            let forward = Forward { clip: &clip, config: &config, prompts: &prompts };
            let vectors = match known {
                Some(known) if known.shape == expected => {
                    let each = Tensor::upload_weight(&gpu, &known.data, &known.shape)?;
                    forward.with_mean(&tape, Var::constant(each))?
                }
                Some(known) => {
                    let (expected, found) = (format!("{expected:?}"), format!("{:?}", known.shape));
                    return Err(LearnerError::Shape { name: "class vectors".into(), expected, found }.into());
                }
                None if !config.learned_prompts => forward.phrase_vectors(&tape)?,
                None => encode_prompts(forward, &tape, &leaves(&tape, &parameters))?,
            };
            (vectors.each.tensor().clone(), vectors.two.tensor().clone())
        };
        Ok(Self { clip, config, prompts, parameters, vectors })
    }

    /// The model.
    pub fn clip(&self) -> &Clip {
        &self.clip
    }

    /// The settings, complete.
    pub fn config(&self) -> &LearnerConfig {
        &self.config
    }

    /// Class vectors of unit length, normal first, [K+1, embed_dim].
    ///
    /// # Errors
    /// Those of the device.
    pub fn class_vectors(&self) -> Result<Vec<f32>, DapoError> {
        Ok(self.vectors.0.read(self.clip.gpu())?)
    }

    /// Features of pre-processed images, [images, embed_dim], un-normalised.
    ///
    /// # Errors
    /// As [`LearnedDetector::detect`].
    pub fn image_features(&self, pixels: &[f32]) -> Result<Vec<f32>, DapoError> {
        let pixels = self.clip.upload_pixels(pixels)?;
        let tape = Tape::inference(self.clip.gpu());
        let seen = self.forward().see(&tape, &leaves(&tape, &self.parameters), &self.classes(), &pixels)?;
        Ok(seen.image_features.tensor().read(self.clip.gpu())?)
    }

    /// Class probabilities of the patches of pre-processed images at each feature layer,
    /// [images, cells, K+1] each.
    ///
    /// # Errors
    /// As [`LearnedDetector::detect`].
    pub fn patch_probabilities(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, DapoError> {
        let pixels = self.clip.upload_pixels(pixels)?;
        let tape = Tape::inference(self.clip.gpu());
        let seen = self.forward().see(&tape, &leaves(&tape, &self.parameters), &self.classes(), &pixels)?;
        let read = |layer: &Var| Ok(layer.tensor().read(self.clip.gpu())?);
        seen.patches.iter().map(read).collect()
    }

    /// The most images that one call can hold on this device: activations and maps must each fit one
    /// binding.
    pub fn max_batch(&self) -> usize {
        let gpu = self.clip.gpu();
        let maps = 4 * self.vectors.0.rows() * self.clip.vision().image_size().pow(2);
        let by_maps = gpu.capabilities().limits.storage_binding / maps as u64;
        // Layer tokens lengthen a sequence by less than a half.
        (self.clip.vision().max_batch(gpu) * 2 / 3).min(by_maps as usize).max(1)
    }

    /// Detects on pre-processed images, pixels [images, 3, size, size]. The score is the image's
    /// probability of "defective" against "normal"; maps are means over the feature layers.
    ///
    /// # Errors
    /// [`ClipError::Request`](crate::clip::ClipError::Request) when the pixels do not fit; those of the
    /// device.
    pub fn detect(&self, pixels: &[f32]) -> Result<Vec<Detection>, DapoError> {
        let gpu = self.clip.gpu();
        let pixels = self.clip.upload_pixels(pixels)?;
        let tape = Tape::inference(gpu);
        let seen = self.forward().see(&tape, &leaves(&tape, &self.parameters), &self.classes(), &pixels)?;
        drop(pixels);
        let scale = self.config.scale();
        let binary = ops::softmax(gpu, seen.logits.tensor(), 1.0)?;
        let cosines = ops::similarity(gpu, seen.image_features.tensor(), &self.vectors.0, scale)?;
        let image = ops::softmax(gpu, &cosines, 1.0)?;
        let mut sum: Option<Tensor> = None;
        for layer in &seen.patches {
            sum = Some(match sum {
                None => layer.tensor().clone(),
                Some(sum) => ops::combine(gpu, 1.0, &sum, 1.0, layer.tensor())?,
            });
        }
        let layers = seen.patches.len();
        let sum = sum.ok_or_else(|| LearnerError::Missing("linear_adapter.fc.0.weight".into()))?;
        let cells = ops::scale(gpu, 1.0 / layers as f32, &sum)?;
        let size = self.clip.vision().image_size();
        let (images, classes) = (binary.rows(), self.vectors.0.rows());
        let grid = if self.config.pixel_softmax { size } else { self.clip.vision().grid() };
        // Where the grid is the image's already, this only puts the channels first.
        let maps = ops::resample(
            gpu,
            &cells.reshape(&[images, grid, grid, classes])?,
            (size, size),
            Filter::Linear,
            Sampling::AlignCorners,
            true,
        )?;
        let (binary, image, cells, maps) =
            (binary.read(gpu)?, image.read(gpu)?, cells.read(gpu)?, maps.read(gpu)?);
        let each = maps.len() / images;
        let found = image.chunks(classes).zip(cells.chunks(grid * grid * classes));
        Ok(found
            .zip(maps.chunks(each).zip(binary.chunks(2)))
            .map(|((image, cells), (maps, binary))| {
                let found = judge(image, cells, maps.to_vec(), size);
                let score = match self.config.image_score {
                    ImageScore::Class => binary[1],
                    ImageScore::Map => top_mean(&found.binary_map()),
                    ImageScore::Both => (binary[1] + top_mean(&found.binary_map())) / 2.0,
                };
                // The classes share the learner's own score.
                Detection { layers, ..found.with_score(score) }
            })
            .collect())
    }

    fn forward(&self) -> Forward<'_> {
        Forward { clip: &self.clip, config: &self.config, prompts: &self.prompts }
    }

    fn classes(&self) -> ClassVectors {
        let (each, two) = self.vectors.clone();
        ClassVectors { each: Var::constant(each), two: Var::constant(two) }
    }
}

/// The mean of the three largest values.
fn top_mean(map: &[f32]) -> f32 {
    let mut map = map.to_vec();
    map.sort_unstable_by(|a, b| b.total_cmp(a));
    let top = &map[..map.len().min(3)];
    top.iter().sum::<f32>() / top.len().max(1) as f32
}

fn leaves(tape: &Tape<'_>, parameters: &BTreeMap<String, Tensor>) -> Leaves {
    Leaves::new(tape, parameters.iter().map(|(name, tensor)| (name.as_str(), tensor)))
}
