//! A whole CLIP: folder in, features out.

use std::path::{Path, PathBuf};

use super::config::ClipConfig;
use super::embedded;
use super::end_token::check_end;
use super::error::ModelError;
use super::folder::{Folder, ModelFiles};
use super::parameters::{self, ClipWeights};
use super::text::TextTower;
use super::tokenizer::{TokenRow, Tokenizer};
use super::transformer::{ClipError, Placement, WeightStorage};
use super::vision::VisionTower;
use super::weights::Allowed;
use crate::gpu::Gpu;
use crate::ops::{Factors, Tensor};

/// How to open a model.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClipOptions {
    /// Edge of the images in pixels; the model's own if `None`.
    pub image_size: Option<usize>,
    /// How weights are stored on the device.
    pub storage: WeightStorage,
    /// Whether gradients will pass through the towers; takes twice the memory for weights on a CPU.
    pub training: bool,
    /// What the factors of products may be rounded to: [`Factors::F16`] uses matrix units where the device has some, and
    /// is off by 2⁻¹¹ a factor; sums, norms, softmax and the residual stream stay float32.
    pub factors: Factors,
}

/// A CLIP model on a device.
///
/// ```
/// use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
/// use dapo_wgpu::gpu::{Gpu, GpuOptions};
///
/// let gpu = Gpu::open(&GpuOptions::default())?;
/// let clip = Clip::open(&gpu, &embedded::unpack()?, ClipOptions::default())?;
/// let features = clip.encode_texts(&["a photo of a flawless bolt", "a photo of a bent bolt"])?;
/// let (flawless, bent) = features.split_at(clip.config().embed_dim);
///
/// let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
/// let cosine = dot(flawless, bent) / (dot(flawless, flawless) * dot(bent, bent)).sqrt();
/// assert!(cosine > 0.0 && cosine < 0.999, "related, but not the same: {cosine}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Clip {
    gpu: Gpu,
    folder: PathBuf,
    config: ClipConfig,
    vision: VisionTower,
    text: TextTower,
    storage: WeightStorage,
    factors: Factors,
    tokenizer: Tokenizer,
    logit_scale: f32,
    notes: Vec<String>,
}

impl Clip {
    /// Loads a model folder in Hugging Face or open_clip layout onto a device.
    ///
    /// # Errors
    /// [`ClipError::Model`] for the folder, [`ClipError::Request`] for the image size.
    pub fn open(gpu: &Gpu, folder: &Path, options: ClipOptions) -> Result<Self, ClipError> {
        let weights = parameters::load(folder, allowed(options.storage))?;
        Self::assemble(gpu, weights, Tokenizer::load(folder)?, folder, options)
    }

    /// As [`Clip::open`], where the files are not in a folder. Weights are read piece by piece as they go to the device.
    ///
    /// ```
    /// use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
    /// use dapo_wgpu::gpu::{Gpu, GpuOptions};
    ///
    /// let gpu = Gpu::open(&GpuOptions::default())?;
    /// let clip = Clip::from_files(&gpu, &embedded::files(), ClipOptions::default())?;
    /// assert_eq!(clip.config().name, embedded::NAME);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Clip::open`].
    pub fn from_files(gpu: &Gpu, files: &ModelFiles, options: ClipOptions) -> Result<Self, ClipError> {
        let folder = Folder::Memory(files);
        let weights = parameters::read_model(folder, allowed(options.storage))?;
        Self::assemble(gpu, weights, Tokenizer::read(folder)?, folder.path(), options)
    }

    /// A model of this architecture with random weights, for measuring speed. It has the tokenizer of
    /// the embedded model and belongs to no folder.
    ///
    /// # Errors
    /// [`ClipError::Request`] for the image size.
    pub fn random(gpu: &Gpu, config: ClipConfig, seed: u64, options: ClipOptions) -> Result<Self, ClipError> {
        let weights = parameters::random(config, seed);
        Self::assemble(gpu, weights, embedded::tokenizer()?, Path::new(""), options)
    }

    fn assemble(
        gpu: &Gpu,
        weights: ClipWeights,
        tokenizer: Tokenizer,
        folder: &Path,
        options: ClipOptions,
    ) -> Result<Self, ClipError> {
        tokenizer.check_vocab(weights.config.text.vocab_size)?;
        let storage = options.storage;
        let placement = Placement { storage, training: options.training, factors: options.factors };
        let size = options.image_size.unwrap_or(weights.config.vision.image_size);
        let vision = VisionTower::upload(gpu, &weights.config.vision, &weights.vision, size, placement)?;
        let text = TextTower::upload(gpu, &weights.config.text, weights.text, placement)?;
        check_end(&tokenizer, &text, &weights.config, folder)?;
        Ok(Self {
            gpu: gpu.clone(),
            folder: folder.to_owned(),
            config: weights.config,
            vision,
            text,
            storage,
            factors: options.factors,
            tokenizer,
            logit_scale: weights.logit_scale,
            notes: weights.notes,
        })
    }

    /// The device.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The folder it was loaded from; empty for random weights.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its architecture and pre-processing.
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// What the user should know of its files, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The vision tower.
    pub fn vision(&self) -> &VisionTower {
        &self.vision
    }

    /// The text tower.
    pub fn text(&self) -> &TextTower {
        &self.text
    }

    /// What the factors of products may be rounded to.
    pub fn factors(&self) -> Factors {
        self.factors
    }

    /// How its matrices are stored on the device.
    pub fn storage(&self) -> WeightStorage {
        self.storage
    }

    /// The factor on cosine similarities before a softmax: the exponential of the `logit_scale` in the file, 1/τ for a
    /// softmax temperature τ; about 100 for OpenAI's models.
    pub fn logit_scale(&self) -> f32 {
        self.logit_scale
    }

    /// Token ids of texts, each row of the context's length.
    ///
    /// # Errors
    /// [`ModelError::Text`].
    pub fn tokenize<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Vec<u32>>, ModelError> {
        Ok(self.token_rows(texts)?.into_iter().map(|row| row.ids).collect())
    }

    /// Texts as rows of token ids, with what became of them.
    ///
    /// # Errors
    /// As [`Clip::tokenize`].
    pub fn token_rows<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<TokenRow>, ModelError> {
        let row = |text: &S| {
            let text = text.as_ref();
            let row = self.tokenizer.row(text, self.text.context_length())?;
            let unread = row.end.saturating_sub(self.text.pooled_position(&row.ids));
            Ok(TokenRow { unread, ..row })
        };
        texts.iter().map(row).collect()
    }

    /// Features of any number of texts, [texts, embed_dim], not normalised. They are encoded in batches that fit
    /// the device, and returned on the host.
    ///
    /// # Errors
    /// [`ModelError::Text`]; [`ClipError::NotFinite`].
    pub fn encode_texts<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<f32>, ClipError> {
        let ids = self.tokenize(texts)?;
        let mut features = Vec::with_capacity(texts.len() * self.config.embed_dim);
        // 64 prompts a batch keep memory small without leaving a GPU idle.
        for batch in ids.chunks(self.text.max_batch(&self.gpu).min(64)) {
            features.extend(self.text.forward(&self.gpu, batch)?.read(&self.gpu)?);
        }
        self.finite("the features of a text", &features)?;
        Ok(features)
    }

    /// Refuses outputs that are not finite; `what` names them in the message.
    ///
    /// # Errors
    /// [`ClipError::NotFinite`].
    pub fn finite(&self, what: &str, values: &[f32]) -> Result<(), ClipError> {
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(()),
            false => {
                Err(ClipError::NotFinite { model: self.folder.display().to_string(), what: what.to_owned() })
            }
        }
    }

    /// Features of pre-processed images, pixels [images, 3, size, size]: [images, embed_dim], not normalised,
    /// on the host.
    ///
    /// # Errors
    /// [`ClipError::Request`] when the pixels are not a whole number of images; [`ClipError::NotFinite`].
    pub fn encode_images(&self, pixels: &[f32]) -> Result<Vec<f32>, ClipError> {
        let each = 3 * self.vision.image_size().pow(2);
        let mut features = Vec::new();
        for batch in pixels.chunks(each * self.vision.max_batch(&self.gpu)) {
            let output = self.vision.forward(&self.gpu, &self.upload_pixels(batch)?, false, &[])?;
            features.extend(output.image_features.read(&self.gpu)?);
        }
        self.finite("the features of an image", &features)?;
        Ok(features)
    }

    /// Uploads pixels [images, 3, size, size] of this model's image size.
    ///
    /// # Errors
    /// [`ClipError::Request`] when they are not a whole number of images.
    pub fn upload_pixels(&self, pixels: &[f32]) -> Result<Tensor, ClipError> {
        let size = self.vision.image_size();
        let each = 3 * size * size;
        if pixels.is_empty() || !pixels.len().is_multiple_of(each) {
            return Err(ClipError::Request(format!(
                "{} pixel values are not a whole number of images of 3×{size}×{size}",
                pixels.len()
            )));
        }
        Ok(Tensor::upload(&self.gpu, pixels, &[pixels.len() / each, 3, size, size])?)
    }
}

/// Which weights can be stored so.
fn allowed(storage: WeightStorage) -> Allowed {
    match storage {
        WeightStorage::F32 => Allowed::Finite,
        WeightStorage::F16 => Allowed::F16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::Architecture;
    use crate::gpu::GpuOptions;

    #[test]
    fn random_weights_give_finite_features_that_depend_on_seed_and_input() {
        let gpu = Gpu::open(&GpuOptions::default()).unwrap();
        let nano = Architecture::find("dapo-nano").unwrap();
        let open = |seed| Clip::random(&gpu, nano.config(), seed, ClipOptions::default()).unwrap();
        let clip = open(1);
        let texts = clip.encode_texts(&["a photo of a bolt", "a photo of a bent bolt"]).unwrap();
        let pixels = super::super::noise::Noise::new(3).values(3 * 128 * 128, 1.0);
        let image = clip.encode_images(&pixels).unwrap();
        assert_eq!((texts.len(), image.len()), (2 * 128, 128));
        // Every matrix preserves the variance of its input, so features of a normalised row stay near 1.
        let size = |x: &[f32]| (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32).sqrt();
        for features in [&texts[..128], &texts[128..], &image] {
            assert!((0.5..2.0).contains(&size(features)), "{}", size(features));
        }
        assert_ne!(texts[..128], texts[128..]);
        assert_eq!(image, open(1).encode_images(&pixels).unwrap());
        assert_ne!(image, open(2).encode_images(&pixels).unwrap());
    }
}
