//! Fills `assets/evaluation.html`.
//!
//! Every text that comes from a user, a file name or a driver goes through [`escape`].

use std::collections::{BTreeSet, HashSet};

use super::super::markup::{escape, fill, plural, push};
use super::super::metrics::Metrics;
use super::super::overlay::Scaling;
use super::super::page_parts::{computed_on, errors, model_name, notice, reproduce, terms};
use super::EvaluationPage;
use super::breakdown::{confusions, types};
use super::charts::charts;
use super::figures::{cards, table};
use super::gallery::Kind;
use super::published;
use super::scores::Scores;
use super::threshold::{Group, Slider};

const TEMPLATE: &str = include_str!("../assets/evaluation.html");
const CSS: &str = concat!(include_str!("../assets/report.css"), include_str!("../assets/evaluation.css"));
const JS: &str = concat!(include_str!("../assets/heat.js"), include_str!("../assets/evaluation.js"));

/// Images of all products together.
const ALL: &str = "all products together";

pub(super) fn render(page: &EvaluationPage, metrics: &Metrics) -> String {
    let groups = groups(page, metrics);
    let range = groups[0].scores.range();
    let threshold = page.options.threshold;
    let slider = Slider::new(&groups, range, threshold);
    let heading = format!("Evaluation of {} on {}", metrics.method, metrics.data.name);
    fill(TEMPLATE, |name| match name {
        "css" => CSS.to_owned(),
        "js" => JS.to_owned(),
        "title" | "heading" => escape(&heading),
        "program" => escape(&format!("{} {}", metrics.program.name, metrics.program.version)),
        "created" if page.options.created.is_empty() => String::new(),
        "created" => format!(" · {}", escape(&page.options.created)),
        "facts" => facts(metrics),
        "notice" => metrics.model.as_ref().map(notice).unwrap_or_default(),
        "cards" => cards(metrics),
        "figures" => table(metrics),
        "published" => published::section(metrics),
        "threshold" => threshold.to_string(),
        "last" => slider.last().to_string(),
        "start" => slider.start().to_string(),
        "counts" => slider.rows(&groups),
        "options" => options(&groups),
        "panels" => {
            groups.iter().enumerate().map(|(i, group)| panel(i, group, metrics, threshold, range)).collect()
        }
        "jump" => Kind::links(),
        "galleries" => {
            let mut shown = HashSet::new();
            page.galleries.iter().map(|gallery| gallery.html(threshold, &mut shown)).collect()
        }
        "colours" => colours(page.options.scaling).to_owned(),
        "errors" => errors(metrics.failed.iter()),
        "reproduce" => again(page, metrics),
        "data" => slider.json(),
        _ => String::new(),
    })
}

/// All images, then those of each product that has images or figures.
fn groups(page: &EvaluationPage, metrics: &Metrics) -> Vec<Group> {
    let mut all = Scores::default();
    for scores in page.scores.values() {
        all.extend(scores);
    }
    let mut groups = vec![Group { name: ALL.to_owned(), scores: all.sorted() }];
    let names: BTreeSet<&String> = page.scores.keys().chain(metrics.products.keys()).collect();
    groups.extend(names.into_iter().map(|name| Group {
        name: name.clone(),
        scores: page.scores.get(name).map(Scores::sorted).unwrap_or_default(),
    }));
    groups
}

/// What was evaluated, with what.
fn facts(metrics: &Metrics) -> String {
    let data = &metrics.data;
    let outside = || "another program's maps".to_owned();
    let without: usize = metrics.products.values().map(|product| product.without_mask).sum();
    let mut entries = vec![
        (
            "Data",
            format!(
                "{}: {} of {}, layout {}",
                escape(&data.name),
                plural(data.images, "image"),
                plural(metrics.products.len(), "product"),
                escape(&data.layout)
            ),
        ),
        ("Method", escape(&metrics.method)),
        ("Model", metrics.model.as_ref().map_or_else(outside, model_name)),
        ("Computed on", metrics.adapter.as_ref().map_or_else(outside, computed_on)),
    ];
    if let Some(model) = &metrics.model {
        let size = model.image_size;
        entries.push(("Model input", format!("{size} × {size} pixels, patches of {}", model.patch_size)));
    }
    if !metrics.defects.is_empty() {
        entries.push(("Defects looked for", escape(&metrics.defects.join(", "))));
    }
    if !metrics.failed.is_empty() {
        let count = plural(metrics.failed.len(), "image");
        entries.push(("Not evaluated", format!("<a href=\"#errors-title\">{count}</a>, in no figure")));
    }
    if without > 0 {
        entries.push((
            "Without a mask",
            format!("{}: in image figures only", plural(without, "defective image")),
        ));
    }
    terms(entries)
}

fn options(groups: &[Group]) -> String {
    let option =
        |(i, group): (usize, &Group)| format!("<option value=\"{i}\">{}</option>", escape(&group.name));
    groups.iter().enumerate().map(option).collect()
}

/// Curves, types and confusions of a group of images; the first group is all images.
fn panel(index: usize, group: &Group, metrics: &Metrics, threshold: f32, range: (f32, f32)) -> String {
    let name = escape(&group.name);
    let hidden = if index == 0 { "" } else { " hidden" };
    let mut panel = format!("<div class=\"panel\" data-group=\"{index}\"{hidden}>\n");
    panel += &charts(&name, &group.scores, threshold, range);
    if index == 0 {
        panel += "<p class=\"muted\">Scores of different products need not be on one scale: the figures above are those of \
                  each product and their mean, not of all images together.</p>\n";
        panel += &types(&metrics.types, "Products");
    } else if let Some(product) = metrics.products.get(&group.name) {
        panel += &types(&product.types, "Pixels");
        panel += &confusions(product);
    }
    panel + "</div>\n"
}

fn colours(scaling: Scaling) -> &'static str {
    match scaling {
        Scaling::Fixed => "Blue is 0, normal, and red is 1, anomalous, in every picture.",
        Scaling::MinMax => {
            "Blue is the lowest and red the highest value of each image, so every image has a red spot, also a good one: \
             compare scores, not colours."
        }
    }
}

/// Everything that is needed to do it again.
fn again(page: &EvaluationPage, metrics: &Metrics) -> String {
    let mut text =
        reproduce(&page.options.command, &metrics.program, metrics.model.as_ref(), &metrics.settings);
    push(
        &mut text,
        format_args!(
            "<p>SHA-256 of the list of images, masks, products and defects: <code>{}</code>.</p>",
            escape(&metrics.data.list_sha256)
        ),
    );
    if !metrics.notes.is_empty() {
        let notes: String = metrics.notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
        push(&mut text, format_args!("<h3>Notes</h3><ul class=\"notes\">{notes}</ul>"));
    }
    text
}
