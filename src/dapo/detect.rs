//! Training-free detection: image and patch features against class vectors of a prompt ensemble.
//!
//! With class vectors t₀ (normal) and t₁..t_K (defects), all of unit length, and the model's own
//! inverse temperature s:
//! * patch probabilities: softmax_c(s·cos(patch, t_c)), up-sampled bilinearly with aligned corners;
//! * image probabilities: softmax_c(s·cos(class token, t_c));
//! * image score: the mean of the image's defect probability and that of its [`TOP_PATCHES`] most
//!   anomalous patches: the class token sees the whole, a few patches see a small defect;
//! * type: the defect with the largest product of image probability and mean of its
//!   [`TOP_PATCHES`] largest patch probabilities.

use super::looked::{ClassSet, Looked, Maps, Probabilities};
use super::prompts::Prompts;
use crate::clip::{Clip, ClipError};
use crate::ops::{self, OpError, Tensor};

/// Patches that speak for the image.
pub const TOP_PATCHES: usize = 4;

/// A model with class vectors, ready for images.
#[derive(Debug)]
pub struct Detector {
    clip: Clip,
    /// Class vectors of unit length on the host, normal first, [K+1, embed_dim].
    vectors: Vec<f32>,
    all: ClassSet,
}

/// What was found in one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// 0 (good) to 1 (defective).
    pub score: f32,
    /// Image-level probabilities [K+1], normal first, consistent with the score: the defects share
    /// `score` in proportion to their type weights.
    pub probabilities: Vec<f32>,
    /// The most likely defect, counted from 0 over the defects.
    pub defect: usize,
    /// Class probabilities at image size, [K+1, size, size]; channel 0 is normal.
    pub maps: Vec<f32>,
    /// Edge of the maps in pixels.
    pub size: usize,
    /// Feature layers whose probabilities the maps are the mean of. DAPO's own maps are their sum.
    pub layers: usize,
}

impl Detection {
    /// The same with another score, which the classes share in the same proportions.
    pub(super) fn with_score(mut self, score: f32) -> Self {
        let score = score.clamp(0.0, 1.0);
        let defects: f32 = self.probabilities[1..].iter().sum();
        let count = self.probabilities.len() - 1;
        for p in &mut self.probabilities[1..] {
            *p = if defects > 0.0 { *p / defects * score } else { score / count as f32 };
        }
        self.probabilities[0] = 1.0 - score;
        self.score = score;
        self
    }

    /// The probability of any defect at each pixel, [size, size].
    pub fn binary_map(&self) -> Vec<f32> {
        self.maps[..self.size * self.size].iter().map(|p| (1.0 - p).clamp(0.0, 1.0)).collect()
    }
}

impl Detector {
    /// Encodes the prompts: once per run, whatever the number of images.
    ///
    /// # Errors
    /// Those of the tokenizer and the device.
    pub fn new(clip: Clip, prompts: &Prompts) -> Result<Self, ClipError> {
        let vectors = class_vectors(&clip, prompts)?;
        let all = class_set(&clip, &vectors)?;
        Ok(Self { clip, vectors, all })
    }

    /// Looks for something else from now on, with the same model.
    ///
    /// # Errors
    /// As [`Detector::new`]; the old prompts stay in force then.
    pub fn set_prompts(&mut self, prompts: &Prompts) -> Result<(), ClipError> {
        let vectors = class_vectors(&self.clip, prompts)?;
        self.all = class_set(&self.clip, &vectors)?;
        self.vectors = vectors;
        Ok(())
    }

    /// The model.
    pub fn clip(&self) -> &Clip {
        &self.clip
    }

    /// The most images that one call of [`Detector::detect`] can hold on this device: activations and
    /// maps must each fit one binding.
    pub fn max_batch(&self) -> usize {
        let gpu = self.clip.gpu();
        let maps = 4 * self.all.classes() * self.clip.vision().image_size().pow(2);
        let by_maps = gpu.capabilities().limits.storage_binding / maps as u64;
        self.clip.vision().max_batch(gpu).min(by_maps as usize).max(1)
    }

    /// All classes of the prompts.
    pub fn classes(&self) -> &ClassSet {
        &self.all
    }

    /// Normal and some of the defects, counted from 0.
    ///
    /// # Errors
    /// Those of the device.
    pub fn subset(&self, defects: &[usize]) -> Result<ClassSet, ClipError> {
        class_set(&self.clip, &chosen(&self.vectors, self.all.classes(), defects))
    }

    /// Detects on pre-processed images, pixels [images, 3, size, size].
    ///
    /// # Errors
    /// [`ClipError::Request`] when the pixels do not fit; those of the device.
    pub fn detect(&self, pixels: &[f32]) -> Result<Vec<Detection>, ClipError> {
        self.judge(&self.look(pixels)?, &self.all, Maps::Types)
    }

    /// Features of pre-processed images, pixels [images, 3, size, size].
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn look(&self, pixels: &[f32]) -> Result<Looked, ClipError> {
        let pixels = self.clip.upload_pixels(pixels)?;
        let output = self.clip.vision().forward(self.clip.gpu(), &pixels, true)?;
        let patches = output
            .patch_features
            .ok_or_else(|| ClipError::Request("the vision tower gave no patch features".into()))?;
        Ok(Looked { image_features: output.image_features, layers: vec![patches] })
    }

    /// Chooses between classes.
    ///
    /// # Errors
    /// Those of the device.
    pub fn judge(
        &self,
        looked: &Looked,
        classes: &ClassSet,
        maps: Maps,
    ) -> Result<Vec<Detection>, ClipError> {
        let gpu = self.clip.gpu();
        let scale = self.clip.logit_scale();
        let probabilities = |x: &Tensor| -> Result<Tensor, OpError> {
            ops::softmax(gpu, &ops::similarity(gpu, x, &classes.each, scale)?, 1.0)
        };
        let found = Probabilities {
            image: probabilities(&looked.image_features)?,
            cells: probabilities(&looked.layers[0])?,
            grid: self.clip.vision().grid(),
            layers: 1,
        };
        Ok(found.judged(gpu, self.clip.vision().image_size(), maps)?)
    }
}

/// Class vectors [C, embed_dim] on the device. Detection without training asks for each defect by itself, never for
/// their mean.
fn class_set(clip: &Clip, vectors: &[f32]) -> Result<ClassSet, ClipError> {
    let width = clip.config().embed_dim;
    let each = Tensor::upload_weight(clip.gpu(), vectors, &[vectors.len() / width, width])?;
    Ok(ClassSet { two: each.clone(), each })
}

/// Rows 0 and 1 + d, for each of the defects d, of [classes, width].
pub(super) fn chosen(vectors: &[f32], classes: usize, defects: &[usize]) -> Vec<f32> {
    let width = vectors.len() / classes;
    let rows = std::iter::once(0).chain(defects.iter().map(|d| d + 1));
    rows.flat_map(|row| vectors[row * width..(row + 1) * width].iter().copied()).collect()
}

/// What image probabilities [K+1] and patch probabilities [cells, K+1] say, with maps [K+1, size, size].
pub(super) fn judge(image: &[f32], patches: &[f32], maps: Vec<f32>, size: usize) -> Detection {
    let (score, weights) = combine(image, patches);
    let total: f32 = weights.iter().sum();
    let shares: Vec<f32> =
        weights.iter().map(|w| if total > 0.0 { w / total } else { 1.0 / weights.len() as f32 }).collect();
    let defect = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0);
    let probabilities = std::iter::once(1.0 - score).chain(shares.iter().map(|s| score * s)).collect();
    Detection { score, probabilities, defect, maps, size, layers: 1 }
}

/// The mean of each class's sentences, each and the mean itself of unit length: [K+1, embed_dim].
pub(super) fn class_vectors(clip: &Clip, prompts: &Prompts) -> Result<Vec<f32>, ClipError> {
    let classes = prompts.classes();
    let sentences: Vec<&String> = classes.iter().flatten().collect();
    let features = clip.encode_texts(&sentences)?;
    let width = clip.config().embed_dim;
    let mut rows = features.chunks(width);
    let mut vectors = Vec::with_capacity(classes.len() * width);
    for class in &classes {
        let mut mean = vec![0.0f64; width];
        for row in rows.by_ref().take(class.len()) {
            let norm = norm(row.iter().map(|&v| f64::from(v)));
            mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v) / norm);
        }
        let norm = norm(mean.iter().copied());
        vectors.extend(mean.iter().map(|m| (m / norm) as f32));
    }
    Ok(vectors)
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
}

/// The image score, and a weight for each defect, from image probabilities [K+1] and patch
/// probabilities [cells, K+1].
fn combine(image: &[f32], patches: &[f32]) -> (f32, Vec<f32>) {
    let classes = image.len();
    let top = |values: &mut dyn Iterator<Item = f32>| {
        let mut values: Vec<f32> = values.collect();
        values.sort_unstable_by(|a, b| b.total_cmp(a));
        values.truncate(TOP_PATCHES);
        values.iter().sum::<f32>() / values.len().max(1) as f32
    };
    let anomalous = top(&mut patches.chunks(classes).map(|p| 1.0 - p[0]));
    let score = ((1.0 - image[0] + anomalous) / 2.0).clamp(0.0, 1.0);
    let weights =
        (1..classes).map(|c| image[c] * top(&mut patches.iter().skip(c).step_by(classes).copied())).collect();
    (score, weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_defect_raises_the_score_and_names_its_type() {
        let normal = [0.9, 0.05, 0.05];
        let mut patches = normal.repeat(100);
        let (quiet, _) = combine(&normal, &patches);
        for cell in 40..44 {
            patches[cell * 3..cell * 3 + 3].copy_from_slice(&[0.1, 0.1, 0.8]);
        }
        let (loud, weights) = combine(&normal, &patches);
        assert!((quiet - 0.1).abs() < 1e-6 && (loud - 0.5).abs() < 1e-6);
        assert!(weights[1] > 7.0 * weights[0]);
    }

    #[test]
    fn fewer_patches_than_the_top_are_averaged_as_they_are() {
        let (score, weights) = combine(&[0.5, 0.5], &[0.2, 0.8]);
        assert!((score - 0.65).abs() < 1e-6);
        assert!((weights[0] - 0.4).abs() < 1e-6);
    }
}
