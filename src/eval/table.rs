//! Figures as a text table.

use std::fmt::Write as _;

use crate::report::metrics::{Figure, Figures, Metrics};

/// A table of all products and their mean, in percent with one decimal; `–` where a figure is undefined. Bounds of
/// 0.05 points and more are given. A star marks figures over a part of the defects.
pub fn table(metrics: &Metrics) -> String {
    let has = |figure: &Figure| {
        let of = |f: &Figures| f.values.contains_key(figure) || f.undefined.contains_key(figure);
        metrics.products.values().any(|p| of(&p.figures))
    };
    let columns: Vec<Figure> = Figure::ALL.into_iter().filter(has).collect();
    let cell = |figures: &Figures, figure: &Figure| match figures.values.get(figure) {
        None => "–".to_owned(),
        Some(value) => {
            let mark = if figures.partial.contains_key(figure) { "*" } else { "" };
            match figures.bounds.get(figure) {
                Some(bound) if *bound >= 5e-4 => {
                    format!("{:.1} ± {:.1}{mark}", value * 100.0, bound * 100.0)
                }
                _ => format!("{:.1}{mark}", value * 100.0),
            }
        }
    };
    let row = |name: &str, images: usize, figures: &Figures| -> Vec<String> {
        let cells = columns.iter().map(|figure| cell(figures, figure));
        [name.to_owned(), images.to_string()].into_iter().chain(cells).collect()
    };
    let titles = columns.iter().map(|figure| figure.title().to_owned());
    let mut rows: Vec<Vec<String>> =
        vec![["product", "images"].map(str::to_owned).into_iter().chain(titles).collect()];
    rows.extend(metrics.products.iter().map(|(name, p)| row(name, p.images, &p.figures)));
    rows.push(row("mean", metrics.products.values().map(|p| p.images).sum(), &metrics.mean));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let first = widths[0];
        let _ = write!(text, "{:<first$}", row[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    if !metrics.mean.partial.is_empty() {
        text.push_str("* over a part of the defects: masks of others show nothing, see the notes\n");
    }
    text
}
