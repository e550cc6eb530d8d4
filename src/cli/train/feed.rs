//! Batches of prepared images, one step ahead of the device.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::cli::say::say;
use crate::dapo::learner::Batch;
use crate::dapo::run::BatchSampler;
use crate::data::samples::Mask;
use crate::data::{
    ImageError, MaskRule, Preprocess, ReadInfo, ReadOptions, ReadTally, read_ahead, with_photo,
};

/// A labelled image of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledImage {
    /// The file.
    pub image: PathBuf,
    /// Its mask; none for a good image.
    pub mask: Option<Mask>,
    /// 0 for a good image, else the class of its defect.
    pub class: u32,
}

/// How images are prepared.
#[derive(Debug, Clone)]
pub struct Preparation {
    /// Pixels.
    pub preprocess: Preprocess,
    /// Masks.
    pub rule: MaskRule,
    /// Files.
    pub options: ReadOptions,
    /// How they were read.
    pub read: Arc<Mutex<Read>>,
}

/// Counts each image once, however often it comes.
#[derive(Debug, Default)]
pub struct Read {
    known: BTreeSet<PathBuf>,
    /// The counts.
    pub tally: ReadTally,
}

impl Read {
    /// Tells what no image before had.
    fn add(&mut self, path: &Path, info: &ReadInfo) {
        if self.known.insert(path.to_owned()) {
            for note in self.tally.add(info) {
                say!("note: {}: {note}", path.display());
            }
        }
    }
}

/// The batches of a range of steps, one prepared ahead.
pub fn batches(
    images: Vec<LabelledImage>,
    sampler: BatchSampler,
    steps: Range<usize>,
    how: Preparation,
) -> impl Iterator<Item = Result<Batch, ImageError>> {
    read_ahead(steps, 1, 1, move |step| {
        let chosen: Vec<&LabelledImage> = sampler.batch(step).into_iter().map(|i| &images[i]).collect();
        prepare(&chosen, &how)
    })
}

/// Prepares the images of a step.
///
/// # Errors
/// An image or mask that cannot be read.
pub fn prepare(images: &[&LabelledImage], how: &Preparation) -> Result<Batch, ImageError> {
    let size = how.preprocess.size;
    let prepared = images
        .par_iter()
        .map(|image| {
            let resize = |raster, info| (how.preprocess.resize(&raster), info);
            let (input, mut info): (_, ReadInfo) = with_photo(&image.image, how.options, resize)?;
            let pixels = how.preprocess.normalise(&input);
            let mask = match &image.mask {
                Some(mask) if image.class > 0 => {
                    let (mask, note) = mask.load_for(&info.frame, [size; 2], how.rule)?;
                    info.notes.extend(note.map(str::to_owned));
                    mask
                }
                _ => vec![0.0; size as usize * size as usize],
            };
            // The counts are whole whenever the lock is free.
            how.read.lock().unwrap_or_else(PoisonError::into_inner).add(&image.image, &info);
            Ok((pixels, mask))
        })
        .collect::<Result<Vec<_>, ImageError>>()?;
    let mut batch = Batch {
        pixels: Vec::with_capacity(prepared.len() * 3 * (size * size) as usize),
        classes: images.iter().map(|image| image.class).collect(),
        masks: Vec::with_capacity(prepared.len() * (size * size) as usize),
    };
    for (pixels, mask) in prepared {
        batch.pixels.extend(pixels);
        batch.masks.extend(mask);
    }
    Ok(batch)
}
