//! From the figures of each product to [`Metrics`]: values, reasons, bounds, intervals and means.

use std::collections::BTreeMap;

use serde_json::Value;

use super::remarks;
use crate::metrics::{
    Bounded, ClassFigures, ConfusionMatrix, ImageFigures, LateCurve, MultiFigures, PixelFigures, Undefined,
    image_figures, image_resamples, interval,
};
use crate::report::metrics::{
    Confusion, DataAbout, Figure, Figures, Metrics, ProductMetrics, SCHEMA, TypeFigures,
};
use crate::report::results::{Adapter, FailedImage, LeftFiles, Model, NORMAL, Program};
use crate::words::plural;

/// Seed of the bootstrap.
const SEED: u64 = 1;

/// What is known of one product after all of its images.
#[derive(Debug, Clone, Default)]
pub struct ProductResult {
    /// Its name, as in the data set.
    pub name: String,
    /// Score of each image that was evaluated, and whether it is defective.
    pub image_scores: Vec<(f32, bool)>,
    /// Figures of its pixels; `None` if no maps were evaluated.
    pub pixels: Option<PixelFigures>,
    /// Figures of its classes; `None` if the maps have no type channels.
    pub types: Option<MultiFigures>,
    /// True class of each image against the predicted one, if it was predicted.
    pub image_confusion: Option<ConfusionMatrix>,
    /// Defective images without a mask: they count in image figures only.
    pub without_mask: usize,
    /// Masks and maps with something odd, by codes.
    pub remarks: BTreeMap<String, usize>,
}

/// What is known of the run as a whole.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// See [`Metrics::method`].
    pub method: String,
    /// See [`Metrics::data`].
    pub data: DataAbout,
    /// See [`Metrics::model`].
    pub model: Option<Model>,
    /// See [`Metrics::adapter`].
    pub adapter: Option<Adapter>,
    /// See [`Metrics::defects`].
    pub defects: Vec<String>,
    /// See [`Metrics::settings`].
    pub settings: BTreeMap<String, Value>,
    /// See [`Metrics::failed`].
    pub failed: Vec<FailedImage>,
    /// See [`Metrics::notes`]; what the figures themselves have to say is added.
    pub notes: Vec<String>,
}

/// Figures of image resamples, the same number for each product.
type Resamples = Vec<ImageFigures>;

/// The three image figures, by key.
fn image_parts(of: &ImageFigures) -> [(Figure, f64); 3] {
    [(Figure::ImageAuroc, of.auroc), (Figure::ImageAp, of.ap), (Figure::ImageF1Max, of.f1_max)]
}

/// Puts a value with its bound, or the reason why there is none.
fn put(into: &mut Figures, figure: Figure, found: Result<Bounded, Undefined>) {
    match found {
        Ok(bounded) => {
            into.values.insert(figure, bounded.value);
            if bounded.max_error > 0.0 {
                into.bounds.insert(figure, bounded.max_error);
            }
        }
        Err(reason) => {
            into.undefined.insert(figure, reason.to_string());
        }
    }
}

/// Adds the intervals of all three image figures.
fn put_intervals(into: &mut Figures, resamples: &Resamples) {
    for (at, figure) in [Figure::ImageAuroc, Figure::ImageAp, Figure::ImageF1Max].into_iter().enumerate() {
        let values: Vec<f64> = resamples.iter().map(|r| image_parts(r)[at].1).collect();
        if let Some(limits) = interval(&values) {
            into.intervals.insert(figure, limits);
        }
    }
}

fn type_figures(class: &ClassFigures) -> TypeFigures {
    let value = |of: &Result<Bounded, Undefined>| of.as_ref().ok().map(|b| b.value);
    TypeFigures { auroc: value(&class.auroc), ap: value(&class.ap), f1: class.f1, support: class.support }
}

fn confusion(matrix: &ConfusionMatrix) -> Confusion {
    let classes = 0..matrix.names().len();
    let row = |t: usize| classes.clone().map(|p| matrix.count(t, p)).collect();
    Confusion { names: matrix.names().to_vec(), counts: classes.clone().map(row).collect() }
}

/// One product, and the resamples behind its intervals; `seed` is to differ from product to product.
fn product(result: &ProductResult, seed: u64) -> (ProductMetrics, Option<Resamples>) {
    let mut figures = Figures::default();
    let (scores, labels): (Vec<f32>, Vec<bool>) = result.image_scores.iter().copied().unzip();
    match image_figures(&scores, &labels) {
        Ok(found) => figures.values.extend(image_parts(&found)),
        Err(reason) => {
            for figure in [Figure::ImageAuroc, Figure::ImageAp, Figure::ImageF1Max] {
                put(&mut figures, figure, Err(reason.clone()));
            }
        }
    }
    let resamples = image_resamples(&scores, &labels, seed).ok();
    if let Some(resamples) = &resamples {
        put_intervals(&mut figures, resamples);
    }
    if let Some(pixels) = &result.pixels {
        put(&mut figures, Figure::PixelAuroc, pixels.auroc.clone());
        put(&mut figures, Figure::PixelAp, pixels.ap.clone());
        put(&mut figures, Figure::PixelF1Max, pixels.f1_max.clone());
        put(&mut figures, Figure::Aupro, pixels.aupro.clone());
    }
    let mut metrics = ProductMetrics {
        images: labels.len(),
        defective: labels.iter().filter(|&&l| l).count(),
        without_mask: result.without_mask,
        remarks: result.remarks.clone(),
        image_confusion: result.image_confusion.as_ref().map(confusion),
        ..ProductMetrics::default()
    };
    if let Some(types) = &result.types {
        put(&mut figures, Figure::MultiAuroc, types.auroc.clone());
        put(&mut figures, Figure::MultiAp, types.ap.clone());
        put(&mut figures, Figure::MultiF1, types.f1.clone().map(Bounded::exact));
        metrics.types = types.classes.iter().map(|c| (c.name.clone(), type_figures(c))).collect();
        metrics.pixel_confusion = Some(confusion(&types.confusion));
    }
    if let Some(reason) = remarks::partial(masks(&metrics), &metrics.remarks) {
        let of_pixels = figures.values.keys().filter(|figure| figure.is_of_pixels());
        figures.partial = of_pixels.map(|figure| (*figure, reason.clone())).collect();
    }
    metrics.figures = figures;
    (metrics, resamples)
}

/// What is to be said of an AUPRO that covers a part of the curve only.
fn late(name: &str, pixels: &PixelFigures) -> Option<String> {
    let LateCurve { rate, from_zero } = pixels.late.filter(|_| pixels.aupro.is_ok())?;
    Some(format!(
        "{name}: {:.1} % of the good pixels share the largest values, so AUPRO covers false-positive rates from {rate:.3} to 0.3 \
         only; over rates from 0 on, as MVTec's own tool takes it, it is {:.1}; save maps that are not cut off",
        100.0 * rate,
        100.0 * from_zero
    ))
}

/// Masks of a product.
fn masks(product: &ProductMetrics) -> usize {
    product.defective.saturating_sub(product.without_mask)
}

/// Plain mean of each figure over the products that have it. The bound of a mean is the mean of the bounds.
fn mean(products: &BTreeMap<String, ProductMetrics>, notes: &mut Vec<String>) -> Figures {
    let mut mean = Figures::default();
    for figure in Figure::ALL {
        let of = |p: &ProductMetrics| {
            let max_error = p.figures.bounds.get(&figure).copied().unwrap_or(0.0);
            p.figures.values.get(&figure).map(|&value| Bounded { value, max_error })
        };
        let values: Vec<Bounded> = products.values().filter_map(of).collect();
        if let Some(found) = Bounded::mean(&values) {
            put(&mut mean, figure, Ok(found));
            let partial = products.iter().filter(|(_, p)| p.figures.partial.contains_key(&figure));
            let partial: Vec<&str> = partial.map(|(name, _)| name.as_str()).collect();
            if !partial.is_empty() {
                mean.partial.insert(figure, format!("over a part of the defects of {}", partial.join(", ")));
            }
            let lacks = |(name, p): (&'_ String, &ProductMetrics)| {
                (!p.figures.values.contains_key(&figure)).then(|| name.clone())
            };
            let left_out: Vec<String> = products.iter().filter_map(lacks).collect();
            if !left_out.is_empty() {
                notes.push(format!(
                    "{}: mean over {} of {}; without {}",
                    figure.title(),
                    values.len(),
                    plural(products.len(), "product"),
                    left_out.join(", ")
                ));
            }
        } else if let Some(reason) = products.values().find_map(|p| p.figures.undefined.get(&figure)) {
            mean.undefined.insert(figure, reason.clone());
        }
    }
    mean
}

/// Intervals of the mean over products: the r-th resample is the mean of the products' r-th ones.
fn mean_resamples(products: &[Resamples]) -> Resamples {
    let count = products.len() as f64;
    let mean = |at: usize, of: fn(&ImageFigures) -> f64| {
        products.iter().map(|resamples| of(&resamples[at])).sum::<f64>() / count
    };
    let one = |at| ImageFigures {
        auroc: mean(at, |f| f.auroc),
        ap: mean(at, |f| f.ap),
        f1_max: mean(at, |f| f.f1_max),
    };
    let shortest = products.iter().map(Vec::len).min().unwrap_or(0);
    (0..shortest).map(one).collect()
}

/// Each defect type: the mean over the products that have it.
fn types(products: &BTreeMap<String, ProductMetrics>) -> BTreeMap<String, TypeFigures> {
    let mut found: BTreeMap<String, Vec<&TypeFigures>> = BTreeMap::new();
    for (name, class) in products.values().flat_map(|p| &p.types).filter(|(name, _)| *name != NORMAL) {
        if class.support > 0 {
            found.entry(name.clone()).or_default().push(class);
        }
    }
    let over = |classes: Vec<&TypeFigures>| {
        let mean = |of: fn(&TypeFigures) -> Option<f64>| {
            let values: Vec<f64> = classes.iter().filter_map(|c| of(c)).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        TypeFigures {
            auroc: mean(|c| c.auroc),
            ap: mean(|c| c.ap),
            f1: mean(|c| c.f1),
            support: classes.len() as u64,
        }
    };
    found.into_iter().map(|(name, classes)| (name, over(classes))).collect()
}

/// All of `metrics.json`. It does not depend on the order of `results`.
pub fn metrics(about: About, results: &[ProductResult]) -> Metrics {
    let mut results: Vec<&ProductResult> = results.iter().collect();
    results.sort_by(|a, b| a.name.cmp(&b.name));
    let (mut products, mut resamples, mut notes) = (BTreeMap::new(), Vec::new(), about.notes);
    notes.extend(about.data.notes.iter().cloned());
    if !about.data.left_out.is_empty() {
        let files = |(reason, files): (&String, &LeftFiles)| {
            let more = if files.count > files.first.len() { ", …" } else { "" };
            format!("{} {reason} ({}{more})", files.count, files.first.join(", "))
        };
        let parts: Vec<String> = about.data.left_out.iter().map(files).collect();
        notes.push(format!("not evaluated: {}; dapo-wgpu data inspect says more", parts.join(", ")));
    }
    for (at, result) in results.into_iter().enumerate() {
        let (metrics, drawn) = product(result, SEED + at as u64);
        if let Some(types) = result.types.as_ref().filter(|t| !t.left_out().is_empty()) {
            notes.push(format!(
                "{}: multi-type AUROC and AP leave out {}, of which there are no pixels or only pixels",
                result.name,
                types.left_out().join(", ")
            ));
        }
        notes.extend(result.pixels.as_ref().and_then(|pixels| late(&result.name, pixels)));
        notes.extend(remarks::notes(&result.name, masks(&metrics), &metrics.remarks));
        products.insert(result.name.clone(), metrics);
        resamples.extend(drawn);
    }
    let mut mean = mean(&products, &mut notes);
    if !resamples.is_empty() {
        put_intervals(&mut mean, &mean_resamples(&resamples));
    }
    Metrics {
        schema: SCHEMA.to_owned(),
        program: Program { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() },
        method: about.method,
        data: about.data,
        model: about.model,
        adapter: about.adapter,
        defects: about.defects,
        settings: about.settings,
        mean,
        types: types(&products),
        products,
        failed: about.failed,
        notes,
    }
}

#[cfg(test)]
mod tests;
