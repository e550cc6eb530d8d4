//! `embed`: CLIP features of images and texts.

use std::path::PathBuf;

use safetensors::tensor::{Dtype, TensorView};

use super::Failure;
use super::learner::LearnerArgs;
use super::options::{DeviceArgs, ModelArgs, preprocess, progress};
use super::profile::ProfileArg;
use crate::clip::Clip;
use crate::dapo::LearnedDetector;
use crate::data::{ImageEntry, load_batches};
use crate::report::{AtomicFile, write_atomic};

/// Options of `embed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    learner: LearnerArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    #[command(flatten)]
    pub profile: ProfileArg,
    /// Images, in the order of the rows of `image_features`
    #[arg(long = "image", value_name = "FILE", num_args = 1..)]
    images: Vec<PathBuf>,
    /// Texts, in the order of the rows of `text_features`; with --learner names of defects [default: the
    /// learner's own], and the rows are class vectors of unit length, that of "normal" first
    #[arg(long = "text", value_name = "TEXT", num_args = 1..)]
    texts: Vec<String>,
    /// File to write: `image_features` [n, d] and `text_features` [m, d], float32, un-normalised
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// Images in one batch
    #[arg(long, value_name = "N", default_value_t = 8)]
    batch: usize,
}

/// Writes features.
///
/// # Errors
/// Anything wrong with the inputs, the model, the device or the output: nothing is written then.
pub fn run(args: &Args) -> Result<(), Failure> {
    let learner = args.learner.read()?;
    let names = match &learner {
        Some(learner) if args.texts.is_empty() => learner.defects(),
        _ => args.texts.clone(),
    };
    if args.images.is_empty() && names.is_empty() {
        return Err(Failure::new("nothing to embed").hint("give --image FILE… or --text TEXT… or both"));
    }
    // Before any work: is there a place for the result? Nothing stays of the attempt.
    drop(AtomicFile::create(&args.out)?);
    let gpu = args.device.open()?;
    let encoder = match &learner {
        None => Encoder::Clip(Box::new(args.model.open(&gpu)?)),
        Some(learner) => {
            let clip = learner.open_model(&args.model, &gpu)?;
            Encoder::Learner(Box::new(learner.detector(clip, None, &names)?))
        }
    };
    let d = encoder.clip().config().embed_dim;
    let texts = if names.is_empty() { Vec::new() } else { encoder.texts(&names)? };

    let entries: Vec<ImageEntry> =
        args.images.iter().map(|path| ImageEntry { path: path.clone(), stem: String::new() }).collect();
    let bar = progress(entries.len(), "images");
    let batch = args.batch.clamp(1, encoder.max_batch());
    let images = embed_images(encoder.clip(), |p| encoder.images(p), entries, batch, &mut |count| {
        bar.inc(count as u64)
    })?;
    bar.finish_and_clear();

    let named = [("image_features", &images), ("text_features", &texts)];
    let tensors = named
        .iter()
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| {
            let bytes: &[u8] = bytemuck::cast_slice(values);
            Ok((*name, TensorView::new(Dtype::F32, vec![values.len() / d, d], bytes)?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|e| Failure::new(format!("{}: {e}", args.out.display())))?;
    let about = [("adapter".to_owned(), gpu.adapter().line())].into_iter().collect();
    let bytes = safetensors::serialize(tensors, Some(about))
        .map_err(|e| Failure::new(format!("{}: {e}", args.out.display())))?;
    write_atomic(&args.out, &bytes)?;
    eprintln!(
        "{} images and {} texts, {d} features each, on {} → {}",
        args.images.len(),
        texts.len() / d,
        gpu.adapter().line(),
        args.out.display()
    );
    Ok(())
}

/// What makes features.
#[derive(Debug)]
pub enum Encoder {
    /// Plain CLIP.
    Clip(Box<Clip>),
    /// A learner.
    Learner(Box<LearnedDetector>),
}

impl Encoder {
    fn clip(&self) -> &Clip {
        match self {
            Self::Clip(clip) => clip,
            Self::Learner(learner) => learner.clip(),
        }
    }

    fn max_batch(&self) -> usize {
        match self {
            Self::Clip(clip) => clip.vision().max_batch(clip.gpu()),
            Self::Learner(learner) => learner.max_batch(),
        }
    }

    fn texts(&self, names: &[String]) -> Result<Vec<f32>, Failure> {
        match self {
            Self::Clip(clip) => Ok(clip.encode_texts(names)?),
            Self::Learner(learner) => Ok(learner.class_vectors()?),
        }
    }

    fn images(&self, pixels: &[f32]) -> Result<Vec<f32>, Failure> {
        match self {
            Self::Clip(clip) => Ok(clip.encode_images(pixels)?),
            Self::Learner(learner) => Ok(learner.image_features(pixels)?),
        }
    }
}

/// Features of image files by `encode`, [images, embed_dim], un-normalised, a batch at a time; `done` hears how many
/// images each batch had.
///
/// # Errors
/// The first image that cannot be read; those of the device.
pub fn embed_images(
    clip: &Clip,
    encode: impl Fn(&[f32]) -> Result<Vec<f32>, Failure>,
    entries: Vec<ImageEntry>,
    batch: usize,
    done: &mut dyn FnMut(usize),
) -> Result<Vec<f32>, Failure> {
    let size = clip.vision().image_size();
    let mut images = Vec::with_capacity(entries.len() * clip.config().embed_dim);
    for loaded in load_batches(entries, batch, preprocess(clip), 1, 0) {
        let mut pixels = Vec::with_capacity(loaded.len() * 3 * size * size);
        let count = loaded.len();
        for item in loaded {
            pixels.extend(item.result?.pixels);
        }
        images.extend(encode(&pixels)?);
        done(count);
    }
    Ok(images)
}
