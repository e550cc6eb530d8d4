//! A CLIP model with classes to choose between: a prompt ensemble or a learner.

use super::detection::Detection;
use super::ensemble::PromptEnsemble;
use super::features::{ClassEmbeddings, ImageFeatures, MapChannels};
use super::learner::{DapoError, LearnedDetector};
use super::prompts::Prompts;
use super::reference::{self, Comparison, GoodFeatures, References};
use super::scoring::Probabilities;
use crate::clip::{Clip, ClipError};

/// Detects defects in pre-processed images, by fixed prompts or by a learner.
///
/// ```
/// # use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
/// # use dapo_wgpu::dapo::{Detector, Prompts};
/// # use dapo_wgpu::gpu::{Gpu, GpuOptions};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let gpu = Gpu::open(&GpuOptions::default())?;
/// let clip = Clip::open(&gpu, &embedded::unpack()?, ClipOptions::default())?;
/// let size = clip.vision().image_size();
/// let detector = Detector::new(clip, &Prompts::new(None, &["scratch", "hole"])?)?;
/// let detections = detector.detect(&vec![0.0; 2 * 3 * size * size])?; // two gray images
/// assert_eq!(detections.len(), 2);
/// assert_eq!(detections[0].probabilities.len(), 3, "normal, scratch, hole");
/// assert_eq!(detections[0].maps.len(), 3 * size * size);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Detector {
    method: Method,
    references: Option<References>,
}

#[derive(Debug)]
enum Method {
    Ensemble(Box<PromptEnsemble>),
    Learned(Box<LearnedDetector>),
}

impl From<LearnedDetector> for Detector {
    fn from(learner: LearnedDetector) -> Self {
        Self { method: Method::Learned(Box::new(learner)), references: None }
    }
}

impl Detector {
    /// Training-free detection: encodes the prompts, once for any number of images.
    ///
    /// # Errors
    /// A sentence that the tokenizer refuses.
    pub fn new(clip: Clip, prompts: &Prompts) -> Result<Self, ClipError> {
        let method = Method::Ensemble(Box::new(PromptEnsemble::new(clip, prompts)?));
        Ok(Self { method, references: None })
    }

    /// As [`Detector::new`] with the class embeddings that [`Detector::class_embeddings`] gave: no text is encoded.
    ///
    /// # Errors
    /// Embeddings that do not fit the prompts and the model.
    pub fn with_class_embeddings(
        clip: Clip,
        prompts: &Prompts,
        embeddings: &[f32],
    ) -> Result<Self, ClipError> {
        let method =
            Method::Ensemble(Box::new(PromptEnsemble::with_rows(clip, prompts, embeddings.to_vec())?));
        Ok(Self { method, references: None })
    }

    /// Class embeddings of fixed prompts, normal first, [K+1, embed_dim]; `None` for a learner.
    pub fn class_embeddings(&self) -> Option<&[f32]> {
        match &self.method {
            Method::Ensemble(ensemble) => Some(ensemble.rows()),
            Method::Learned(_) => None,
        }
    }

    /// Compares images with these good photos, too. They must have been seen by the same model and prompts.
    pub fn with_references(self, references: References) -> Self {
        Self { references: Some(references), ..self }
    }

    /// Compares images with the good photos of another detector of the same model and prompts, whose device was lost.
    ///
    /// # Errors
    /// Those of the device.
    pub fn with_references_of(self, other: &Self) -> Result<Self, DapoError> {
        let references = other.references.as_ref().map(|known| known.on(self.clip().gpu())).transpose()?;
        Ok(Self { references, ..self })
    }

    /// Compares images with no photos.
    pub fn without_references(self) -> Self {
        Self { references: None, ..self }
    }

    /// The good photos that images are compared with.
    pub fn references(&self) -> Option<&References> {
        self.references.as_ref()
    }

    /// Replaces the prompts of a prompt ensemble.
    ///
    /// # Errors
    /// As [`Detector::new`], and [`ClipError::Request`] for a learner; the old prompts stay in force then.
    pub fn set_prompts(&mut self, prompts: &Prompts) -> Result<(), ClipError> {
        match &mut self.method {
            // What is usual among good photos depends on the prompts.
            Method::Ensemble(_) if self.references.is_some() => {
                Err(ClipError::Request("the prompts of a detector with references cannot be replaced".into()))
            }
            Method::Ensemble(ensemble) => ensemble.set_prompts(prompts),
            Method::Learned(_) => {
                Err(ClipError::Request("the prompts of a learner cannot be replaced".into()))
            }
        }
    }

    /// Name of the method in results: `clip` for the prompt ensemble, else that of the learner.
    pub fn method(&self) -> &'static str {
        match &self.method {
            Method::Ensemble(_) => "clip",
            Method::Learned(learner) => learner.config().method.name(),
        }
    }

    /// Softmax temperature τ of image and patch probabilities.
    pub fn temperature(&self) -> f32 {
        match &self.method {
            Method::Ensemble(ensemble) => 1.0 / ensemble.clip.logit_scale(),
            Method::Learned(learner) => learner.config().temperature,
        }
    }

    /// What the user should know of the model and the prompts, one sentence each.
    pub fn notes(&self) -> Vec<String> {
        let own = match &self.method {
            Method::Ensemble(ensemble) => &ensemble.notes,
            Method::Learned(learner) => learner.notes(),
        };
        let of_photos = self.references.iter().flat_map(References::notes);
        self.clip().notes().iter().chain(own).chain(of_photos).cloned().collect()
    }

    /// The model.
    pub fn clip(&self) -> &Clip {
        match &self.method {
            Method::Ensemble(ensemble) => &ensemble.clip,
            Method::Learned(learner) => learner.clip(),
        }
    }

    /// All classes that it was opened for, normal first.
    pub fn classes(&self) -> &ClassEmbeddings {
        match &self.method {
            Method::Ensemble(ensemble) => &ensemble.classes,
            Method::Learned(learner) => learner.classes(),
        }
    }

    /// Normal and some of the defects, counted from 0: the types that one product can show.
    pub fn subset(&self, defects: &[usize]) -> Result<ClassEmbeddings, DapoError> {
        match &self.method {
            Method::Ensemble(ensemble) => Ok(ensemble.subset(defects)?),
            Method::Learned(learner) => learner.subset(defects),
        }
    }

    /// The most images that one call of [`Detector::detect`] can hold on this device: activations and
    /// maps must each fit one binding.
    pub fn max_batch(&self) -> usize {
        let clip = self.clip();
        let maps = 4 * self.classes().classes() * clip.vision().image_size().pow(2);
        let by_maps = clip.gpu().capabilities().limits.storage_binding / maps as u64;
        let by_activations = match &self.method {
            Method::Ensemble(_) => clip.vision().max_batch(clip.gpu()),
            Method::Learned(learner) => learner.max_images(),
        };
        by_activations.min(by_maps as usize).max(1)
    }

    /// Detects on pre-processed images, pixels [images, 3, size, size], among all classes, with a map for each.
    ///
    /// # Errors
    /// [`ClipError::Request`] when the pixels do not fit.
    pub fn detect(&self, pixels: &[f32]) -> Result<Vec<Detection>, DapoError> {
        self.classify(&self.encode_images(pixels)?, self.classes(), MapChannels::All)
    }

    /// Features of pre-processed images, pixels [images, 3, size, size], to be classified among any classes.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn encode_images(&self, pixels: &[f32]) -> Result<ImageFeatures, DapoError> {
        self.encode_with(pixels, self.references.as_ref().map_or(&[], |references| references.layers()))
    }

    /// As [`Detector::encode_images`], with what [`Detector::classify_against`] needs.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn encode_to_compare(&self, pixels: &[f32]) -> Result<ImageFeatures, DapoError> {
        self.encode_with(pixels, &reference::layers(self.clip().vision().depth()))
    }

    fn encode_with(&self, pixels: &[f32], states: &[usize]) -> Result<ImageFeatures, DapoError> {
        match &self.method {
            Method::Ensemble(ensemble) => Ok(ensemble.encode_images(pixels, states)?),
            Method::Learned(learner) => learner.encode_images(pixels, states),
        }
    }

    /// What references need of pre-processed photos of good parts, pixels [images, 3, size, size].
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn good_features(&self, pixels: &[f32]) -> Result<Vec<GoodFeatures>, DapoError> {
        let clip = self.clip();
        let features = self.encode_with(pixels, &reference::layers(clip.vision().depth()))?;
        let (probabilities, _) = self.probabilities(&features, self.classes())?;
        let normal = probabilities.normal(clip.gpu())?;
        let states: Vec<Vec<f32>> =
            features.states.iter().map(|state| state.read(clip.gpu())).collect::<Result<_, _>>()?;
        for state in &states {
            clip.finite("the hidden states of a good photo", state)?;
        }
        let images = features.images();
        let part = |values: &[f32], image: usize| {
            let length = values.len() / images;
            values[image * length..(image + 1) * length].to_vec()
        };
        Ok((0..images)
            .map(|image| GoodFeatures {
                states: states.iter().map(|state| part(state, image)).collect(),
                normal: part(&normal, image),
            })
            .collect())
    }

    /// Class probabilities of images and patches, and a learner's own probability of a defect for each image.
    fn probabilities(
        &self,
        features: &ImageFeatures,
        classes: &ClassEmbeddings,
    ) -> Result<(Probabilities, Vec<f32>), DapoError> {
        match &self.method {
            Method::Ensemble(ensemble) => Ok((ensemble.probabilities(features, classes)?, Vec::new())),
            Method::Learned(learner) => learner.probabilities(features, classes),
        }
    }

    /// Classifies images and their patches, and compares them with the references where there are any.
    ///
    /// # Errors
    /// [`ClipError::NotFinite`].
    pub fn classify(
        &self,
        features: &ImageFeatures,
        classes: &ClassEmbeddings,
        maps: MapChannels,
    ) -> Result<Vec<Detection>, DapoError> {
        match &self.references {
            None => self.classify_compared(features, classes, maps, None),
            Some(references) => self.classify_against(references, features, classes, maps),
        }
    }

    /// As [`Detector::classify`], against references other than the detector's own, if any; they must have been seen by the same
    /// model and prompts. The features must be those of [`Detector::encode_to_compare`].
    ///
    /// # Errors
    /// [`ClipError::NotFinite`].
    pub fn classify_against(
        &self,
        references: &References,
        features: &ImageFeatures,
        classes: &ClassEmbeddings,
        maps: MapChannels,
    ) -> Result<Vec<Detection>, DapoError> {
        let compared = references.compare(self.clip().gpu(), &features.states)?;
        self.classify_compared(features, classes, maps, Some((references, compared)))
    }

    /// As [`Detector::classify`], with these references and how each image compares with them.
    fn classify_compared(
        &self,
        features: &ImageFeatures,
        classes: &ClassEmbeddings,
        maps: MapChannels,
        compared: Option<(&References, Vec<Comparison>)>,
    ) -> Result<Vec<Detection>, DapoError> {
        let (clip, gpu) = (self.clip(), self.clip().gpu());
        let (probabilities, defective) = self.probabilities(features, classes)?;
        let detections = probabilities.detections(gpu, clip.vision().image_size(), maps, compared)?;
        let detections = match &self.method {
            Method::Ensemble(_) => detections,
            Method::Learned(learner) => learner.scored(detections, &defective),
        };
        // A patch that is NaN is among the most anomalous ones, and so makes the score NaN.
        for detection in &detections {
            clip.finite("the scores of an image", &[detection.score])?;
            clip.finite("the probabilities of an image", &detection.probabilities)?;
        }
        Ok(detections)
    }
}
