//! Figures over the number of good photos that images are compared with: `metrics.json` of such a run, and its page.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::metrics::{DataAbout, Figure};
use super::page_parts::facts;
use super::results::{Adapter, Model, Program};
use super::roofline::{SweepChart, SweepLine};
use crate::words::plural;

/// Value of [`ShotMetrics::schema`].
pub const SCHEMA: &str = "dapo-wgpu/shots/1";

/// A figure over the draws of good photos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spread {
    /// Mean over the draws, 0 to 1.
    pub mean: f64,
    /// Sample standard deviation over the draws; 0 of a single one.
    pub deviation: f64,
}

impl Spread {
    /// In percent with one decimal, with the deviation of more than one draw.
    pub fn percent(&self, draws: usize) -> String {
        match draws {
            1 => format!("{:.1}", 100.0 * self.mean),
            _ => format!("{:.1} ± {:.1}", 100.0 * self.mean, 100.0 * self.deviation),
        }
    }
}

/// Figures with one number of good photos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShotFigures {
    /// Good photos of each product.
    pub shots: usize,
    /// How often they were drawn.
    pub draws: usize,
    /// Over products that have the figure.
    pub mean: BTreeMap<Figure, Spread>,
    /// Each product.
    pub products: BTreeMap<String, BTreeMap<Figure, Spread>>,
}

/// `metrics.json` of an evaluation over numbers of good photos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShotMetrics {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What wrote the file.
    pub program: Program,
    /// The method's name.
    pub method: String,
    /// What was evaluated.
    pub data: DataAbout,
    /// The model.
    pub model: Option<Model>,
    /// What computed the maps.
    pub adapter: Option<Adapter>,
    /// The defect names in the prompts that decide between good and defective.
    pub defects: Vec<String>,
    /// Settings that change the numbers.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// By number of good photos.
    pub shots: Vec<ShotFigures>,
    /// Images that could not be evaluated in some run.
    pub failed: usize,
    /// Remarks about the runs.
    pub notes: Vec<String>,
}

impl ShotMetrics {
    /// The page as one self-contained HTML file.
    pub fn html(&self, created: &str, command: &str) -> String {
        let shown = |figure: &Figure| self.shots.iter().any(|row| row.mean.contains_key(figure));
        let figures: Vec<Figure> = Figure::ALL.into_iter().filter(shown).collect();
        let main = html! {
            h2 { "Figures over the number of good photos" }
            (PreEscaped(self.chart(&figures).svg()))
            h2 { "Mean over products" }
            (self.table(&figures, |row| Some(&row.mean)))
            @if let Some(first) = self.shots.first().filter(|row| row.products.len() > 1) {
                @for name in first.products.keys() {
                    h2 { (name) }
                    (self.table(&figures, |row| row.products.get(name)))
                }
            }
            @for note in &self.notes { p.muted { (note) } }
        };
        let model = self.model.as_ref().map_or("", |model| &model.name);
        let adapter = self.adapter.as_ref().map_or("", |adapter| &adapter.name);
        let about = [
            ("Data", format!("{}, {}", self.data.name, plural(self.data.images, "image"))),
            ("Method", format!("{} on {model}", self.method)),
            (
                "Good photos",
                "of each product, drawn from its training images; ± is the deviation over draws".into(),
            ),
            ("Adapter", adapter.to_owned()),
            ("Command", command.to_owned()),
        ];
        let document = Document {
            title: "Good photos as references",
            program: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
            created,
            css: "svg { max-width: 100%; height: auto; }",
            ..Document::default()
        };
        document.html(&facts(about.iter().map(|(term, text)| (term, text))), &main)
    }

    fn table<'a>(
        &'a self,
        figures: &[Figure],
        of: impl Fn(&'a ShotFigures) -> Option<&'a BTreeMap<Figure, Spread>>,
    ) -> Markup {
        html! {
            table {
                thead { tr { th { "good photos" } th { "draws" } @for figure in figures { th { (figure.title()) } } } }
                tbody {
                    @for row in &self.shots {
                        tr {
                            th { (row.shots) }
                            td { (row.draws) }
                            @for figure in figures {
                                td { (of(row).and_then(|f| f.get(figure)).map_or("–".into(), |s| s.percent(row.draws))) }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Curves of the means, with bars of the deviations.
    fn chart(&self, figures: &[Figure]) -> SweepChart {
        let line = |figure: &Figure| {
            let point = |row: &ShotFigures| {
                let Spread { mean, deviation } = *row.mean.get(figure)?;
                Some((row.shots as f64, [mean, mean - deviation, mean + deviation].map(|v| 100.0 * v)))
            };
            SweepLine { name: figure.title().into(), points: self.shots.iter().filter_map(point).collect() }
        };
        SweepChart {
            title: "Figures over the number of good photos".into(),
            adapter: self.adapter.as_ref().map_or_else(String::new, |adapter| adapter.name.clone()),
            note: format!("{}, {}; bars: one standard deviation over draws", self.data.name, self.method),
            key: "good photos of each product".into(),
            unit: "%".into(),
            ceiling: None,
            lines: figures.iter().map(line).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_each_number_of_photos() {
        let row = |shots: usize, mean: f64| {
            let figures = BTreeMap::from([(Figure::ImageAuroc, Spread { mean, deviation: 0.01 })]);
            let products = ["cup <1>", "nut"].map(|name| (name.to_owned(), figures.clone()));
            ShotFigures { shots, draws: 1 + shots, mean: figures.clone(), products: products.into() }
        };
        let metrics = ShotMetrics {
            schema: SCHEMA.into(),
            program: Program::own(),
            method: "clip".into(),
            data: DataAbout::default(),
            model: None,
            adapter: None,
            defects: Vec::new(),
            settings: BTreeMap::new(),
            shots: vec![row(0, 0.75), row(4, 0.875)],
            failed: 0,
            notes: vec!["a & b".into()],
        };
        let html = metrics.html("today", "dapo-wgpu eval");
        for text in ["75.0", "87.5 ± 1.0", "cup &lt;1&gt;", "a &amp; b", "<svg", "good photos"] {
            assert!(html.contains(text), "{text}");
        }
        let again: ShotMetrics =
            serde_json::from_str(&serde_json::to_string(&metrics).expect("JSON")).expect("itself");
        assert_eq!(again, metrics);
    }
}
