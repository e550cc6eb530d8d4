//! From the figures of runs with different good photos to a mean and a deviation for each number of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::EvalError;
use crate::report::metrics::{Figure, Figures, Metrics};
use crate::report::results::Program;
use crate::report::shots::{SCHEMA, ShotFigures, ShotMetrics, Spread};

/// The mean and the sample deviation of each figure that all of the runs have.
fn spreads<'a>(runs: impl Iterator<Item = &'a Figures> + Clone) -> BTreeMap<Figure, Spread> {
    let spread = |figure: Figure| {
        let values: Option<Vec<f64>> = runs.clone().map(|run| run.values.get(&figure).copied()).collect();
        let values = values.filter(|values| !values.is_empty())?;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let deviation = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        Some((figure, Spread { mean, deviation }))
    };
    Figure::ALL.into_iter().filter_map(spread).collect()
}

/// The figures of runs, each with its number of good photos; those of one number are of different draws.
///
/// # Errors
/// [`EvalError::Shots`] without a run.
pub fn shot_metrics(runs: &[(usize, Metrics)]) -> Result<ShotMetrics, EvalError> {
    let (_, first) = runs.first().ok_or_else(|| EvalError::Shots("no run".into()))?;
    let mut by_shots: BTreeMap<usize, Vec<&Metrics>> = BTreeMap::new();
    for (shots, metrics) in runs {
        by_shots.entry(*shots).or_default().push(metrics);
    }
    let figures = |(shots, runs): (usize, Vec<&Metrics>)| {
        let products = first.products.keys().map(|name| {
            let of = runs.iter().filter_map(|run| run.products.get(name)).map(|product| &product.figures);
            (name.clone(), spreads(of))
        });
        let mean = spreads(runs.iter().map(|run| &run.mean));
        ShotFigures { shots, draws: runs.len(), products: products.collect(), mean }
    };
    let mut settings = first.settings.clone();
    settings.remove("shots");
    let mut notes: Vec<String> = runs.iter().flat_map(|(_, metrics)| metrics.notes.clone()).collect();
    notes.sort();
    notes.dedup();
    Ok(ShotMetrics {
        schema: SCHEMA.into(),
        program: Program::own(),
        method: first.method.clone(),
        data: first.data.clone(),
        model: first.model.clone(),
        adapter: first.adapter.clone(),
        defects: first.defects.clone(),
        settings,
        shots: by_shots.into_iter().map(figures).collect(),
        failed: runs.iter().map(|(_, metrics)| metrics.failed.len()).max().unwrap_or(0),
        notes,
    })
}

/// A table of the means, in percent with one decimal, with deviations over the draws.
pub fn shot_table(metrics: &ShotMetrics) -> String {
    let has = |figure: &Figure| metrics.shots.iter().any(|row| row.mean.contains_key(figure));
    let columns: Vec<Figure> = Figure::ALL.into_iter().filter(has).collect();
    let titles = columns.iter().map(|figure| figure.title().to_owned());
    let mut rows: Vec<Vec<String>> =
        vec![["good photos", "draws"].map(str::to_owned).into_iter().chain(titles).collect()];
    for row in &metrics.shots {
        let cells =
            columns.iter().map(|figure| row.mean.get(figure).map_or("–".into(), |s| s.percent(row.draws)));
        rows.push([row.shots.to_string(), row.draws.to_string()].into_iter().chain(cells).collect());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::metrics::ProductMetrics;

    fn run(image: f64, pixel: Option<f64>) -> Metrics {
        let mut figures = Figures::default();
        figures.values.insert(Figure::ImageAuroc, image);
        figures.values.extend(pixel.map(|value| (Figure::PixelAuroc, value)));
        let product = ProductMetrics { figures: figures.clone(), ..ProductMetrics::default() };
        let about = crate::eval::assemble::About { method: "clip".into(), ..Default::default() };
        let mut metrics = crate::eval::assemble::metrics(about, &[]);
        metrics.products.insert("cup".into(), product);
        metrics.mean = figures;
        metrics
    }

    #[test]
    fn draws_have_means_and_sample_deviations() {
        let runs = [
            (0, run(0.7, Some(0.8))),
            (4, run(0.8, Some(0.9))),
            (4, run(0.9, None)),
            (4, run(0.85, Some(0.9))),
        ];
        let metrics = shot_metrics(&runs).expect("runs");
        assert_eq!(
            metrics.shots.iter().map(|row| (row.shots, row.draws)).collect::<Vec<_>>(),
            [(0, 1), (4, 3)]
        );
        let four = metrics.shots[1].mean[&Figure::ImageAuroc];
        assert!((four.mean - 0.85).abs() < 1e-12 && (four.deviation - 0.05).abs() < 1e-12, "{four:?}");
        assert_eq!(metrics.shots[1].products["cup"], metrics.shots[1].mean);
        assert!(!metrics.shots[1].mean.contains_key(&Figure::PixelAuroc), "one draw lacks it");
        let table = shot_table(&metrics);
        assert!(table.contains("85.0 ± 5.0") && table.contains("70.0") && table.contains("–"), "{table}");
        assert!(shot_metrics(&[]).is_err());
    }
}
