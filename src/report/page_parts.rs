//! Parts of several pages: device, model, settings, failed images.

use std::collections::BTreeMap;

use maud::{Markup, Render, html};

use super::results::{Adapter, FailedImage, Model, Program, ScoredImage};
use crate::words::plural;

/// A path that breaks between its parts and words, not inside them.
pub(super) fn breakable(path: &str) -> Markup {
    let is_end = |c: char| matches!(c, '/' | '\\' | '_' | '-' | '.' | ' ');
    html! { @for part in path.split_inclusive(is_end) { (part) wbr; } }
}

/// What a page says is to be seen in an image, for those who do not see it: `crack, 0.95, 3 boxes, top left`.
pub(super) fn seen(image: &ScoredImage, threshold: f32) -> String {
    if image.score < threshold {
        return format!("good, {:.2}", image.score);
    }
    let place = image.boxes.first().map(|found| {
        let third = |at: u32, extent: u32, of: u32, names: [&'static str; 3]| {
            names[((f64::from(at) + f64::from(extent) / 2.0) * 3.0 / f64::from(of.max(1))).min(2.0) as usize]
        };
        let row = third(found.y, found.height, image.height, ["top", "middle", "bottom"]);
        let column = third(found.x, found.width, image.width, ["left", "center", "right"]);
        format!(", {}, {row} {column}", plural(image.boxes.len(), "box"))
    });
    format!("{}, {:.2}{}", image.defect_type, image.score, place.unwrap_or_default())
}

/// A list of terms and what they are in this run.
pub(super) fn facts<T: Render, D: Render>(entries: impl IntoIterator<Item = (T, D)>) -> Markup {
    html! {
        dl.facts { @for (term, text) in entries { div { dt { (term) } dd { (text) } } } }
    }
}

/// The adapter, and whether it is a GPU at all.
pub(super) fn computed_on(adapter: &Adapter) -> Markup {
    html! {
        (adapter.name)
        @if adapter.software { " " span.tag { "software on the CPU, not a GPU" } }
        br;
        span.muted { (adapter.kind) ", " (adapter.backend) ", " (adapter.driver) }
    }
}

/// The model, and whether it is for demonstration only.
pub(super) fn model_name(model: &Model) -> Markup {
    html! { (model.name) @if model.demonstration { " " span.tag { "demonstration" } } }
}

/// The size of the model's input.
pub(super) fn model_input(model: &Model) -> Markup {
    html! { (model.image_size) " × " (model.image_size) " pixels, patches of " (model.patch_size) }
}

/// What the demonstration model must not be used for.
pub(super) fn notice(model: &Model) -> Markup {
    html! {
        @if model.demonstration {
            div.notice role="note" {
                p {
                    strong { "Demonstration model." } " These results come from the embedded model "
                    code { (model.name) } ", which was trained on procedurally generated pictures only. It shows how \
                    the program works; do not use it on real parts."
                }
                p {
                    "For real inspection use a full CLIP model: get one with " code { "dapo-wgpu fetch" }
                    " and run again with " code { "--model DIR" } "."
                }
            }
        }
    }
}

/// The images that failed, if any.
pub(super) fn errors(images: &[&FailedImage]) -> Markup {
    html! {
        @if !images.is_empty() {
            section aria-labelledby="errors-title" {
                h2 #errors-title { (plural(images.len(), "image")) " could not be processed" }
                ul.errors {
                    @for image in images {
                        li {
                            h3 { (image.path) }
                            p { (image.error) }
                            @if !image.hint.is_empty() { p.muted { "What to do: " (image.hint) } }
                        }
                    }
                }
            }
        }
    }
}

/// Command line, versions and settings. There is no model where another program made the maps.
pub(super) fn reproduce(
    command: &str,
    program: &Program,
    model: Option<&Model>,
    settings: &BTreeMap<String, serde_json::Value>,
) -> Markup {
    html! {
        @if !command.is_empty() { pre { (command) } }
        p {
            (program.name) " " (program.version)
            @if let Some(model) = model {
                ", model " code { (model.name) }
                " (" @if model.path.is_empty() { "embedded in the program" } @else { (model.path) } ")"
                @if let Some(hash) = &model.weights_sha256 { ", SHA-256 of the weights " code { (hash) } }
            }
            "."
        }
        @if !settings.is_empty() {
            details {
                summary { "Settings" }
                pre { @for (name, value) in settings { (name) " = " (value) "\n" } }
            }
        }
    }
}
