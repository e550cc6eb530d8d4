//! Detection with a learner: class vectors from its prompts, maps from its adapters.

use std::collections::BTreeMap;

use super::config::{ImageScore, LearnerConfig};
use super::encode::encode_prompts;
use super::error::DapoError;
use super::forward::{ClassVectors, LearnerModel, TapeParameters};
use super::parameters::{LearnerError, Parameters, Values};
use super::prompts::HybridPrompts;
use crate::autograd::{Tape, Var};
use crate::clip::Clip;
use crate::dapo::detection::Detection;
use crate::dapo::ensemble::{check_distinct, cut_prompts, select_rows};
use crate::dapo::features::{ClassEmbeddings, ImageFeatures, MapChannels};
use crate::dapo::prompts::Prompts;
use crate::dapo::scoring::Probabilities;
use crate::ops::{self, OpError, Tensor};

/// A learner with class vectors, ready for images.
#[derive(Debug)]
pub struct LearnedDetector {
    clip: Clip,
    config: LearnerConfig,
    prompts: HybridPrompts,
    parameters: BTreeMap<String, Tensor>,
    classes: ClassEmbeddings,
    notes: Vec<String>,
}

impl LearnedDetector {
    /// Puts a learner on the device of its model. `known` are the class vectors [K+1, embed_dim] of these
    /// defects if they were saved with it; else the prompts are encoded.
    ///
    /// # Errors
    /// [`LearnerError`] when the tensors do not fit the model and settings; [`ClipError`](crate::clip::ClipError) for
    /// two classes with the same vector; those of the device.
    pub fn new(
        clip: Clip,
        config: LearnerConfig,
        defects: &[String],
        parameters: &Parameters,
        known: Option<&Values>,
    ) -> Result<Self, DapoError> {
        parameters.check(&config, &clip)?;
        let idle = parameters.unused(&config, &clip);
        let prompts = HybridPrompts::new(&config, &clip, defects)?;
        let gpu = clip.gpu().clone();
        let upload = |(name, v): (&String, &Values)| {
            Ok((name.clone(), Tensor::upload_weight(&gpu, &v.data, &v.shape)?))
        };
        let parameters: BTreeMap<String, Tensor> =
            parameters.tensors.iter().map(upload).collect::<Result<_, OpError>>()?;
        let expected = vec![defects.len() + 1, clip.config().embed_dim];
        let classes = {
            let tape = Tape::inference(&gpu);
            let forward = LearnerModel { clip: &clip, config: &config, prompts: &prompts };
            let vectors = match known {
                Some(known) if known.shape == expected => {
                    let each = Tensor::upload_weight(&gpu, &known.data, &known.shape)?;
                    forward.with_defect_mean(&tape, Var::constant(each))?
                }
                Some(known) => {
                    let (expected, found) = (format!("{expected:?}"), format!("{:?}", known.shape));
                    return Err(LearnerError::Shape { name: "class vectors".into(), expected, found }.into());
                }
                None if !config.learned_prompts => forward.fixed_class_vectors(&tape)?,
                None => encode_prompts(forward, &tape, &leaves(&tape, &config, &parameters))?,
            };
            vectors.to_class_embeddings()
        };
        let fixed = Prompts { object: config.object.clone(), defects: defects.to_vec() };
        let rows = classes.per_class.read(&gpu)?;
        clip.finite("the learner's class vectors", &rows)?;
        check_distinct(&clip, &rows, &fixed)?;
        let mut notes = if config.learned_prompts { Vec::new() } else { cut_prompts(&clip, &fixed)? };
        notes.extend(idle);
        Ok(Self { clip, config, prompts, parameters, classes, notes })
    }

    /// What the user should know of its prompts, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
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
    pub fn class_vectors(&self) -> Result<Vec<f32>, DapoError> {
        let vectors = self.classes.per_class.read(self.clip.gpu())?;
        self.clip.finite("the learner's class vectors", &vectors)?;
        Ok(vectors)
    }

    /// Features of pre-processed images, [images, embed_dim], un-normalised.
    ///
    /// # Errors
    /// As [`LearnedDetector::detect`].
    pub fn image_features(&self, pixels: &[f32]) -> Result<Vec<f32>, DapoError> {
        let features = self.encode_images(pixels, &[])?.image.read(self.clip.gpu())?;
        self.clip.finite("the features of an image with the learner", &features)?;
        Ok(features)
    }

    /// Class probabilities of the patches of pre-processed images at each feature layer,
    /// [images, cells, K+1] each.
    ///
    /// # Errors
    /// As [`LearnedDetector::detect`].
    pub fn patch_probabilities(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, DapoError> {
        let features = self.encode_images(pixels, &[])?;
        let tape = Tape::inference(self.clip.gpu());
        let patches = self.classified(&tape, &features, &self.classes)?;
        patches.iter().map(|layer| Ok(layer.tensor().read(self.clip.gpu())?)).collect()
    }

    /// All classes that it was opened for.
    pub fn classes(&self) -> &ClassEmbeddings {
        &self.classes
    }

    /// Normal and some of the defects, counted from 0.
    pub fn subset(&self, defects: &[usize]) -> Result<ClassEmbeddings, DapoError> {
        let rows = select_rows(&self.class_vectors()?, self.classes.classes(), defects);
        let shape = [defects.len() + 1, self.clip.config().embed_dim];
        let tape = Tape::inference(self.clip.gpu());
        let each = Var::constant(Tensor::upload_weight(self.clip.gpu(), &rows, &shape)?);
        Ok(self.forward().with_defect_mean(&tape, each)?.to_class_embeddings())
    }

    /// The most images whose activations fit this device, at least 1.
    pub fn max_images(&self) -> usize {
        // Layer tokens lengthen a sequence by less than a half.
        (self.clip.vision().max_batch(self.clip.gpu()) * 2 / 3).max(1)
    }

    /// Detects on pre-processed images, pixels [images, 3, size, size]. The score is what `image_score` says; maps are
    /// means over the feature layers.
    ///
    /// # Errors
    /// [`ClipError::Request`](crate::clip::ClipError::Request) when the pixels do not fit; those of the
    /// device.
    pub fn detect(&self, pixels: &[f32]) -> Result<Vec<Detection>, DapoError> {
        let (probabilities, defective) =
            self.probabilities(&self.encode_images(pixels, &[])?, &self.classes)?;
        let size = self.clip.vision().image_size();
        let detections = probabilities.detections(self.clip.gpu(), size, MapChannels::All, None)?;
        Ok(self.scored(detections, &defective))
    }

    /// Features of pre-processed images, pixels [images, 3, size, size], with the hidden states of their patches after the
    /// blocks `states`.
    ///
    /// # Errors
    /// As [`LearnedDetector::detect`].
    pub(in crate::dapo) fn encode_images(
        &self,
        pixels: &[f32],
        states: &[usize],
    ) -> Result<ImageFeatures, DapoError> {
        let pixels = self.clip.upload_pixels(pixels)?;
        let tape = Tape::inference(self.clip.gpu());
        let parameters = leaves(&tape, &self.config, &self.parameters);
        let features = self.forward().features(&tape, &parameters, &pixels, states)?;
        let tensors = |vars: Vec<Var>| vars.iter().map(|var| var.tensor().clone()).collect();
        Ok(ImageFeatures {
            image: features.image.tensor().clone(),
            patches: tensors(features.patches),
            states: tensors(features.states),
        })
    }

    /// Class probabilities of images and their patches, and of each image the probability of a defect that its own score may
    /// be taken from: of a learner that scores maps only where hidden states are there to be compared, else maps are scored
    /// when they are drawn.
    pub(in crate::dapo) fn probabilities(
        &self,
        features: &ImageFeatures,
        classes: &ClassEmbeddings,
    ) -> Result<(Probabilities, Vec<f32>), DapoError> {
        let gpu = self.clip.gpu();
        let tape = Tape::inference(gpu);
        let patches = self.classified(&tape, features, classes)?;
        let among = |vectors: &Tensor| {
            ops::softmax(
                gpu,
                &ops::similarity(gpu, &features.image, vectors, self.config.logit_scale())?,
                1.0,
            )
        };
        let mut sum: Option<Tensor> = None;
        for layer in &patches {
            sum = Some(match sum {
                None => layer.tensor().clone(),
                Some(sum) => ops::combine(gpu, 1.0, &sum, 1.0, layer.tensor())?,
            });
        }
        let layers = patches.len();
        let sum = sum.ok_or_else(|| LearnerError::Missing("linear_adapter.fc.0.weight".into()))?;
        let size = self.clip.vision().image_size();
        let probabilities = Probabilities {
            image: among(&classes.per_class)?.read(gpu)?,
            cells: ops::scale(gpu, 1.0 / layers as f32, &sum)?,
            grid: if self.config.pixel_softmax { size } else { self.clip.vision().grid() },
            layers,
        };
        let defective: Vec<f32> = match self.config.image_score {
            ImageScore::Types => {
                probabilities.image.chunks(classes.classes()).map(|each| each[1..].iter().sum()).collect()
            }
            ImageScore::Map if !features.states.is_empty() => {
                let defective: Vec<f32> =
                    probabilities.normal(gpu)?.iter().map(|normal| 1.0 - normal).collect();
                defective.chunks(probabilities.grid.pow(2)).map(top_mean).collect()
            }
            _ => among(&classes.binary)?.read(gpu)?.chunks(2).map(|two| two[1]).collect(),
        };
        Ok((probabilities, defective))
    }

    /// The same detections with the learner's own scores, which the classes share; of what is compared with good photos, the
    /// own score is the opinion of the words.
    pub(in crate::dapo) fn scored(&self, detections: Vec<Detection>, defective: &[f32]) -> Vec<Detection> {
        let own = |(mut detection, &defective): (Detection, &f32)| {
            let score = match (self.config.image_score, &mut detection.comparison) {
                (ImageScore::Plain, _) => return detection,
                (_, Some(compared)) => {
                    compared.words = defective;
                    compared.score()
                }
                (ImageScore::Map, None) => top_mean(&detection.binary_map()),
                (_, None) => defective,
            };
            detection.with_score(score)
        };
        detections.into_iter().zip(defective).map(own).collect()
    }

    /// Class probabilities at each feature layer.
    fn classified<'m>(
        &'m self,
        tape: &Tape<'m>,
        features: &ImageFeatures,
        classes: &ClassEmbeddings,
    ) -> Result<Vec<Var>, OpError> {
        let constant = |tensor: &Tensor| Var::constant(tensor.clone());
        let vectors =
            ClassVectors { per_class: constant(&classes.per_class), binary: constant(&classes.binary) };
        let patches: Vec<Var> = features.patches.iter().map(constant).collect();
        self.forward().patch_probabilities(tape, &vectors, &patches)
    }

    fn forward(&self) -> LearnerModel<'_> {
        LearnerModel { clip: &self.clip, config: &self.config, prompts: &self.prompts }
    }
}

/// The mean of the three largest values.
fn top_mean(map: &[f32]) -> f32 {
    let mut map = map.to_vec();
    map.sort_unstable_by(|a, b| b.total_cmp(a));
    let top = &map[..map.len().min(3)];
    top.iter().sum::<f32>() / top.len().max(1) as f32
}

fn leaves(tape: &Tape<'_>, config: &LearnerConfig, parameters: &BTreeMap<String, Tensor>) -> TapeParameters {
    TapeParameters::new(tape, config, parameters.iter().map(|(name, tensor)| (name.as_str(), tensor)))
}
