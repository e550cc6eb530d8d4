//! `embed`: CLIP features of images and texts.

use std::path::PathBuf;

use safetensors::tensor::{Dtype, TensorView};

use super::Failure;
use super::learner::LearnerArgs;
use super::options::{BatchArg, ModelArgs, RunArgs};
use super::output::{note, progress};
use super::reading::{ReadArgs, tell};
use super::say::say;
use crate::clip::Clip;
use crate::dapo::LearnedDetector;
use crate::dapo::learner::DapoError;
use crate::data::ReadTally;
use crate::inspect::image_features;
use crate::report::{AtomicFile, write_atomic};
use crate::words::plural;

/// Options of `embed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    learner: LearnerArgs,
    #[command(flatten)]
    reading: ReadArgs,
    #[command(flatten)]
    pub run: RunArgs,
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
    #[command(flatten)]
    batch: BatchArg,
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
        return Err(Failure::usage("nothing to embed").hint("give --image FILE… or --text TEXT… or both"));
    }
    // Checked before any work: can the output be written? This leaves no file.
    drop(AtomicFile::create(&args.out)?);
    let gpu = args.run.device.open()?;
    let encoder = match &learner {
        None => Encoder::Clip(Box::new(args.model.open(&gpu)?)),
        Some(learner) => {
            let clip = learner.open_model(&args.model, &gpu)?;
            Encoder::Learner(Box::new(learner.detector(clip, None, &names)?))
        }
    };
    encoder.clip().notes().iter().for_each(|text| note(text));
    let d = encoder.clip().config().embed_dim;
    let texts = if names.is_empty() { Vec::new() } else { encoder.texts(&names)? };

    let bar = progress(args.images.len(), "images");
    let batch = args.batch.batch.clamp(1, encoder.max_batch());
    let mut images = Vec::with_capacity(args.images.len() * d);
    let encode = |pixels: &[f32]| encoder.images(pixels);
    let (jobs, options) = (args.images.clone(), args.reading.options());
    let mut tally = ReadTally::default();
    for inspected in image_features(encoder.clip(), jobs, options, batch, encode) {
        let (photo, features) = inspected?.outcome?;
        tally.add(&photo.info);
        images.extend(features);
        bar.inc(1);
    }
    bar.finish_and_clear();
    tell(&tally);

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
    say!(
        "{} and {}, {} each, on {} → {}",
        plural(args.images.len(), "image"),
        plural(texts.len() / d, "text"),
        plural(d, "feature"),
        gpu.adapter().line(),
        args.out.display()
    );
    Ok(())
}

/// What computes features.
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
            Self::Learner(learner) => learner.max_images(),
        }
    }

    fn texts(&self, names: &[String]) -> Result<Vec<f32>, Failure> {
        match self {
            Self::Clip(clip) => {
                for (name, row) in names.iter().zip(clip.token_rows(names)?) {
                    if row.unread > 0 {
                        note(&format!(
                            "{name:?} has the end-of-text token in it, or a character that this model's tokenizer does \
                             not know: {} from there on not read",
                            plural(row.unread, "token")
                        ));
                    }
                    if row.left_out > 0 {
                        let context = clip.text().context_length();
                        note(&format!(
                            "{name:?} is {} longer than the {context} that this model reads; its end is left out",
                            plural(row.left_out, "token")
                        ));
                    }
                }
                Ok(clip.encode_texts(names)?)
            }
            Self::Learner(learner) => {
                learner.notes().iter().for_each(|text| note(text));
                Ok(learner.class_vectors()?)
            }
        }
    }

    fn images(&self, pixels: &[f32]) -> Result<Vec<f32>, DapoError> {
        match self {
            Self::Clip(clip) => Ok(clip.encode_images(pixels)?),
            Self::Learner(learner) => Ok(learner.image_features(pixels)?),
        }
    }
}
