//! From image files to results of a model, in order and in full batches.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clip::ClipError;
use crate::dapo::learner::DapoError;
use crate::data::{ImageError, Photo, PhotoReader, Preprocess, Tile, read_ahead};
use crate::words::plural;

/// A job whose image file was read, or could not be.
#[derive(Debug)]
pub struct ReadPhoto<J> {
    /// What the caller knows of the image.
    pub job: J,
    /// The photo; a bad file concerns no other.
    pub photo: Result<Photo, ImageError>,
}

/// A job with its photo and what the model made of it, or the reason why the file could not be read.
#[derive(Debug)]
pub struct Inspected<J, R> {
    /// What the caller knows of the image.
    pub job: J,
    /// The photo, without the inputs that the model has used, and the result.
    pub outcome: Result<(Photo, R), ImageError>,
}

/// What a model makes of a batch: pixels [inputs, 3, size, size], and the job of each input. It returns a result for
/// each job; results of inputs that only fill the batch may follow them.
pub type Model<'a, J, R> = dyn FnMut(&[f32], &[&J]) -> Result<Vec<R>, DapoError> + 'a;

/// Opens another device after the loss that the error tells of, for the model to go on with.
pub type Renew<'a> = dyn FnMut(&DapoError) -> Result<(), DapoError> + 'a;

/// One result of a whole image, of a size in pixels, and its tiles.
pub type JoinTiles<R> = fn(R, (u32, u32), Vec<(Tile, R)>) -> R;

/// Reads photos ahead and sends their inputs through a model; see [`Batches::new`].
pub struct Batches<'a, J, R> {
    source: Box<dyn Iterator<Item = ReadPhoto<J>> + 'a>,
    model: Box<Model<'a, J, R>>,
    join: JoinTiles<R>,
    preprocess: Preprocess,
    batch: usize,
    padded: bool,
    stop: Option<&'a AtomicBool>,
    renew: Option<Box<Renew<'a>>>,
    waiting: VecDeque<Waiting<J, R>>,
    /// Inputs that wait for the model.
    pending: usize,
}

struct Waiting<J, R> {
    read: ReadPhoto<J>,
    /// Results of the photo's inputs, as they come.
    results: Vec<R>,
}

impl<J, R> Waiting<J, R> {
    fn inputs(&self) -> usize {
        self.read.photo.as_ref().map_or(0, |photo| photo.inputs.len())
    }

    fn is_complete(&self) -> bool {
        self.results.len() == self.inputs()
    }
}

/// Reads the files of `jobs` on `workers` threads, `ahead` of them at the most before they are needed.
pub fn read_photos<J>(
    jobs: Vec<J>,
    reader: PhotoReader,
    ahead: usize,
    workers: usize,
) -> impl Iterator<Item = ReadPhoto<J>>
where
    J: AsRef<Path> + Clone + Send + 'static,
{
    read_ahead(jobs, ahead, workers, move |job: J| ReadPhoto { photo: reader.read(job.as_ref()), job })
}

impl<'a, J, R> Batches<'a, J, R> {
    /// Sends the inputs of `source` through `model`, `batch` at a time whichever photo they are of, normalised by
    /// `preprocess`. `join` makes one result of a photo's inputs.
    pub fn new(
        source: impl Iterator<Item = ReadPhoto<J>> + 'a,
        preprocess: Preprocess,
        batch: usize,
        model: impl FnMut(&[f32], &[&J]) -> Result<Vec<R>, DapoError> + 'a,
        join: JoinTiles<R>,
    ) -> Self {
        Self {
            source: Box::new(source),
            model: Box::new(model),
            join,
            preprocess,
            batch: batch.max(1),
            padded: false,
            stop: None,
            renew: None,
            waiting: VecDeque::new(),
            pending: 0,
        }
    }

    /// Fills the last batch up with its last input: the kernels that are chosen for a smaller batch may round
    /// otherwise, and an image then gives the same bits in whatever company.
    pub fn padded(self) -> Self {
        Self { padded: true, ..self }
    }

    /// Begins no batch once the flag is set. Results that are complete by then are still handed out.
    pub fn until(self, stop: &'a AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Calls `renew` when the device was lost, and sends the same batch through the model again.
    pub fn renewing(self, renew: impl FnMut(&DapoError) -> Result<(), DapoError> + 'a) -> Self {
        Self { renew: Some(Box::new(renew)), ..self }
    }

    /// Whether the next result is there already, without work for the device.
    pub fn is_ready(&self) -> bool {
        self.waiting.front().is_some_and(Waiting::is_complete)
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Reads photos until a batch is full, an unreadable file is next in order, or nothing is left.
    fn fill(&mut self) {
        while self.pending < self.batch && !self.is_ready() {
            let Some(read) = self.source.next() else { return };
            let waiting = Waiting { read, results: Vec::new() };
            self.pending += waiting.inputs();
            self.waiting.push_back(waiting);
        }
    }

    /// One batch through the model.
    fn run(&mut self) -> Result<(), DapoError> {
        // Which photo, and which of its inputs.
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(self.batch);
        for (at, waiting) in self.waiting.iter().enumerate() {
            places.extend((waiting.results.len()..waiting.inputs()).map(|input| (at, input)));
            if places.len() >= self.batch {
                break;
            }
        }
        places.truncate(self.batch);
        let mut pixels = Vec::new();
        for &(at, input) in &places {
            if let Ok(photo) = &mut self.waiting[at].read.photo {
                pixels.extend(self.preprocess.normalise(&std::mem::take(&mut photo.inputs[input])));
            }
        }
        if self.padded {
            let one = pixels.len() / places.len();
            let last = pixels.len() - one;
            for _ in places.len()..self.batch {
                pixels.extend_from_within(last..last + one);
            }
        }
        let jobs: Vec<&J> = places.iter().map(|&(at, _)| &self.waiting[at].read.job).collect();
        let results = loop {
            match ((self.model)(&pixels, &jobs), &mut self.renew) {
                (Err(lost), Some(renew)) if lost.device_lost() => renew(&lost)?,
                (results, _) => break results?,
            }
        };
        if results.len() < places.len() {
            return Err(missing_results(results.len(), places.len()));
        }
        self.pending -= places.len();
        for ((at, _), result) in places.into_iter().zip(results) {
            self.waiting[at].results.push(result);
        }
        Ok(())
    }

    /// The whole image's result comes first, then its tiles'.
    fn finish(&self, waiting: Waiting<J, R>) -> Result<Inspected<J, R>, DapoError> {
        let Waiting { read: ReadPhoto { job, photo }, results } = waiting;
        let mut photo = match photo {
            Ok(photo) => photo,
            Err(error) => return Ok(Inspected { job, outcome: Err(error) }),
        };
        photo.inputs.clear();
        let mut results = results.into_iter();
        let whole = results.next().ok_or_else(|| missing_results(0, 1))?;
        let tiles = photo.tiles.iter().copied().zip(results).collect();
        let joined = (self.join)(whole, photo.original_size, tiles);
        Ok(Inspected { job, outcome: Ok((photo, joined)) })
    }
}

fn missing_results(found: usize, expected: usize) -> DapoError {
    ClipError::Request(format!(
        "the model returned {} for {}",
        plural(found, "result"),
        plural(expected, "image")
    ))
    .into()
}

impl<J, R> Iterator for Batches<'_, J, R> {
    type Item = Result<Inspected<J, R>, DapoError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.is_ready()
                && let Some(waiting) = self.waiting.pop_front()
            {
                return Some(self.finish(waiting));
            }
            if self.is_stopped() {
                return None;
            }
            self.fill();
            if self.is_ready() {
                continue;
            }
            // Asked to stop while a file was waited for.
            if self.is_stopped() {
                return None;
            }
            if self.pending == 0 {
                return None;
            }
            if let Err(error) = self.run() {
                return Some(Err(error));
            }
        }
    }
}

#[cfg(test)]
mod tests;
