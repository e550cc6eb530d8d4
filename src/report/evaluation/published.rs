//! Published figures of the data sets that the papers use, from `assets/published.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::markup::{escape, plural, push};
use super::super::metrics::{Figure, Metrics};
use super::super::tables::{ABSENT, percent};
use super::figures::heads;

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

    /// The data set that goes by this name, however it is spelled.
    fn find(&self, name: &str) -> Option<&Dataset> {
        let name: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        self.dataset.iter().find(|dataset| dataset.names.contains(&name))
    }
}

/// The section of published figures with this run's mean above them; empty for a data set that nobody published on.
pub(super) fn section(metrics: &Metrics) -> String {
    let published = Published::read();
    let Some(dataset) = published.find(&metrics.data.name) else { return String::new() };
    let heads = heads(&["Method", "Source"], 2);
    let cells = |print: &dyn Fn(Figure) -> Option<String>| -> String {
        let cell = |figure| print(figure).unwrap_or_else(|| ABSENT.to_owned());
        Figure::ALL.into_iter().map(|f| format!("<td class=\"num\">{}</td>", cell(f))).collect()
    };
    let own = cells(&|figure| metrics.mean.values.get(&figure).copied().map(percent));
    let mut rows = format!(
        "<tr class=\"own\"><th scope=\"row\">{}, this run</th><td class=\"source\"><strong>measured here</strong></td>{own}</tr>\n",
        escape(&metrics.method)
    );
    for row in &dataset.rows {
        let values = cells(&|figure| row.values.get(&figure).map(|value| format!("{value:.1}")));
        push(
            &mut rows,
            format_args!(
                "<tr><th scope=\"row\">{}</th><td class=\"source\">published [{}]</td>{values}</tr>\n",
                escape(&row.method),
                escape(&row.source)
            ),
        );
    }
    let used = published.sources.iter().filter(|(key, _)| dataset.rows.iter().any(|row| row.source == **key));
    let sources: String =
        used.map(|(key, words)| format!("<li>[{}] {}</li>", escape(key), escape(words))).collect();
    let title = escape(&dataset.title);
    format!(
        "<section aria-labelledby=\"published-title\"><h2 id=\"published-title\">{title}: published figures</h2>\n\
         <p><span class=\"tag\">published, not measured here</span> Every row but the first was taken over from its source. \
         There, methods that learn were trained on {} and tested on {title}. {}</p>\n\
         <div class=\"scroll\" role=\"region\" aria-label=\"Published figures\" tabindex=\"0\"><table class=\"figures\">\n\
         <thead>{heads}</thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n<ul class=\"notes\">{sources}</ul></section>\n",
        escape(&dataset.trained_on),
        differs(dataset, metrics)
    )
}

/// Whether the same was measured: as many products, as many images.
fn differs(dataset: &Dataset, metrics: &Metrics) -> String {
    let products = metrics.products.len();
    let mut words = Vec::new();
    if products != dataset.products {
        words.push(format!("{} instead of {}", plural(products, "product"), dataset.products));
    }
    if let Some(images) = dataset.images.filter(|images| *images != metrics.data.images) {
        words.push(format!("{} instead of {images}", plural(metrics.data.images, "image")));
    }
    if words.is_empty() {
        return String::new();
    }
    format!("<strong>This run is not on the same data: {}.</strong>", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_sound() {
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
