//! The parts of the page of `detect` that repeat per image: table rows and cards with pictures.

use std::collections::HashSet;
use std::iter;

use maud::{Markup, html};

use super::super::document::href;
use super::super::page_parts::{breakable, seen};
use super::super::pictures::Inlined;
use super::super::results::{DefectBox, NORMAL, Results, ScoredImage, Verdict};
use crate::words::plural;

/// One table row per scored image, highest score first.
pub(super) fn rows(results: &Results, threshold: f32, kept: &[Inlined]) -> Markup {
    let shown: HashSet<usize> = kept.iter().map(|k| k.index).collect();
    let mut order: Vec<(usize, &ScoredImage)> =
        results.images.iter().enumerate().filter_map(|(i, image)| Some((i, image.scored()?))).collect();
    order.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    let link = |index: usize, image: &ScoredImage| match &image.overlay {
        _ if shown.contains(&index) => Some(format!("#image-{index}")),
        overlay => overlay.as_deref().map(href),
    };
    html! {
        @for (index, image) in order {
            @let (score, probability, boxes) = (image.score, image.type_probability, image.boxes.len());
            tr.flag[score >= threshold] data-score=(score) data-prob=(probability) data-boxes=(boxes)
                data-path=(image.path) data-type=(image.defect_type) {
                td.path {
                    @if let Some(link) = link(index, image) { a href=(link) { (breakable(&image.path)) } }
                    @else { (breakable(&image.path)) }
                }
                td { strong.verdict { (Verdict::of(score, threshold).name()) } }
                td.num.score {
                    span.meter aria-hidden="true" { i style={ "width:" (format_args!("{:.1}%", score * 100.0)) } {} }
                    b { (format_args!("{score:.3}")) }
                }
                td { (image.defect_type) }
                td.num { (format_args!("{probability:.3}")) }
                td.num { (boxes) }
            }
        }
    }
}

/// Says which images have pictures here.
pub(super) fn inlined_note(kept: usize, scored: usize) -> Markup {
    html! {
        @if kept == 0 {
            p.muted { "No pictures in this page; the table links to the overlay files, if written." }
        } @else if kept < scored {
            p.muted {
                "The " (plural(kept, "image")) " with the highest scores; the table links the other " (scored - kept)
                " to their overlay files, if written."
            }
        }
    }
}

/// The card of one image: picture, heat map and boxes above each other, controls, probabilities, details.
pub(super) fn card(kept: &Inlined, image: &ScoredImage, results: &Results, threshold: f32) -> Markup {
    let (id, score, path) = (kept.index, image.score, &image.path);
    let marks = html! { @for found in &image.boxes { (box_mark(found, image)) } };
    html! {
        article.item.flag[score >= threshold] #{ "image-" (id) } data-score=(score) data-type=(image.defect_type)
            aria-labelledby={ "title-" (id) } {
            header {
                strong.verdict { (Verdict::of(score, threshold).name()) }
                span.big aria-label="Anomaly score" { (format_args!("{score:.3}")) }
                h3 #{ "title-" (id) } { (breakable(path)) }
                span.muted { "most likely defect: " (image.defect_type) " · " (image.width) " × " (image.height) }
            }
            (kept.view(path, &seen(image, threshold), &marks))
            div.body {
                (probabilities(image, results))
                @if let Some(evidence) = &image.evidence {
                    p.muted {
                        (format_args!("words alone {:.3}, distance from the good photos alone {:.3}",
                            evidence.words, evidence.distance))
                    }
                }
                @for note in &image.notes { p.muted { (note) } }
                @if !image.boxes.is_empty() {
                    details {
                        summary { (plural(image.boxes.len(), "box")) }
                        ul { @for found in &image.boxes { li { (box_text(found)) } } }
                    }
                }
                (kept.likeness())
                (kept.class_maps())
            }
        }
    }
}

/// A box over the picture, placed in per cent so that it follows the picture's size.
fn box_mark(found: &DefectBox, image: &ScoredImage) -> Markup {
    let percent = |at: u32, of: u32| f64::from(at) * 100.0 / f64::from(of.max(1));
    let (left, width) = (percent(found.x, image.width), percent(found.width, image.width));
    let (top, height) = (percent(found.y, image.height), percent(found.height, image.height));
    let style = format!("left:{left:.2}%;top:{top:.2}%;width:{width:.2}%;height:{height:.2}%");
    html! { div.box title=(format_args!("{} {:.3}", found.defect_type, found.score)) style=(style) {} }
}

fn box_text(found: &DefectBox) -> String {
    let DefectBox { x, y, width, height, score, area, defect_type, nearest } = found;
    let like = nearest.as_ref().map_or_else(String::new, |near| {
        format!(
            "; looks like {} at ({}, {}), but {:.1} times as far from it as good parts are from each other",
            near.photo, near.x, near.y, near.distance
        )
    });
    format!("{defect_type} {score:.3}: {width} × {height} at ({x}, {y}), area {area} px{like}")
}

/// One bar per class: normal first, then the defects in the run's order.
fn probabilities(image: &ScoredImage, results: &Results) -> Markup {
    html! {
        dl.probs aria-label="Probabilities" {
            @for class in iter::once(NORMAL).chain(results.defects.iter().map(String::as_str)) {
                @let value = image.probabilities.get(class).copied().unwrap_or_default();
                @let top = class == image.defect_type;
                dt.top[top] { (class) }
                dd.track aria-hidden="true" { i style={ "width:" (format_args!("{:.1}%", value * 100.0)) } {} }
                dd.top[top] { (format_args!("{value:.3}")) }
            }
        }
    }
}
