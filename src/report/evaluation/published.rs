//! Published figures of the data sets that the papers use, from `assets/published.toml`.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde::Deserialize;

use super::super::document::scroll;
use super::super::metrics::{Figure, Metrics};
use super::super::text::{ABSENT, percent};
use super::figures::heads;
use crate::words::plural;

const FILE: &str = include_str!("../assets/published.toml");

/// The file.
#[derive(Debug, Default, Deserialize)]
struct Published {
    /// Where rows come from, by the letter that they name.
    sources: BTreeMap<String, String>,
    dataset: Vec<Dataset>,
}

#[derive(Debug, Deserialize)]
struct Dataset {
    title: String,
    /// What the methods that learn had been trained on.
    trained_on: String,
    /// Names in small letters and digits only.
    names: Vec<String>,
    /// Products of the whole data set.
    products: usize,
    /// Test images of the whole data set, where known.
    images: Option<usize>,
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    method: String,
    source: String,
    /// Times 100.
    #[serde(flatten)]
    values: BTreeMap<Figure, f64>,
}

impl Published {
    /// The file is part of the program, and a test reads it.
    fn read() -> Self {
        toml::from_str(FILE).unwrap_or_default()
    }

    /// The data set that goes by this name, in any spelling.
    fn find(&self, name: &str) -> Option<&Dataset> {
        let name: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        self.dataset.iter().find(|dataset| dataset.names.contains(&name))
    }
}

/// The section of published figures with this run's mean above them; empty for a data set without published figures.
pub(super) fn section(metrics: &Metrics) -> Markup {
    let published = Published::read();
    let Some(dataset) = published.find(&metrics.data.name) else { return html! {} };
    let row = |method: &str, source: Markup, value: &dyn Fn(Figure) -> Option<String>| {
        html! {
            th scope="row" { (method) }
            td.source { (source) }
            @for figure in Figure::ALL { td.num { (value(figure).as_deref().unwrap_or(ABSENT)) } }
        }
    };
    let own = |figure| metrics.mean.values.get(&figure).copied().map(percent);
    let table = html! {
        table.figures {
            (heads(&["Method", "Source"], &[]))
            tbody {
                tr.own { (row(&format!("{}, this run", metrics.method), html! { strong { "measured here" } }, &own)) }
                @for Row { method, source, values } in &dataset.rows {
                    @let value = |figure| values.get(&figure).map(|value| format!("{value:.1}"));
                    tr { (row(method, html! { "published [" (source) "]" }, &value)) }
                }
            }
        }
    };
    let used = published.sources.iter().filter(|(key, _)| dataset.rows.iter().any(|row| row.source == **key));
    let Dataset { title, trained_on, .. } = dataset;
    html! {
        section aria-labelledby="published-title" {
            h2 #published-title { (title) ": published figures" }
            p {
                span.tag { "published, not measured here" }
                " Every row but the first is copied from its source. There, methods that learn were trained on "
                (trained_on) " and tested on " (title) ". "
                @if let Some(words) = difference(dataset, metrics) {
                    strong { "This run is not on the same data: " (words) "." }
                }
            }
            (scroll("Published figures", &table))
            ul.notes { @for (key, words) in used { li { "[" (key) "] " (words) } } }
        }
    }
}

/// How the data of the run differ from the whole data set in number of products and of images.
fn difference(dataset: &Dataset, metrics: &Metrics) -> Option<String> {
    let products = metrics.products.len();
    let mut words = Vec::new();
    if products != dataset.products {
        words.push(format!("{} instead of {}", plural(products, "product"), dataset.products));
    }
    if let Some(images) = dataset.images.filter(|images| *images != metrics.data.images) {
        words.push(format!("{} instead of {images}", plural(metrics.data.images, "image")));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_valid() {
        let published: Published = toml::from_str(FILE).expect("TOML");
        assert_eq!(published.dataset.len(), 6);
        for row in published.dataset.iter().flat_map(|dataset| &dataset.rows) {
            assert!(published.sources.contains_key(&row.source), "{row:?}");
            assert!(!row.values.is_empty(), "{row:?}");
            assert!(row.values.values().all(|v| (10.0..100.0).contains(v)), "times 100: {row:?}");
        }
    }

    #[test]
    fn names_match_however_they_are_spelled_but_only_whole() {
        let published = Published::read();
        let find = |name| published.find(name).map(|d| d.title.as_str());
        for (name, title) in [
            ("MVTec_AD", "MVTec-AD"),
            ("mad-sim", "MAD-Sim"),
            ("MAD Real", "MAD-Real"),
            ("Real-IAD", "Real-IAD"),
        ] {
            assert_eq!(find(name), Some(title));
        }
        assert_eq!(find("visa-like parts"), None);
        assert_eq!(find(""), None);
    }
}
