//! Figures of one or more evaluations as tables to paste: Markdown, LaTeX, CSV.
//!
//! Markdown and LaTeX print as papers do, times 100 with one decimal; CSV keeps fractions of 1 with all their digits.
//! Runs are averaged only with runs of the same data, method and model. The spread is the sample standard deviation
//! (n − 1) over the runs.

mod format;
mod read;

use std::collections::BTreeMap;

use super::metrics::{Figure, Figures, Metrics};
use super::text::ABSENT;
pub use format::TableFormat;
use format::{Cell, Table};
pub use read::{MetricsError, read_metrics};

/// The headings of the figures, in the order of [`Figure::ALL`].
fn headings() -> Vec<String> {
    Figure::ALL.map(|figure| figure.title().to_owned()).to_vec()
}

/// The contents of `metrics.csv`: a row a product and a last one for the mean; the columns are `product`, `images`,
/// `defective` and the keys of the figures. Values are fractions of 1; a field is empty where a figure is undefined. A name
/// that a spreadsheet would take for a formula has an apostrophe in front.
pub fn metrics_csv(metrics: &Metrics) -> String {
    let mut table = Table::new(["product", "images", "defective"].map(str::to_owned).to_vec(), 1);
    table.headings.extend(Figure::ALL.map(|figure| figure.key().to_owned()));
    let (mut images, mut defective) = (0, 0);
    for (name, product) in &metrics.products {
        images += product.images;
        defective += product.defective;
        table.rows.push(row(name, [product.images, product.defective], &product.figures));
    }
    table.rows.push(row("mean", [images, defective], &metrics.mean));
    table.print(TableFormat::Csv)
}

fn row(name: &str, counts: [usize; 2], figures: &Figures) -> Vec<Cell> {
    let mut row = vec![Cell::Text(name.to_owned())];
    row.extend(counts.map(|count| Cell::Text(count.to_string())));
    row.extend(Figure::ALL.map(|figure| {
        Cell::spread(&figures.values.get(&figure).copied().into_iter().collect::<Vec<_>>(), 1)
    }));
    row
}

/// Runs that measure the same thing.
struct Group<'a> {
    data: &'a str,
    method: &'a str,
    model: String,
    runs: Vec<(&'a str, &'a Metrics)>,
}

/// Puts runs of the same data, method and model together, in the order in which each first appears.
fn groups(runs: &[(String, Metrics)]) -> Vec<Group<'_>> {
    let mut places: BTreeMap<(&str, &str, &str, String), usize> = BTreeMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (name, metrics) in runs {
        let model = match &metrics.model {
            Some(model) => format!("{} at {} px", model.name, model.image_size),
            None => ABSENT.to_owned(),
        };
        let data = &metrics.data;
        let key = (data.name.as_str(), data.list_sha256.as_str(), metrics.method.as_str(), model.clone());
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group { data: &data.name, method: &metrics.method, model, runs: Vec::new() });
        }
        groups[place].runs.push((name, metrics));
    }
    groups
}

impl Group<'_> {
    /// What the runs share, and the figures that `of` finds in them.
    fn row<'m>(&'m self, extra: Option<&str>, of: impl Fn(&'m Metrics) -> Option<&'m Figures>) -> Vec<Cell> {
        let mut row: Vec<Cell> =
            Vec::from([self.data, self.method, &self.model].map(|text| Cell::Text(text.to_owned())));
        row.extend(extra.map(|text| Cell::Text(text.to_owned())));
        row.push(Cell::Text(self.runs.len().to_string()));
        let value = |metrics, figure| of(metrics).and_then(|figures| figures.values.get(&figure)).copied();
        row.extend(Figure::ALL.map(|figure| {
            let values: Vec<f64> = self.runs.iter().filter_map(|(_, m)| value(*m, figure)).collect();
            Cell::spread(&values, self.runs.len())
        }));
        row
    }

    fn note(&self) -> String {
        let names: Vec<&str> = self.runs.iter().map(|(name, _)| *name).collect();
        let note = format!("{}, {}, {}: {}", self.data, self.method, self.model, names.join(", "));
        let partial = self.runs.iter().filter(|(_, metrics)| !metrics.mean.partial.is_empty());
        let partial: Vec<&str> = partial.map(|(name, _)| *name).collect();
        match partial.is_empty() {
            true => note,
            false => format!(
                "{note}; figures of pixels lack defects whose masks show nothing in {}",
                partial.join(", ")
            ),
        }
    }
}

/// The mean figures of several runs, each with its name: a row for each data set, method and model, mean ± standard
/// deviation over its runs. Notes below the table list the runs of each row (not in CSV).
pub fn runs_table(runs: &[(String, Metrics)], format: TableFormat) -> String {
    let groups = groups(runs);
    let mut table = Table::new(["data", "method", "model", "runs"].map(str::to_owned).to_vec(), 3);
    table.headings.extend(headings());
    table.rows = groups.iter().map(|group| group.row(None, |metrics| Some(&metrics.mean))).collect();
    table.notes = groups.iter().map(Group::note).collect();
    table.print(format)
}

/// As [`runs_table`], with a row for each product before that of the mean.
pub fn products_table(runs: &[(String, Metrics)], format: TableFormat) -> String {
    let groups = groups(runs);
    let mut table = Table::new(["data", "method", "model", "product", "runs"].map(str::to_owned).to_vec(), 4);
    table.headings.extend(headings());
    for group in &groups {
        let mut names: Vec<&str> =
            group.runs.iter().flat_map(|(_, m)| m.products.keys().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            table.rows.push(group.row(Some(name), |m| m.products.get(name).map(|p| &p.figures)));
        }
        table.rows.push(group.row(Some("mean"), |m| Some(&m.mean)));
    }
    table.notes = groups.iter().map(Group::note).collect();
    table.print(format)
}

#[cfg(test)]
mod tests;
