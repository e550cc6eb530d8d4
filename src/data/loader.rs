//! Decoding and preparing images on background threads, in order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use ::image::RgbImage;

use super::collect::ImageEntry;
use super::error::ImageError;
use super::image::Source;
use super::preprocess::Preprocess;
use super::raster::Raster;

/// From this many pixels on, only one image is decoded at a time: a dozen threads with a
/// 200-megapixel scan each would need more memory than most machines have.
const LARGE: u64 = 1 << 25;

/// An image ready for the network.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedImage {
    /// Width and height of the file in pixels.
    pub original_size: (u32, u32),
    /// What the network sees, `size` x `size`, before normalisation.
    pub squashed: RgbImage,
    /// The network's input, `[3, size, size]`.
    pub pixels: Vec<f32>,
    /// The original, no side longer than asked for; `None` when none was asked for.
    pub picture: Option<RgbImage>,
}

/// The image in RGB, scaled down so that no side exceeds `side`.
fn scaled_down(image: Raster, side: u32) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let image = image.into_rgb();
    let longest = width.max(height);
    if longest <= side {
        return image;
    }
    let scaled = |n: u32| (u64::from(n) * u64::from(side)).div_ceil(u64::from(longest)) as u32;
    ::image::imageops::thumbnail(&image, scaled(width), scaled(height))
}

/// An image, or the reason why there is none.
#[derive(Debug)]
pub struct Loaded {
    /// Which image.
    pub entry: ImageEntry,
    /// The outcome; a bad file concerns no other.
    pub result: Result<LoadedImage, ImageError>,
}

struct Job {
    entry: ImageEntry,
    reply: Sender<Loaded>,
}

/// What the threads share.
struct Shared {
    preprocess: Preprocess,
    /// Longest side of the pictures to keep; 0 for none.
    picture_side: u32,
    /// Held while decoding an image of [`LARGE`] or more pixels.
    large: Mutex<()>,
    /// Set when nobody waits for the results any more.
    cancelled: AtomicBool,
}

impl Shared {
    fn load(&self, entry: ImageEntry) -> Loaded {
        let result = Source::open(&entry.path).and_then(|source| {
            let (width, height) = source.dimensions();
            let is_large = u64::from(width) * u64::from(height) >= LARGE;
            // The lock guards memory use and no data, so a poisoned one is as good as new.
            let _turn = is_large.then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
            let original = source.decode()?;
            let squashed = self.preprocess.resize(&original);
            let pixels = self.preprocess.normalise(&squashed);
            let picture = (self.picture_side > 0).then(|| scaled_down(original, self.picture_side));
            Ok(LoadedImage { original_size: (width, height), squashed, pixels, picture })
        });
        Loaded { entry, result }
    }

    fn work(&self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            if self.cancelled.load(Ordering::Relaxed) {
                return;
            }
            // Fails only where the other side has gone away, and then nobody minds.
            let _ = job.reply.send(self.load(job.entry));
        }
    }
}

/// Loads `entries` in batches of `batch` (the last one may be shorter) on `workers` threads, in the
/// given order. While one batch is in use, the next ones are prepared: at most two batches, or two
/// images per worker if that is more, wait in memory. Dropping the iterator stops the threads.
///
/// With a `picture_side` each image also comes as a picture for people, no side longer than that.
/// `batch` and `workers` count as 1 where they are 0.
pub fn load_batches(
    entries: Vec<ImageEntry>,
    batch: usize,
    preprocess: Preprocess,
    workers: usize,
    picture_side: u32,
) -> impl Iterator<Item = Vec<Loaded>> {
    Batches::new(entries, batch, preprocess, workers, picture_side)
}

struct Batches {
    entries: std::vec::IntoIter<ImageEntry>,
    batch: usize,
    look_ahead: usize,
    /// Images under way, in order. The entry is kept for the case that no thread answers.
    waiting: VecDeque<(ImageEntry, Receiver<Loaded>)>,
    /// `None` once the threads are told to stop.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Batches {
    fn new(
        entries: Vec<ImageEntry>,
        batch: usize,
        preprocess: Preprocess,
        workers: usize,
        picture_side: u32,
    ) -> Self {
        let (batch, workers) = (batch.max(1), workers.clamp(1, entries.len().max(1)));
        let shared = Arc::new(Shared {
            preprocess,
            picture_side,
            large: Mutex::new(()),
            cancelled: AtomicBool::new(false),
        });
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let spawn = |number: usize| {
            let (shared, receiver) = (Arc::clone(&shared), Arc::clone(&receiver));
            let builder = thread::Builder::new().name(format!("image-{number}"));
            builder.spawn(move || shared.work(&receiver)).ok()
        };
        // Where the system denies every thread, images are loaded on the caller's own, see `next_one`.
        let threads = (0..workers).map_while(spawn).collect();
        Self {
            entries: entries.into_iter(),
            batch,
            look_ahead: 2 * batch.max(workers),
            waiting: VecDeque::new(),
            jobs: Some(sender),
            threads,
            shared,
        }
    }

    /// Hands out work until the look-ahead is full.
    fn refill(&mut self) {
        while self.waiting.len() < self.look_ahead {
            let Some(entry) = self.entries.next() else {
                return;
            };
            let (reply, answer) = channel();
            if let Some(jobs) = &self.jobs {
                // Fails where no thread is left; the missing answer tells `next_one`.
                let _ = jobs.send(Job { entry: entry.clone(), reply });
            }
            self.waiting.push_back((entry, answer));
        }
    }

    fn next_one(&mut self) -> Option<Loaded> {
        self.refill();
        let (entry, answer) = self.waiting.pop_front()?;
        Some(answer.recv().unwrap_or_else(|_| self.shared.load(entry)))
    }
}

impl Iterator for Batches {
    type Item = Vec<Loaded>;

    fn next(&mut self) -> Option<Vec<Loaded>> {
        let size = self.batch;
        let loaded: Vec<Loaded> = std::iter::from_fn(|| self.next_one()).take(size).collect();
        self.refill();
        (!loaded.is_empty()).then_some(loaded)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to clean up.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    /// Images whose gray value is their number; number 3 is damaged, number 5 missing.
    fn numbered(folder: &Path, count: u8) -> Vec<ImageEntry> {
        let entry = |number: u8| {
            let path = folder.join(format!("{number}.png"));
            let side = 1 + u32::from(number) * 37 % 200;
            if number == 3 {
                std::fs::write(&path, b"\x89PNG\r\n\x1a\n").unwrap();
            } else if number != 5 {
                let image = RgbImage::from_pixel(side, 2 * side, [number; 3].into());
                image.save(&path).unwrap();
            }
            ImageEntry { path, stem: number.to_string() }
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn order_is_kept_and_bad_files_stay_alone() {
        let folder = tempfile::tempdir().unwrap();
        let entries = numbered(folder.path(), 20);
        for (batch, workers) in [(1, 1), (6, 3), (50, 8), (0, 0)] {
            let batches: Vec<_> =
                load_batches(entries.clone(), batch, Preprocess::clip(8), workers, 4).collect();
            assert!(batches.iter().rev().skip(1).all(|b| b.len() == batch.max(1)));
            let all: Vec<_> = batches.into_iter().flatten().collect();
            assert_eq!(all.len(), entries.len());
            for (number, loaded) in all.iter().enumerate() {
                assert_eq!(loaded.entry, entries[number]);
                match &loaded.result {
                    Ok(image) => {
                        let value = number as u8;
                        assert!(image.squashed.as_raw().iter().all(|&v| v == value));
                        assert_eq!(image.pixels.len(), 3 * 8 * 8);
                        let (width, height) = image.original_size;
                        assert_eq!(height, 2 * width);
                        assert!(number != 3 && number != 5);
                    }
                    Err(ImageError::NotFound { .. }) => assert_eq!(number, 5),
                    Err(_) => assert_eq!(number, 3),
                }
            }
        }
    }

    #[test]
    fn no_images_make_no_batches() {
        assert_eq!(load_batches(vec![], 4, Preprocess::clip(8), 2, 0).count(), 0);
    }

    #[test]
    fn looking_ahead_is_bounded_and_dropping_stops() {
        let entry = |number: usize| ImageEntry {
            path: PathBuf::from(format!("/no/such/{number}")),
            stem: String::new(),
        };
        let entries = (0..10_000).map(entry).collect();
        let mut batches = Batches::new(entries, 3, Preprocess::clip(8), 2, 0);
        assert_eq!(batches.next().map(|b| b.len()), Some(3));
        assert_eq!(batches.waiting.len(), 6);
        drop(batches);
    }

    #[test]
    fn without_threads_the_caller_loads() {
        let folder = tempfile::tempdir().unwrap();
        let mut batches = Batches::new(numbered(folder.path(), 3), 2, Preprocess::clip(8), 1, 0);
        batches.jobs = None;
        let all: Vec<_> = batches.flatten().collect();
        assert!(all.len() == 3 && all.iter().all(|loaded| loaded.result.is_ok()));
    }
}
