//! The pipeline: files are read ahead, the device computes, and counts are accumulated, all at the same time.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::EvalError;
use super::evaluator::{Detections, Evaluator, LabelledPhoto};
use super::gallery::Gallery;
use super::plan::{Plan, Shard};
use super::run::{Counts, EvalRun};
use crate::dapo::Detection;
use crate::inspect::{Inspected, Renew};
use crate::metrics::{PixelCounts, TypeCounts};
use crate::report::metrics::ImageRecord;
use crate::report::write_npy;

/// Time between two savings of the counts.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// Called with the number of images that are done.
pub type Progress<'a> = dyn FnMut(usize) + Send + 'a;

/// What is kept beside the counts, and when to stop.
#[derive(Debug)]
pub struct EvaluateOptions<'a> {
    /// Folder for the maps, if they are to be kept.
    pub maps: Option<&'a Path>,
    /// Set when the run should stop.
    pub stop: &'a AtomicBool,
    /// The pictures of the page, if there is to be one.
    pub gallery: Option<&'a mut Gallery>,
}

/// Evaluates what is not yet done of the part that the run is about. Whether everything is done is the answer: it is
/// not if the run was asked to stop. `renew` gives the inspector another device when one is lost.
///
/// # Errors
/// Those of the device, and of the run's folder. Images that cannot be read are recorded with their error.
pub fn evaluate(
    evaluator: &Evaluator<'_>,
    run: &mut EvalRun,
    options: EvaluateOptions<'_>,
    renew: &mut Renew<'_>,
    progress: &mut Progress<'_>,
) -> Result<bool, EvalError> {
    let (number, of) = run.settings.shard;
    let part = evaluator.plan.part(Shard { number, of });
    let todo = part[run.done()..].to_vec();
    let (total, batch) = (todo.len(), evaluator.inspector.batch());
    let EvaluateOptions { maps, stop, gallery } = options;
    let (sender, finished) = sync_channel(2 * batch);
    thread::scope(|scope| {
        let counting = scope.spawn(move || count(evaluator, run, maps, gallery, &finished, progress));
        let inspected = (|| {
            let mut done = 0;
            for inspected in evaluator.inspect(todo).until(stop).renewing(renew) {
                done += 1;
                // Fails only when counting has ended with an error, which is reported there.
                if sender.send(inspected?).is_err() {
                    break;
                }
            }
            Ok(done == total)
        })();
        drop(sender);
        // The counting thread ends early only with an error, which says more than a closed channel.
        counting.join().map_err(|_| EvalError::Parts("counting failed".into()))??;
        inspected
    })
}

/// Accumulates results in order, and keeps them in the run's folder.
fn count(
    evaluator: &Evaluator<'_>,
    run: &mut EvalRun,
    maps: Option<&Path>,
    mut gallery: Option<&mut Gallery>,
    finished: &Receiver<Inspected<LabelledPhoto, Detections>>,
    progress: &mut Progress<'_>,
) -> Result<(), EvalError> {
    let plan = evaluator.plan;
    let names = maps.map(|_| plan.map_names());
    let mut current: Option<(usize, Counts)> = None;
    let mut saved = Instant::now();
    for Inspected { job, outcome } in finished {
        let product = plan.items[job.index].product;
        if let Some((before, counts)) = current.take_if(|(at, _)| *at != product) {
            run.keep(before, &counts)?;
        }
        let counts = match &mut current {
            Some((_, counts)) => counts,
            None => {
                let counts = match run.counts(product)? {
                    Some(counts) => counts,
                    None => Counts::new(plan, product, evaluator.types)?,
                };
                &mut current.insert((product, counts)).1
            }
        };
        if let (Some(folder), Some(names), Ok((_, detections))) = (maps, &names, &outcome) {
            save_maps(folder, &names[job.index], detections)?;
        }
        let found = outcome.as_ref().map(|(_, detections)| detections).map_err(ToString::to_string);
        let mut record = score_image(plan, &job, found, counts);
        record.notes = outcome.as_ref().map_or_else(|_| Vec::new(), |(photo, _)| photo.info.notes.clone());
        if let (Some(gallery), Ok((photo, detections))) = (&mut gallery, &outcome) {
            gallery.offer(evaluator, &record, &job, (photo, detections))?;
        }
        run.record(&record)?;
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

/// Writes the maps of an image under its own name: `X.binary.npy` [size, size], the probability of any defect, and
/// `X.multi.npy` [C, size, size], that of each class of its product.
fn save_maps(folder: &Path, name: &str, found: &Detections) -> Result<(), EvalError> {
    let save = |kind: &str, shape: &[usize], map: &[f32]| {
        let path = folder.join(format!("{name}.{kind}.npy"));
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
    /// Empty counts of a product; maps of this program lie in 0..=1.
    fn new(plan: &Plan, product: usize, types: bool) -> Result<Self, EvalError> {
        let refuse = |e: crate::metrics::Undefined| EvalError::Parts(e.to_string());
        let asked = types && !plan.products[product].classes.is_empty();
        let types = asked.then(|| TypeCounts::new(plan.names(product), [0.0, 1.0])).transpose();
        Ok(Self {
            pixels: PixelCounts::new([0.0, 1.0]).map_err(refuse)?,
            types: types.map_err(refuse)?,
            images: 0,
            without_mask: 0,
        })
    }
}

/// Scores one image and counts its pixels.
fn score_image(
    plan: &Plan,
    photo: &LabelledPhoto,
    detections: Result<&Detections, String>,
    counts: &mut Counts,
) -> ImageRecord {
    let item = &plan.items[photo.index];
    let scored = || -> Result<(f32, Option<String>), String> {
        let Detections { binary, types: found_types } = detections?;
        if !binary.score.is_finite() {
            return Err(format!("its score is {}", binary.score));
        }
        match &photo.mask {
            None => counts.without_mask += 1,
            Some(mask) => {
                let class = u8::try_from(plan.class_in_product(item)).map_err(|e| e.to_string())?;
                // Both or neither: types are checked before pixels are counted.
                let mut types = counts.types.clone();
                if let (Some(types), Some(found)) = (&mut types, found_types) {
                    let truth: Vec<u8> = mask.iter().map(|&m| if m { class } else { 0 }).collect();
                    types.add(&found.maps, &truth).map_err(|e| e.to_string())?;
                }
                counts.pixels.add(&binary.binary_map(), mask, binary.size).map_err(|e| e.to_string())?;
                counts.types = types;
                counts.images += 1;
            }
        }
        let named = |found: &Detection| plan.names(item.product).get(found.defect + 1).cloned();
        Ok((binary.score, found_types.as_ref().and_then(named)))
    };
    let (score, predicted, error) = match scored() {
        Ok((score, predicted)) => (Some(score), predicted, None),
        Err(error) => (None, None, Some(error)),
    };
    ImageRecord {
        index: photo.index,
        path: item.path.clone(),
        product: plan.products[item.product].name.clone(),
        truth: item.class.map(|class| plan.classes[class].clone()),
        score,
        predicted,
        error,
        remarks: photo.remarks.iter().map(|remark| remark.code().to_owned()).collect(),
        content: Some(photo.content.clone()),
        notes: Vec::new(),
    }
}
