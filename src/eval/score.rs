//! Scores maps that any program has made: figures of each product, for [`assemble`].

mod request;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value;

use super::assemble::{self, About, ProductResult};
use super::image_scores::table;
use super::loaded::{Loaded, MapReader};
use super::maps;
use super::meter::{Meter, TypeMeter};
use super::plan::{self, Plan};
use crate::data::samples::Split;
use crate::data::sets;
use crate::data::{ImageError, ReadTally};
use crate::metrics::Undefined;
use crate::report::metrics::ImageRecord;
use crate::report::results::FailedImage;
use crate::words::plural;
pub use request::{Mode, Outcome, Request, ScoreError};

/// A product's values may take this much memory; above, they are counted in bins.
const EXACT_BYTES: u64 = 1 << 30;
/// Images read at a time.
const BATCH: usize = 16;

/// One image of the list, and its state.
struct Item {
    listed: plan::Item,
    map: Option<PathBuf>,
    /// From the table.
    score: Option<f32>,
    /// Its score once it is scored, or why it is not.
    result: Option<Result<f32, String>>,
    /// What is odd about its mask and its map, by codes.
    remarks: Vec<String>,
}

/// At most ten of them, one a line.
fn lines<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    let mut text: Vec<String> = items.iter().take(10).map(|item| format!("\n  {}", line(item))).collect();
    if items.len() > 10 {
        text.push(format!("\n  … and {} more", items.len() - 10));
    }
    text.concat()
}

/// Finds maps and scores, before anything is read.
fn prepare(request: &Request, names: &[String], items: &mut [Item]) -> Result<(), ScoreError> {
    let scores = request.scores.as_deref().map(table).transpose().map_err(ScoreError::Input)?;
    for (item, name) in items.iter_mut().zip(names) {
        item.map = maps::find(&request.predictions, name, &item.listed.path, &item.listed.image);
        item.score = scores.as_ref().and_then(|scores| scores.get(&item.listed.path).copied());
        if item.map.is_none() {
            item.result = Some(Err(format!("no map in {}", request.predictions.display())));
        }
    }
    let missing: Vec<(&Item, &String)> =
        items.iter().zip(names).filter(|(item, _)| item.map.is_none()).collect();
    if missing.len() == items.len() || (!missing.is_empty() && !request.allow_missing) {
        let first = maps::candidates(&request.predictions, missing[0].1)[0].display().to_string();
        return Err(ScoreError::Input(format!(
            "{} of {} have no map; expected {first} (or .npz, .png, .tiff, .tif; _map or .binary before the \
             extension) for the first of them; --allow-missing scores the others:{}",
            missing.len(),
            plural(items.len(), "image"),
            lines(&missing, |(item, _)| item.listed.path.clone())
        )));
    }
    let is_unscored = |item: &&Item| scores.is_some() && item.score.is_none() && item.map.is_some();
    let unscored: Vec<&Item> = items.iter().filter(is_unscored).collect();
    if let (Some(path), false) = (&request.scores, unscored.is_empty()) {
        return Err(ScoreError::Input(format!(
            "{}: no score for {} of {}; it names images by their paths relative to the data set:{}",
            path.display(),
            unscored.len(),
            plural(items.len(), "image"),
            lines(&unscored, |item| item.listed.path.clone())
        )));
    }
    Ok(())
}

/// Reads each map of a product, in order, a batch at a time on all cores, and hands it to `take`. A map that cannot be
/// used ends the run, or is marked where that is allowed.
fn each<T: Send>(
    items: &mut [&mut Item],
    request: &Request,
    work: impl Fn(&Path, &plan::Item) -> Result<Result<T, String>, ImageError> + Sync,
    mut take: impl FnMut(&mut Item, T) -> Result<f32, String>,
    tick: &dyn Fn(usize, usize),
) -> Result<(), ScoreError> {
    for batch in items.chunks_mut(BATCH) {
        let one = |item: &&mut Item| match (&item.map, &item.result) {
            (Some(path), None | Some(Ok(_))) => work(path, &item.listed).map(Some),
            _ => Ok(None),
        };
        let loaded = batch.par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        for (item, loaded) in batch.iter_mut().zip(loaded) {
            let Some(loaded) = loaded else { continue };
            let result = loaded.and_then(|loaded| take(item, loaded));
            if let (Err(reason), false) = (&result, request.allow_missing) {
                let hint = "--allow-missing scores the others";
                return Err(ScoreError::Input(format!("{}: {reason} ({hint})", item.listed.path)));
            }
            item.result = Some(result);
        }
        tick(batch.len(), 0);
    }
    Ok(())
}

/// Least and greatest of some values, and of a range.
fn widened([low, high]: [f32; 2], values: &[f32]) -> [f32; 2] {
    values.iter().fold([low, high], |[low, high], &v| [low.min(v), high.max(v)])
}

/// What a product's values take in exact mode, 4 bytes a value (8 where defective, which few are), and the number of
/// channels: those of its first map for all.
fn exact_bytes(items: &[&mut Item], reader: &MapReader) -> (u64, usize) {
    let paths = || items.iter().filter_map(|item| item.map.as_deref());
    let Some(map) = paths().find_map(|path| reader.map(path).ok()) else { return (0, 1) };
    let planes = if map.channels == 1 { 1 } else { 1 + map.channels };
    ((4 * planes * map.height * map.width * paths().count()) as u64, map.channels)
}

/// Scores one product. Returns its figures and whether they were streamed.
fn product(
    plan: &Plan,
    at: usize,
    items: &mut [&mut Item],
    request: &Request,
    tally: &mut ReadTally,
    tick: &dyn Fn(usize, usize),
) -> Result<(ProductResult, bool), ScoreError> {
    let name = &plan.products[at].name;
    let reader = MapReader { size: request.size, classes: plan.names(at) };
    let (bytes, channels) = exact_bytes(items, &reader);
    let streamed = match request.mode {
        Mode::Auto => bytes > EXACT_BYTES,
        mode => mode == Mode::Streaming,
    };
    let mut ranges = None;
    if streamed {
        // Every map is read twice: the range comes first.
        tick(0, items.len());
        let start = [f32::INFINITY, f32::NEG_INFINITY];
        let (mut binary, mut multi) = (start, start);
        let range = |path: &Path, _: &plan::Item| {
            let map = reader.map(path);
            Ok(map.map(|map| (widened(start, &map.anomaly()), widened(start, &map.values))))
        };
        each(
            items,
            request,
            range,
            |_, (a, m)| {
                (binary, multi) = (widened(binary, &a), widened(multi, &m));
                Ok(0.0)
            },
            tick,
        )?;
        ranges = (binary[0] <= binary[1]).then_some((binary, multi));
    }
    let input = |e: Undefined| ScoreError::Input(format!("{name}: {e}"));
    let mut pixels = Meter::new(ranges.map(|r| r.0)).map_err(input)?;
    let mut types = match channels {
        1 => None,
        _ => Some(TypeMeter::new(&reader.classes, ranges.map(|r| r.1)).map_err(input)?),
    };
    let mut without_mask = 0;
    let mut scores = Vec::new();
    each(
        items,
        request,
        |path, listed| reader.load(path, listed),
        |item, loaded| {
            let Loaded { map, anomaly, mask, remarks, notes } = loaded;
            tally.add_notes(&notes);
            if map.channels != channels {
                return Err(format!(
                    "its map has {}, others of {name} have {channels}",
                    plural(map.channels, "channel")
                ));
            }
            let score = item.score.unwrap_or_else(|| request.image_score.of(&anomaly));
            if let Some(mask) = &mask {
                let class = u8::try_from(plan.class_in_product(&item.listed)).map_err(|e| e.to_string())?;
                if let Some(types) = &mut types {
                    let truth: Vec<u8> = mask.iter().map(|&m| if m { class } else { 0 }).collect();
                    types.add(&map.values, &truth).map_err(|e| e.to_string())?;
                }
                pixels.add(&anomaly, mask, map.width).map_err(|e| e.to_string())?;
            } else {
                without_mask += 1;
            }
            scores.push((score, item.listed.class.is_some()));
            item.remarks = remarks;
            Ok(score)
        },
        tick,
    )?;
    let result = ProductResult {
        name: name.clone(),
        image_scores: scores,
        pixels: Some(pixels.figures()),
        types: types.map(TypeMeter::figures),
        image_confusion: None,
        without_mask,
        remarks: remarks(items),
    };
    Ok((result, streamed))
}

/// Scores all maps; `tick` gets the number of images done so far and their total, which grows where maps are read twice.
///
/// # Errors
/// [`ScoreError`]: a data set that cannot be listed, images without a usable map (unless that is allowed) or score.
pub fn score(request: &Request, tick: &dyn Fn(usize, usize)) -> Result<Outcome, ScoreError> {
    let (layout, description) = (request.layout, request.description.as_deref());
    let opened = sets::open_with(&request.data, layout, description, Split::Test, &request.good_words)?;
    let plan = Plan::of(&opened.set);
    let item = |listed: &plan::Item| Item {
        listed: listed.clone(),
        map: None,
        score: None,
        result: None,
        remarks: Vec::new(),
    };
    let mut items: Vec<Item> = plan.items.iter().map(item).collect();
    prepare(request, &plan.map_names(), &mut items)?;
    let total = items.len();
    let mut products: BTreeMap<usize, Vec<&mut Item>> = BTreeMap::new();
    for item in &mut items {
        products.entry(item.listed.product).or_default().push(item);
    }
    let (done, total) = (Cell::new(0), Cell::new(total));
    let step = |more: usize, again: usize| {
        done.set(done.get() + more);
        total.set(total.get() + again);
        tick(done.get(), total.get());
    };
    let (mut results, mut streamed, mut tally) = (Vec::new(), Vec::new(), ReadTally::default());
    for (&at, items) in &mut products {
        let (result, was_streamed) = product(&plan, at, items, request, &mut tally, &step)?;
        results.push(result);
        streamed.extend(was_streamed.then(|| Value::from(plan.products[at].name.as_str())));
    }
    let records: Vec<ImageRecord> =
        items.into_iter().enumerate().map(|(at, item)| record(&plan, at, item)).collect();
    let failed = |record: &ImageRecord| {
        let error = record.error.clone()?;
        Some(FailedImage { path: record.path.clone(), error, hint: String::new() })
    };
    let from = match &request.scores {
        Some(path) => path.display().to_string(),
        None => request.image_score.to_string(),
    };
    let about = About {
        method: request.name.clone(),
        data: plan.data.clone(),
        defects: plan.classes.clone(),
        settings: BTreeMap::from([
            ("image_score".to_owned(), from.into()),
            ("size".to_owned(), request.size.into()),
            ("streamed".to_owned(), streamed.into()),
        ]),
        failed: records.iter().filter_map(failed).collect(),
        notes: tally.lines(),
        ..About::default()
    };
    Ok(Outcome { metrics: assemble::metrics(about, &results), images: records })
}

/// How many of the images have each remark.
fn remarks(items: &[&mut Item]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for code in items.iter().filter(|item| matches!(item.result, Some(Ok(_)))).flat_map(|item| &item.remarks)
    {
        *found.entry(code.clone()).or_default() += 1;
    }
    found
}

fn record(plan: &Plan, index: usize, item: Item) -> ImageRecord {
    let (score, error) = match item.result {
        Some(Ok(score)) => (Some(score), None),
        Some(Err(reason)) => (None, Some(reason)),
        None => (None, Some("it was not evaluated".to_owned())),
    };
    let (plan::Item { path, product, class, .. }, remarks) = (item.listed, item.remarks);
    let (product, truth) =
        (plan.products[product].name.clone(), class.map(|class| plan.classes[class].clone()));
    ImageRecord {
        index,
        path,
        product,
        truth,
        score,
        predicted: None,
        error,
        remarks,
        notes: Vec::new(),
        content: None,
    }
}
