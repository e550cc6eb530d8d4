//! From counts and lines to `metrics.json`.

use std::collections::BTreeMap;
use std::path::Path;

use super::EvalError;
use super::assemble::{About, ProductResult, metrics};
use super::counts;
use super::proof::prove;
use super::remarks::remarks;
use super::settings::Settings;
use crate::data::ReadTally;
use crate::metrics::ConfusionMatrix;
use crate::report::metrics::{ImageRecord, Metrics};
use crate::report::results::FailedImage;
use crate::words::plural;

/// The figures of a run whose images are all done.
///
/// # Errors
/// [`EvalError::Parts`] if it is only a part or not finished; a damaged folder.
pub fn finish(folder: &Path, settings: &Settings) -> Result<Metrics, EvalError> {
    let records = prove(folder, settings)?.records;
    if records.len() != settings.data.images {
        return Err(EvalError::Parts(format!(
            "{}: {} of {} done; run the same eval command again to finish it",
            folder.display(),
            records.len(),
            plural(settings.data.images, "image")
        )));
    }
    let mut by_product: BTreeMap<&str, Vec<&ImageRecord>> = BTreeMap::new();
    for record in &records {
        by_product.entry(&record.product).or_default().push(record);
    }
    let mut results = Vec::new();
    for (product, (name, classes)) in settings.products.iter().enumerate() {
        let of: &[&ImageRecord] = by_product.get(name.as_str()).map_or(&[], Vec::as_slice);
        let counts = counts::read(folder, product)?.map(|saved| saved.counts);
        let types = counts.as_ref().and_then(|c| c.types.as_ref()).map(|t| t.figures());
        results.push(ProductResult {
            name: name.clone(),
            image_scores: of.iter().filter_map(|r| Some((r.score?, r.truth.is_some()))).collect(),
            image_confusion: types.is_some().then(|| confusion(of, classes, settings.threshold)),
            pixels: counts.as_ref().map(|c| c.pixels.figures()),
            types,
            without_mask: counts.map_or(0, |c| c.without_mask as usize),
            remarks: remarks(of.iter().copied()),
        });
    }
    let mut tally = ReadTally::default();
    for record in &records {
        tally.add_notes(&record.notes);
    }
    let failed = |record: &ImageRecord| {
        let error = record.error.clone()?;
        Some(FailedImage { path: record.path.clone(), error, hint: String::new() })
    };
    let about = About {
        method: settings.method.clone(),
        data: settings.data.clone(),
        model: Some(settings.model.clone()),
        adapter: Some(settings.adapter.clone()),
        defects: settings.defects.clone(),
        settings: described(settings),
        failed: records.iter().filter_map(failed).collect(),
        notes: tally.lines(),
    };
    Ok(metrics(about, &results))
}

/// Settings that change numbers, by name.
fn described(settings: &Settings) -> BTreeMap<String, serde_json::Value> {
    let mut named: BTreeMap<String, serde_json::Value> = BTreeMap::from([
        ("object".into(), settings.object.clone().into()),
        ("threshold".into(), settings.threshold.into()),
        ("batch".into(), settings.batch.into()),
    ]);
    if let Some(sha256) = &settings.learner_sha256 {
        named.insert("learner_sha256".into(), sha256.clone().into());
    }
    if let Some(shots) = &settings.shots {
        named.insert("shots".into(), serde_json::json!(shots));
    }
    if let Some(reading) = &settings.reading {
        named.insert("reading".into(), serde_json::json!(reading));
    }
    if let Some((edge, overlap)) = settings.tile {
        named.insert("tile".into(), edge.into());
        named.insert("tile_overlap".into(), overlap.into());
    }
    named
}

/// True class of each image against the predicted one, which is normal below the threshold.
fn confusion(records: &[&ImageRecord], classes: &[String], threshold: f32) -> ConfusionMatrix {
    let mut matrix = ConfusionMatrix::new(classes.iter().cloned());
    let place = |name: &Option<String>| {
        name.as_ref().and_then(|name| classes.iter().position(|class| class == name)).unwrap_or(0)
    };
    for record in records {
        if let Some(score) = record.score {
            let predicted = if score >= threshold { place(&record.predicted) } else { 0 };
            // Both are places in the list.
            let _ = matrix.add(place(&record.truth), predicted);
        }
    }
    matrix
}
