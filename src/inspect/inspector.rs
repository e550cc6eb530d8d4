//! Image files in, detections out.

use std::path::Path;

use super::batches::{Batches, ReadPhoto, read_photos};
use super::detectors::Detectors;
use super::tiles::merge;
use crate::clip::Clip;
use crate::dapo::learner::DapoError;
use crate::dapo::{Detection, Detector, References};
use crate::data::{ImageError, Photo, PhotoReader, Preprocess, ReadOptions, Tiling, read_ahead};

/// Images in a batch unless something else is asked for.
pub const DEFAULT_BATCH: usize = 8;
/// Threads that read image files for detection: decoding a photo is quicker than a model's forward pass.
pub(super) const READERS: usize = 2;

/// The transform of images that a model was trained with, at the size that it is opened for.
pub fn preprocess(clip: &Clip) -> Preprocess {
    let (config, size) = (clip.config(), clip.vision().image_size());
    Preprocess { mean: config.mean, std: config.std, ..Preprocess::clip(size as u32) }
}

/// Why an image file has no detection.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The model or the device failed.
    #[error(transparent)]
    Model(#[from] DapoError),
}

/// A detector for image files: reads ahead, batches, cuts large images into tiles.
///
/// ```
/// use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
/// use dapo_wgpu::dapo::{Detector, Prompts};
/// use dapo_wgpu::gpu::{Gpu, GpuOptions};
/// use dapo_wgpu::inspect::Inspector;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let gpu = Gpu::open(&GpuOptions::default())?;
/// let clip = Clip::open(&gpu, &embedded::unpack()?, ClipOptions::default())?;
/// let prompts = Prompts::new(Some("bottle"), &["broken", "contamination"])?;
/// let inspector = Inspector::new(Detector::new(clip, &prompts)?);
/// for inspected in inspector.inspect(vec!["docs/samples/bottle_broken.png", "no/such/photo.png"]) {
///     let inspected = inspected?; // an error here is one of the device
///     match inspected.outcome {
///         Ok((_, detection)) => {
///             assert!(detection.score > 0.5);
///             assert_eq!(prompts.defects[detection.defect], "broken");
///         }
///         Err(error) => assert_eq!(inspected.job, "no/such/photo.png", "{error}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Inspector {
    detectors: Detectors,
    batch: usize,
    tiling: Option<Tiling>,
    picture_side: u32,
    options: ReadOptions,
}

impl Inspector {
    /// Whole images in batches of [`DEFAULT_BATCH`], without pictures.
    pub fn new(detector: Detector) -> Self {
        let batch = DEFAULT_BATCH.min(detector.max_batch());
        let detectors = Detectors::new(detector);
        Self { detectors, batch, tiling: None, picture_side: 0, options: ReadOptions::default() }
    }

    /// Images in a batch: at least 1, at most what fits the device.
    pub fn with_batch(self, batch: usize) -> Self {
        Self { batch: batch.clamp(1, self.detector().max_batch()), ..self }
    }

    /// Sends images that are larger through the model in overlapping tiles, too.
    pub fn with_tiling(self, tiling: Option<Tiling>) -> Self {
        Self { tiling, ..self }
    }

    /// Keeps a picture of each photo, no side longer than this; 0 for none.
    pub fn with_pictures(self, side: u32) -> Self {
        Self { picture_side: side, ..self }
    }

    /// Reads image files with these options.
    pub fn with_options(self, options: ReadOptions) -> Self {
        Self { options, ..self }
    }

    /// Compares photos with these references, which must be of the same detector.
    pub fn with_references(self, references: References) -> Self {
        Self { detectors: Detectors::new(self.detectors.into_current().with_references(references)), ..self }
    }

    /// The detector.
    pub fn detector(&self) -> &Detector {
        self.detectors.current().1
    }

    /// The detector in use, without the inspector.
    pub fn into_detector(self) -> Detector {
        self.detectors.into_current()
    }

    /// Which detector it is, counted from 0, and the detector itself.
    pub fn current(&self) -> (usize, &Detector) {
        self.detectors.current()
    }

    /// Goes on with another detector, after the device of the present one was lost. It must be the same but for that.
    /// `false` after [`MAX_LOSSES`](super::MAX_LOSSES) times: a device that is lost again and again is broken.
    pub fn renew(&self, detector: Detector) -> bool {
        self.detectors.renew(detector)
    }

    /// Images in a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// How images are cut.
    pub fn tiling(&self) -> Option<Tiling> {
        self.tiling
    }

    /// How image files are read for this detector.
    pub fn reader(&self) -> PhotoReader {
        PhotoReader::new(preprocess(self.detector().clip()))
            .with_options(self.options)
            .with_tiling(self.tiling)
            .with_pictures(self.picture_side)
    }

    /// Inspects image files in order. A file that cannot be read is an entry of its own; an error of the iterator is
    /// one of the device.
    pub fn inspect<'a, J>(&'a self, jobs: Vec<J>) -> Batches<'a, J, Detection>
    where
        J: AsRef<Path> + Clone + Send + 'static,
    {
        self.inspect_read(jobs, |reader, job: J| ReadPhoto { photo: reader.read(job.as_ref()), job })
    }

    /// As [`Inspector::inspect`], where `read` reads the file of a job on a thread that reads ahead, and may learn more of
    /// it.
    pub fn inspect_read<'a, J, K>(
        &'a self,
        jobs: Vec<J>,
        read: impl Fn(&PhotoReader, J) -> ReadPhoto<K> + Send + Sync + 'static,
    ) -> Batches<'a, K, Detection>
    where
        J: Clone + Send + 'static,
        K: Send + 'static,
    {
        // The tiles of one large image fill batches by themselves.
        let ahead = if self.tiling.is_some() { READERS } else { 2 * self.batch.max(READERS) };
        let reader = self.reader();
        let photos = read_ahead(jobs, ahead, READERS, move |job| read(&reader, job));
        self.inspect_photos(photos)
    }

    /// As [`Inspector::inspect`], of photos that [`Inspector::reader`] has read: where there are no files, or no threads.
    pub fn inspect_photos<'a, J: 'a>(
        &'a self,
        photos: impl Iterator<Item = ReadPhoto<J>> + 'a,
    ) -> Batches<'a, J, Detection> {
        let model = |pixels: &[f32], _: &[&J]| self.detector().detect(pixels);
        Batches::new(photos, preprocess(self.detector().clip()), self.batch, model, merge)
    }

    /// Inspects one image file.
    ///
    /// # Errors
    /// [`InspectError`].
    pub fn inspect_file(&self, path: impl AsRef<Path>) -> Result<(Photo, Detection), InspectError> {
        let path = path.as_ref();
        match self.inspect(vec![path.to_owned()]).next() {
            Some(inspected) => Ok(inspected?.outcome?),
            // One job has one result.
            None => Err(ImageError::NotFound { path: path.into() }.into()),
        }
    }
}

/// Features `[embed_dim]` of image files by `encode`, which turns pixels [inputs, 3, size, size] into features
/// `[inputs, embed_dim]`, `batch` images at a time. Files are read with `options`.
pub fn image_features<'a, J>(
    clip: &'a Clip,
    jobs: Vec<J>,
    options: ReadOptions,
    batch: usize,
    mut encode: impl FnMut(&[f32]) -> Result<Vec<f32>, DapoError> + 'a,
) -> Batches<'a, J, Vec<f32>>
where
    J: AsRef<Path> + Clone + Send + 'static,
{
    let preprocess = preprocess(clip);
    let reader = PhotoReader::new(preprocess.clone()).with_options(options);
    let photos = read_photos(jobs, reader, 2 * batch.max(READERS), READERS);
    let width = clip.config().embed_dim;
    let model =
        move |pixels: &[f32], _: &[&J]| Ok(encode(pixels)?.chunks(width).map(<[f32]>::to_vec).collect());
    Batches::new(photos, preprocess, batch, model, |whole, _, _| whole)
}
