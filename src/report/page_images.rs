//! The parts of `report.html` that repeat per image: table rows and cards with pictures.

use std::collections::HashSet;

use super::html::{Inlined, ReportOptions};
use super::markup::{escape, href, plural, push};
use super::results::{DefectBox, ImageResult, NORMAL, Results, ScoredImage};

/// One table row per scored image, highest score first.
pub(super) fn rows(results: &Results, options: &ReportOptions, kept: &[Inlined]) -> String {
    let shown: HashSet<usize> = kept.iter().map(|k| k.index).collect();
    let mut order: Vec<(usize, &ScoredImage)> =
        results.images.iter().enumerate().filter_map(|(i, image)| Some((i, image.scored()?))).collect();
    order.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    let mut rows = String::new();
    for (index, image) in order {
        let (path, name) = (escape(&image.path), escape(&image.defect_type));
        let link = match &image.overlay {
            _ if shown.contains(&index) => format!("<a href=\"#image-{index}\">{path}</a>"),
            Some(overlay) => format!("<a href=\"{}\">{path}</a>", href(overlay)),
            None => path.clone(),
        };
        let (score, probability, boxes) = (image.score, image.type_probability, image.boxes.len());
        let (class, meter) = (flag(score, options), meter(score));
        push(
            &mut rows,
            format_args!(
                "<tr data-score=\"{score}\" data-prob=\"{probability}\" data-boxes=\"{boxes}\" data-path=\"{path}\" \
             data-type=\"{name}\" class=\"{class}\"><td class=\"path\">{link}</td><td class=\"num score\">{meter}<b>{score:.3}</b></td>\
             <td>{name}</td><td class=\"num\">{probability:.3}</td><td class=\"num\">{boxes}</td></tr>\n"
            ),
        );
    }
    rows
}

/// The class of what is at or above the threshold.
fn flag(score: f32, options: &ReportOptions) -> &'static str {
    if score >= options.threshold { "flag" } else { "" }
}

/// A small horizontal bar of length `value`.
fn meter(value: f32) -> String {
    format!(r#"<span class="meter" aria-hidden="true"><i style="width:{:.1}%"></i></span>"#, value * 100.0)
}

/// Says which images have pictures here.
pub(super) fn inlined_note(kept: usize, scored: usize) -> String {
    match (kept, scored) {
        (0, _) => "<p class=\"muted\">No pictures in this page; the table links to the overlay files, if written.</p>".into(),
        (kept, scored) if kept < scored => format!(
            "<p class=\"muted\">The {} with the highest scores; the table links the other {} to their overlay files, \
             if written.</p>", plural(kept, "image"), scored - kept
        ),
        _ => String::new(),
    }
}

/// The card of one image: picture, heat map and boxes above each other, controls, probabilities, details.
pub(super) fn article(
    kept: &Inlined,
    image: &ImageResult,
    results: &Results,
    options: &ReportOptions,
) -> String {
    let Some(image) = image.scored() else {
        return String::new();
    };
    let (path, defect) = (escape(&image.path), escape(&image.defect_type));
    let (id, score, class) = (kept.index, image.score, flag(image.score, options));
    let (image_width, image_height) = (image.width, image.height);
    let boxes: String = image.boxes.iter().map(|found| box_mark(found, image)).collect();
    let mut card = format!(
        r#"<article class="item {class}" id="image-{id}" data-score="{score}" aria-labelledby="title-{id}">
<header><h3 id="title-{id}">{path}</h3><span class="big" aria-label="Anomaly score">{score:.3}</span>
<span class="muted">{image_width} × {image_height} · most likely defect: {defect}</span></header>
"#
    );
    card += &view(kept, &image.path, &boxes);
    card += "<div class=\"body\">";
    card += &probabilities(image, results);
    if !image.boxes.is_empty() {
        let items: String = image.boxes.iter().map(box_text).collect();
        let title =
            if image.boxes.len() == 1 { "1 box".into() } else { format!("{} boxes", image.boxes.len()) };
        push(&mut card, format_args!("<details><summary>{title}</summary><ul>{items}</ul></details>"));
    }
    card += &class_maps(kept);
    card + "</div></article>\n"
}

/// The picture with its heat map and marks above it, and what they are shown and hidden with.
pub(super) fn view(kept: &Inlined, path: &str, marks: &str) -> String {
    let Inlined { thumbnail, heat, size: (width, height), .. } = kept;
    let (path, aspect) = (escape(path), f64::from(*width) / f64::from((*height).max(1)));
    format!(
        r#"<div class="view"><div class="stage" style="--aspect:{aspect:.4}">
<img src="{thumbnail}" width="{width}" height="{height}" alt="{path}" decoding="async">
<img class="heat" src="{heat}" alt="" decoding="async">{marks}</div></div>
<div class="tools">
<button type="button" class="toggle" aria-pressed="true" aria-label="Heat map of {path}">Heat map</button>
<label class="control">Opacity
<input type="range" min="0" max="100" value="50" aria-label="Opacity of the heat map of {path}"></label></div>
"#
    )
}

/// The small map of each class, if there are any.
pub(super) fn class_maps(kept: &Inlined) -> String {
    if kept.class_maps.is_empty() {
        return String::new();
    }
    let mut maps = String::from("<details><summary>Map of each class</summary><div class=\"multiples\">");
    for (name, url) in &kept.class_maps {
        let name = escape(name);
        let picture = format!("<img src=\"{url}\" alt=\"Map of {name}\">");
        push(&mut maps, format_args!("<figure>{picture}<figcaption>{name}</figcaption></figure>"));
    }
    maps + "</div></details>"
}

/// A box over the picture, placed in per cent so that it follows the picture's size.
fn box_mark(found: &DefectBox, image: &ScoredImage) -> String {
    let percent = |at: u32, of: u32| f64::from(at) * 100.0 / f64::from(of.max(1));
    let (left, width) = (percent(found.x, image.width), percent(found.width, image.width));
    let (top, height) = (percent(found.y, image.height), percent(found.height, image.height));
    let (name, score) = (escape(&found.defect_type), found.score);
    let style = format!("left:{left:.2}%;top:{top:.2}%;width:{width:.2}%;height:{height:.2}%");
    format!("<div class=\"box\" title=\"{name} {score:.3}\" style=\"{style}\"></div>")
}

/// A box in words, as a list entry.
fn box_text(found: &DefectBox) -> String {
    let DefectBox { x, y, width, height, score, area, .. } = found;
    let name = escape(&found.defect_type);
    format!("<li>{name} {score:.3}: {width} × {height} at ({x}, {y}), area {area} px</li>")
}

/// One bar per class: normal first, then the defects in the run's order.
fn probabilities(image: &ScoredImage, results: &Results) -> String {
    let mut bars = String::from("<dl class=\"probs\" aria-label=\"Probabilities\">");
    for class in std::iter::once(NORMAL).chain(results.defects.iter().map(String::as_str)) {
        let value = image.probabilities.get(class).copied().unwrap_or_default();
        let top = if class == image.defect_type { " class=\"top\"" } else { "" };
        let (name, percent) = (escape(class), value * 100.0);
        let track =
            format!("<dd class=\"track\" aria-hidden=\"true\"><i style=\"width:{percent:.1}%\"></i></dd>");
        push(&mut bars, format_args!("<dt{top}>{name}</dt>{track}<dd{top}>{value:.3}</dd>"));
    }
    bars + "</dl>"
}
