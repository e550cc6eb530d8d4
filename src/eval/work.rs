//! The pipeline: files are read ahead, the device looks, and counts are added up, all at the same time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::EvalError;
use super::load::{Preparation, Prepared, prepare};
use super::plan::{Plan, Shard};
use super::run::{Counts, EvalRun};
use crate::dapo::tiles::{Tile, Tiling, merge};
use crate::dapo::{ClassSet, Detection, Looker, Maps};
use crate::data::Preprocess;
use crate::metrics::{PixelCounts, TypeCounts};
use crate::report::metrics::ImageRecord;
use crate::report::write_npy;

/// Time between two savings of the counts.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// Called with the number of images that are done.
pub type Progress<'a> = dyn FnMut(usize) + Send + 'a;

/// How to look.
#[derive(Debug, Clone)]
pub struct How<'a> {
    /// What the images of the model look like.
    pub preprocess: Preprocess,
    /// How images are cut.
    pub tiling: Option<Tiling>,
    /// Whether the method tells types.
    pub types: bool,
    /// Folder for the maps, if they are to be kept.
    pub maps: Option<&'a Path>,
    /// Set when the run should stop.
    pub stop: &'a AtomicBool,
}

/// What was found in one image: good or defective among all classes, types among those of its product.
struct Found {
    binary: Detection,
    types: Option<Detection>,
}

/// An image on its way through the device.
struct Waiting {
    prepared: Prepared,
    /// Results of the whole and of the tiles, as they come.
    found: Vec<Found>,
}

/// Evaluates what is not yet done of the part that the run is about. Whether everything is done is the answer: it is
/// not if the run was asked to stop.
///
/// # Errors
/// Those of the device, and of the run's folder. Images that cannot be read are noted with their error.
pub fn evaluate(
    looker: &Looker,
    plan: &Plan,
    run: &mut EvalRun,
    how: &How<'_>,
    progress: &mut Progress<'_>,
) -> Result<bool, EvalError> {
    let (number, of) = run.settings.shard;
    let part = plan.part(Shard { number, of });
    let todo: Vec<_> = part[run.done()..].iter().map(|&i| (i, plan.items[i].clone())).collect();
    let batch = run.settings.batch;
    // Tiles of one image are many.
    let portion = if how.tiling.is_some() { 1 } else { batch };
    let preparation = Preparation { preprocess: how.preprocess.clone(), tiling: how.tiling };
    let loaded = prepare(todo, portion, preparation);
    let subsets = plan
        .products
        .iter()
        .map(|product| {
            let asked = how.types && !product.classes.is_empty();
            asked.then(|| looker.subset(&product.classes)).transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (sender, finished) = sync_channel::<(Prepared, Option<Found>)>(2 * batch);
    thread::scope(|scope| {
        let counting = scope.spawn(move || count(plan, run, how, &finished, progress));
        let looked = (|| {
            let mut device = Device { looker, plan, subsets: &subsets, batch, waiting: VecDeque::new() };
            for portion in loaded {
                if how.stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                for prepared in portion {
                    device.waiting.push_back(Waiting { prepared, found: Vec::new() });
                }
                device.look(false, &sender)?;
            }
            device.look(true, &sender)?;
            Ok(true)
        })();
        drop(sender);
        // A thread that counts ends early only with an error, which says more than that nobody listens.
        counting.join().map_err(|_| EvalError::Parts("counting failed".into()))??;
        looked
    })
}

struct Device<'a> {
    looker: &'a Looker,
    plan: &'a Plan,
    /// The classes of each product, for methods that tell types.
    subsets: &'a [Option<ClassSet>],
    batch: usize,
    waiting: VecDeque<Waiting>,
}

impl Device<'_> {
    /// Looks at full batches of what waits, or at all of it, and hands on what is complete.
    fn look(&mut self, all: bool, sender: &SyncSender<(Prepared, Option<Found>)>) -> Result<(), EvalError> {
        loop {
            // Every input that has not been looked at: which image, which of its inputs.
            let mut open: Vec<(usize, usize)> = Vec::new();
            for (at, waiting) in self.waiting.iter().enumerate() {
                let inputs = waiting.prepared.inputs.as_ref().map_or(0, |i| i.pixels.len());
                open.extend((waiting.found.len()..inputs).map(|input| (at, input)));
                if open.len() >= self.batch {
                    break;
                }
            }
            open.truncate(self.batch);
            if open.len() == self.batch || (all && !open.is_empty()) {
                self.batch(&open)?;
            }
            self.hand_on(sender);
            if open.len() < self.batch {
                return Ok(());
            }
        }
    }

    /// One batch. It has always the same size, filled up with its last input, since the kernels that are chosen for
    /// another size may round otherwise; an image then gives the same bits in whatever company.
    fn batch(&mut self, open: &[(usize, usize)]) -> Result<(), EvalError> {
        let mut pixels = Vec::new();
        let filled = open.iter().chain(std::iter::repeat_n(&open[open.len() - 1], self.batch - open.len()));
        for &(at, input) in filled {
            if let Ok(inputs) = &self.waiting[at].prepared.inputs {
                pixels.extend_from_slice(&inputs.pixels[input]);
            }
        }
        let looked = self.looker.look(&pixels)?;
        drop(pixels);
        let binary = self.looker.judge(&looked, self.looker.classes(), Maps::Normal)?;
        let product = |at: usize| self.plan.items[self.waiting[at].prepared.index].product;
        let mut products: Vec<usize> = open.iter().map(|&(at, _)| product(at)).collect();
        products.dedup();
        let mut types: Vec<Option<Detection>> = (0..open.len()).map(|_| None).collect();
        for of in products {
            if let Some(classes) = &self.subsets[of] {
                let judged = self.looker.judge(&looked, classes, Maps::Types)?;
                for (slot, detection) in judged.into_iter().take(open.len()).enumerate() {
                    if product(open[slot].0) == of {
                        types[slot] = Some(detection);
                    }
                }
            }
        }
        for ((&(at, input), binary), types) in open.iter().zip(binary).zip(types) {
            let waiting = &mut self.waiting[at];
            waiting.found.push(Found { binary, types });
            if let Ok(inputs) = &mut waiting.prepared.inputs {
                inputs.pixels[input] = Vec::new();
            }
        }
        Ok(())
    }

    /// Hands on the images at the front that are complete.
    fn hand_on(&mut self, sender: &SyncSender<(Prepared, Option<Found>)>) {
        while let Some(first) = self.waiting.front() {
            let inputs = first.prepared.inputs.as_ref().map_or(0, |i| i.pixels.len());
            if first.found.len() < inputs {
                return;
            }
            if let Some(Waiting { prepared, found }) = self.waiting.pop_front() {
                let whole = prepared.inputs.as_ref().ok().map(|i| (i.size, i.tiles.as_slice()));
                let joined = whole.and_then(|(size, tiles)| join(size, tiles, found));
                // Fails only when counting has ended with an error, which is told there.
                let _ = sender.send((prepared, joined));
            }
        }
    }
}

/// One result of the whole and the tiles.
fn join(size: (u32, u32), tiles: &[Tile], found: Vec<Found>) -> Option<Found> {
    let mut found = found.into_iter();
    let whole = found.next()?;
    let (mut binary, mut types) = (Vec::new(), Vec::new());
    for (&tile, part) in tiles.iter().zip(found) {
        binary.push((tile, part.binary));
        types.extend(part.types.map(|t| (tile, t)));
    }
    Some(Found {
        binary: merge(whole.binary, size, &binary),
        types: whole.types.map(|whole| merge(whole, size, &types)),
    })
}

/// Adds up what comes, in order, and keeps it in the run's folder.
fn count(
    plan: &Plan,
    run: &mut EvalRun,
    how: &How<'_>,
    finished: &std::sync::mpsc::Receiver<(Prepared, Option<Found>)>,
    progress: &mut Progress<'_>,
) -> Result<(), EvalError> {
    let mut current: Option<(usize, Counts)> = None;
    let mut saved = Instant::now();
    for (prepared, found) in finished {
        let product = plan.items[prepared.index].product;
        if let Some((before, counts)) = current.take_if(|(at, _)| *at != product) {
            run.keep(before, &counts)?;
        }
        let counts = match &mut current {
            Some((_, counts)) => counts,
            None => {
                let counts = match run.counts(product)? {
                    Some(counts) => counts,
                    None => Counts::new(plan, product, how.types)?,
                };
                &mut current.insert((product, counts)).1
            }
        };
        if let (Some(folder), Some(found)) = (how.maps, &found) {
            save_maps(folder, &plan.items[prepared.index].path, found)?;
        }
        let record = one(plan, prepared, found, counts);
        run.note(&record)?;
        progress(run.done());
        if saved.elapsed() >= SAVE_EVERY {
            run.keep(product, counts)?;
            saved = Instant::now();
        }
    }
    match current {
        Some((product, counts)) => run.keep(product, &counts),
        None => Ok(()),
    }
}

/// Writes the maps of an image under its own path: `X.binary.npy` [size, size], the probability of any defect, and
/// `X.multi.npy` [C, size, size], that of each class of its product.
fn save_maps(folder: &Path, image: &str, found: &Found) -> Result<(), EvalError> {
    let save = |kind: &str, shape: &[usize], map: &[f32]| {
        // A list may name images outside of its folder; their maps stay inside of ours.
        let below: PathBuf = image.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
        let path = folder.join(below).with_extension(format!("{kind}.npy"));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(EvalError::io(parent))?;
        }
        write_npy(&path, shape, map).map_err(|e| EvalError::Map(e.to_string()))
    };
    let size = found.binary.size;
    save("binary", &[size, size], &found.binary.binary_map())?;
    match &found.types {
        Some(types) => save("multi", &[types.maps.len() / (size * size), size, size], &types.maps),
        None => Ok(()),
    }
}

impl Counts {
    /// Nothing seen yet of a product; maps of this program lie in 0..=1.
    fn new(plan: &Plan, product: usize, types: bool) -> Result<Self, EvalError> {
        let refuse = |e: crate::metrics::Undefined| EvalError::Parts(e.to_string());
        let asked = types && !plan.products[product].classes.is_empty();
        let types = asked.then(|| TypeCounts::new(plan.names(product), [0.0, 1.0])).transpose();
        Ok(Self {
            pixels: PixelCounts::new([0.0, 1.0]).map_err(refuse)?,
            types: types.map_err(refuse)?,
            without_mask: 0,
        })
    }
}

/// Counts one image and says what was found.
fn one(plan: &Plan, prepared: Prepared, found: Option<Found>, counts: &mut Counts) -> ImageRecord {
    let item = &plan.items[prepared.index];
    let mut record = ImageRecord {
        index: prepared.index,
        path: item.path.clone(),
        product: plan.products[item.product].name.clone(),
        truth: item.class.map(|class| plan.classes[class].clone()),
        score: None,
        predicted: None,
        error: None,
    };
    let judged = || -> Result<(f32, Option<String>), String> {
        let inputs = prepared.inputs.map_err(|e| e.to_string())?;
        let found = found.ok_or("nothing was found out about it")?;
        if !found.binary.score.is_finite() {
            return Err(format!("its score is {}", found.binary.score));
        }
        match inputs.mask {
            None => counts.without_mask += 1,
            Some(mask) => {
                let size = found.binary.size;
                let class = u8::try_from(plan.class_in_product(item)).map_err(|e| e.to_string())?;
                // Both or neither: types are checked before pixels are counted.
                let mut types = counts.types.clone();
                if let (Some(types), Some(found)) = (&mut types, &found.types) {
                    let truth: Vec<u8> = mask.iter().map(|&m| if m { class } else { 0 }).collect();
                    types.add(&found.maps, &truth).map_err(|e| e.to_string())?;
                }
                counts.pixels.add(&found.binary.binary_map(), &mask, size).map_err(|e| e.to_string())?;
                counts.types = types;
            }
        }
        let named = |found: Detection| plan.names(item.product).get(found.defect + 1).cloned();
        Ok((found.binary.score, found.types.and_then(named)))
    };
    match judged() {
        Ok((score, predicted)) => (record.score, record.predicted) = (Some(score), predicted),
        Err(error) => record.error = Some(error),
    }
    record
}
