//! Batches of prepared images, one step ahead of the device.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use rayon::prelude::*;

use crate::cli::Failure;
use crate::dapo::learner::Batch;
use crate::dapo::run::BatchSampler;
use crate::data::image::Source;
use crate::data::samples::Mask;
use crate::data::{ImageError, MaskRule, Preprocess};

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
}

/// Prepares the batches of a range of steps on a thread of its own, one ahead.
#[derive(Debug)]
pub struct Feed {
    batches: Receiver<Result<Batch, ImageError>>,
}

impl Feed {
    /// Begins with the first step of the range.
    pub fn new(
        images: Vec<LabelledImage>,
        order: BatchSampler,
        steps: Range<usize>,
        how: Preparation,
    ) -> Self {
        let (sender, batches) = sync_channel(1);
        thread::spawn(move || {
            for step in steps {
                let chosen: Vec<&LabelledImage> = order.batch(step).into_iter().map(|i| &images[i]).collect();
                let batch = load(&chosen, &how);
                let failed = batch.is_err();
                // The receiver goes away when the run ends early.
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Self { batches }
    }

    /// The next batch.
    ///
    /// # Errors
    /// An image or mask that cannot be read.
    pub fn next(&mut self, step: usize) -> Result<Batch, Failure> {
        let batch = self.batches.recv();
        Ok(batch.map_err(|_| Failure::new(format!("no images for step {step}")))??)
    }
}

/// Prepares the images of a step.
///
/// # Errors
/// An image or mask that cannot be read.
pub fn load(images: &[&LabelledImage], how: &Preparation) -> Result<Batch, ImageError> {
    let size = how.preprocess.size;
    let prepared = images
        .par_iter()
        .map(|image| {
            let raster = Source::open(&image.image)?.decode()?;
            let pixels = how.preprocess.normalise(&how.preprocess.resize(&raster));
            let mask = match &image.mask {
                Some(mask) if image.class > 0 => mask.load(size, how.rule)?,
                _ => vec![0.0; size as usize * size as usize],
            };
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
