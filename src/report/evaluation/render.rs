//! The HTML of the page of an evaluation.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use maud::{Markup, html};

use super::super::document::{Document, columns, scroll};
use super::super::metrics::Metrics;
use super::super::page_parts::{computed_on, errors, facts, model_input, model_name, notice, reproduce};
use super::super::pictures::{colour_scale, opacity_of_all};
use super::breakdown::{confusions, types};
use super::charts::charts;
use super::figures::{cards, table};
use super::gallery::{Gallery, Kind};
use super::published;
use super::scores::Scores;
use super::threshold::{Group, Slider};
use crate::words::plural;

const CSS: &str = include_str!("../assets/evaluation.css");
const JS: [&str; 2] = [include_str!("../assets/heat.js"), include_str!("../assets/evaluation.js")];

/// Images of all products together.
const ALL: &str = "all products together";

/// Contents of the page that are not in the metrics, and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationOptions {
    /// The command line that repeats the run, see [`shell_command`](crate::report::shell_command).
    pub command: String,
    /// When the run was made, in words; empty to leave it out (the page is then the same on every run).
    pub created: String,
    /// Score from which an image counts as flagged when the page opens. The reader can move it.
    pub threshold: f32,
    /// At most this many images in each of the four galleries.
    pub max_inline: usize,
    /// At most this many bytes of pictures (as base64) go into the page, a quarter of them for each gallery.
    pub max_inline_bytes: usize,
}

impl Default for EvaluationOptions {
    /// Threshold 0.5, 12 images in each gallery, 16 MiB.
    fn default() -> Self {
        Self {
            command: String::new(),
            created: String::new(),
            threshold: 0.5,
            max_inline: 12,
            max_inline_bytes: 16 << 20,
        }
    }
}

pub(super) fn render(
    options: &EvaluationOptions,
    scores: &BTreeMap<String, Scores>,
    galleries: &[Gallery],
    metrics: &Metrics,
) -> String {
    let groups = groups(scores, metrics);
    let range = groups[0].scores.range();
    let threshold = options.threshold;
    let slider = Slider::new(&groups, range, threshold);
    let mut shown = HashSet::new();
    let main = html! {
        @if let Some(model) = &metrics.model { (notice(model)) }
        section aria-labelledby="figures-title" {
            h2 #figures-title { "Figures" }
            div.cards { (cards(metrics)) }
            p.muted { "All figures times 100. The mean is the plain mean over the products that have the figure." }
            (table(metrics))
        }
        (published::section(metrics))
        section aria-labelledby="threshold-title" { (threshold_section(&slider, &groups, threshold)) }
        section aria-labelledby="panels-title" {
            div.bar {
                h2 #panels-title { "Curves, types, confusions" }
                label.control {
                    "Product "
                    select #group { @for (i, group) in groups.iter().enumerate() { option value=(i) { (group.name) } } }
                }
            }
            @for (i, group) in groups.iter().enumerate() { (panel(i, group, metrics, threshold, range)) }
        }
        section #galleries aria-labelledby="galleries-title" {
            div.bar { h2 #galleries-title { "Images" } (opacity_of_all()) }
            (colour_scale())
            p.muted {
                "What is not coloured is 0, normal, and yellow is 1, anomalous, in every picture. The word beside the score follows the \
                threshold above: found, missed, false alarm, passed."
            }
            nav.jump aria-label="Galleries" { (Kind::links()) }
            @for gallery in galleries { (gallery.html(threshold, &mut shown)) }
        }
        (errors(&metrics.failed.iter().collect::<Vec<_>>()))
        section aria-labelledby="again-title" {
            h2 #again-title { "How to reproduce" }
            (reproduce(&options.command, &metrics.program, metrics.model.as_ref(), &metrics.settings))
            p {
                "SHA-256 of the list of images, masks, products and defects: " code { (metrics.data.list_sha256) } "."
            }
            @if !metrics.notes.is_empty() {
                h3 { "Notes" }
                ul.notes { @for note in &metrics.notes { li { (note) } } }
            }
        }
    };
    let document = Document {
        title: &format!("Evaluation of {} on {}", metrics.method, metrics.data.name),
        program: &format!("{} {}", metrics.program.name, metrics.program.version),
        created: &options.created,
        images: Some("galleries"),
        css: CSS,
        scripts: &JS,
        data: Some(slider.json()),
    };
    document.html(&about(metrics), &main)
}

/// All images, then those of each product that has images or figures.
fn groups(scores: &BTreeMap<String, Scores>, metrics: &Metrics) -> Vec<Group> {
    let mut all = Scores::default();
    for scores in scores.values() {
        all.extend(scores);
    }
    let mut groups = vec![Group { name: ALL.to_owned(), scores: all.sorted() }];
    let names: BTreeSet<&String> = scores.keys().chain(metrics.products.keys()).collect();
    groups.extend(names.into_iter().map(|name| Group {
        name: name.clone(),
        scores: scores.get(name).map(Scores::sorted).unwrap_or_default(),
    }));
    groups
}

/// Data, method, model and device of the evaluation.
fn about(metrics: &Metrics) -> Markup {
    let data = &metrics.data;
    let outside = || html! { "another program's maps" };
    let without: usize = metrics.products.values().map(|product| product.without_mask).sum();
    let size = format!("{} of {}", plural(data.images, "image"), plural(metrics.products.len(), "product"));
    let mut entries = vec![
        ("Data", html! { (data.name) ": " (size) ", layout " (data.layout) }),
        ("Method", html! { (metrics.method) }),
        ("Model", metrics.model.as_ref().map_or_else(outside, model_name)),
        ("Computed on", metrics.adapter.as_ref().map_or_else(outside, computed_on)),
    ];
    entries.extend(metrics.model.as_ref().map(|model| ("Model input", model_input(model))));
    if !metrics.defects.is_empty() {
        entries.push(("Defects looked for", html! { (metrics.defects.join(", ")) }));
    }
    if !metrics.failed.is_empty() {
        let count = plural(metrics.failed.len(), "image");
        entries.push(("Not evaluated", html! { a href="#errors-title" { (count) } ", in no figure" }));
    }
    if without > 0 {
        let count = plural(without, "defective image");
        entries.push(("Without a mask", html! { (count) ": in image figures only" }));
    }
    facts(entries)
}

/// The slider, and the counts of each product that follow it.
fn threshold_section(slider: &Slider, groups: &[Group], threshold: f32) -> Markup {
    let numbers = ["Good", "Defective", "False alarms", "Misses", "Precision, %", "Recall, %"];
    let table = html! {
        table #counts {
            thead { tr { (columns(&["Product"], &numbers)) } }
            tbody { (slider.rows(groups)) }
        }
    };
    html! {
        h2 #threshold-title { "Threshold" }
        p {
            "What if an image is flagged from this score on? Nothing is computed again; the figures above do not depend \
            on it."
        }
        div.bar.sticky {
            label.control for="threshold" {
                "Flag at score ≥ " output #threshold-value for="threshold" { (threshold) }
                input #threshold type="range" min="0" max=(slider.last()) step="1" value=(slider.start())
                    aria-valuetext=(threshold);
            }
            button #threshold-reset.toggle type="button" { "Back to " (threshold) }
            p #threshold-words.muted aria-live="polite" {}
        }
        (scroll("Counts at the threshold", &table))
    }
}

/// Curves, types and confusion matrices of a group of images; the first group is all images.
fn panel(index: usize, group: &Group, metrics: &Metrics, threshold: f32, range: (f32, f32)) -> Markup {
    html! {
        div.panel data-group=(index) hidden[index > 0] {
            (charts(&group.name, &group.scores, threshold, range))
            @if index == 0 {
                p.muted {
                    "Scores of different products need not be on one scale: the figures above are those of each product \
                    and their mean, not of all images together."
                }
                (types(&metrics.types, "Products"))
            } @else if let Some(product) = metrics.products.get(&group.name) {
                (types(&product.types, "Pixels"))
                (confusions(product))
            }
        }
    }
}
