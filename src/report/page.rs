//! The markup of `report.html`: fills `assets/report.html` from the results.
//!
//! Every text that comes from a user, a file name or a driver goes through [`escape`] or [`super::markup::href`].

use super::html::{Inlined, ReportOptions};
use super::markup::{escape, fill, plural, push};
use super::overlay::Scaling;
use super::page_images::{article, inlined_note, rows};
use super::page_parts::{computed_on, errors, model_name, notice, reproduce, terms};
use super::results::{ImageResult, Results, ScoredImage};

const TEMPLATE: &str = include_str!("assets/report.html");
const CSS: &str = include_str!("assets/report.css");
const JS: &str = concat!(include_str!("assets/heat.js"), include_str!("assets/report.js"));

/// Bars of the score histogram.
const BARS: usize = 20;

/// The page; `kept` are the images with pictures, highest score first.
pub(super) fn render(results: &Results, options: &ReportOptions, kept: &[Inlined]) -> String {
    let scored: Vec<&ScoredImage> = results.images.iter().filter_map(ImageResult::scored).collect();
    let flagged = scored.iter().filter(|i| i.score >= options.threshold).count();
    let heading = format!("Defect report: {} of {}", plural(results.images.len(), "image"), results.object);
    fill(TEMPLATE, |name| match name {
        "css" => CSS.to_string(),
        "js" => JS.to_string(),
        "title" | "heading" => escape(&heading),
        "program" => escape(&format!("{} {}", results.program.name, results.program.version)),
        "created" if options.created.is_empty() => String::new(),
        "created" => format!(" · {}", escape(&options.created)),
        "facts" => facts(results),
        "notice" => notice(&results.model),
        "summary" => summary(results, &scored, flagged, options.threshold),
        "errors" => {
            let failed = results.images.iter().filter_map(|image| match image {
                ImageResult::Failed(image) => Some(image),
                ImageResult::Scored(_) => None,
            });
            errors(failed)
        }
        "threshold" => format!("{:.2}", options.threshold),
        "flagged" => format!("{flagged} of {} flagged", scored.len()),
        "rows" => rows(results, options, kept),
        "inlined" => inlined_note(kept.len(), scored.len()),
        "gallery" => kept.iter().map(|k| article(k, &results.images[k.index], results, options)).collect(),
        "legend" => legend(options),
        "reproduce" => reproduce(&options.command, &results.program, Some(&results.model), &results.settings),
        _ => String::new(),
    })
}

/// What was run: model, adapter, defects, time.
fn facts(results: &Results) -> String {
    let Results { adapter, model, timing, .. } = results;
    let size = model.image_size;
    let entries = [
        ("Model", model_name(model)),
        ("Model input", format!("{size} × {size} pixels, patches of {}", model.patch_size)),
        ("Method", escape(&results.method)),
        ("Computed on", computed_on(adapter)),
        ("Defects looked for", escape(&results.defects.join(", "))),
        ("Time", format!("{:.2} s, {:.1} images per second", timing.seconds, timing.images_per_second)),
    ];
    terms(entries)
}

/// The summary cards and the histogram of scores.
fn summary(results: &Results, scored: &[&ScoredImage], flagged: usize, threshold: f32) -> String {
    let card = |value: &str, label: &str| {
        format!(r#"<div class="card"><b>{value}</b><span class="muted">{label}</span></div>"#)
    };
    let failed = results.images.len() - scored.len();
    let mut cards = card(&scored.len().to_string(), "images scored");
    cards += &card(&failed.to_string(), "could not be processed");
    cards += &card(&flagged.to_string(), &format!("score ≥ {threshold:.2}"));
    if let Some(worst) = scored.iter().max_by(|a, b| a.score.total_cmp(&b.score)) {
        cards += &card(&format!("{:.3}", worst.score), "highest score");
    }
    // The type named most often among the flagged images; of equals the first in the run's order.
    let count =
        |name: &String| scored.iter().filter(|i| i.score >= threshold && i.defect_type == *name).count();
    let common = results.defects.iter().rev().max_by_key(|name| count(name)).filter(|name| count(name) > 0);
    if let Some(name) = common {
        cards += &card(&escape(name), &format!("most frequent type, {} of {flagged}", count(name)));
    }
    let mut bins = [0_usize; BARS];
    for image in scored {
        bins[((image.score * BARS as f32) as usize).min(BARS - 1)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    cards += r#"<div class="card wide"><span class="muted">Scores</span><div class="hist" role="img" aria-label="Histogram of the scores from 0 to 1">"#;
    for (i, &n) in bins.iter().enumerate() {
        let class = if (i as f32 + 0.5) / BARS as f32 >= threshold { r#" class="flag""# } else { "" };
        push(&mut cards, format_args!(r#"<i{class} style="height:{}%" title="{n}"></i>"#, n * 100 / most));
    }
    cards + r#"</div><div class="ends muted"><span>0</span><span>1</span></div></div>"#
}

/// What the numbers and colours mean.
fn legend(options: &ReportOptions) -> String {
    let (low, high, colours) = match options.scaling {
        Scaling::Fixed => ("0, normal", "1, anomalous", "The colours mean the same value in every picture."),
        Scaling::MinMax => (
            "lowest of the image",
            "highest of the image",
            "The colours are stretched to each image's own range, so every image has a red spot, also a normal one: \
             compare scores, not colours.",
        ),
    };
    format!(
        "<div class=\"scale\" role=\"img\" aria-label=\"Colour scale from blue to red\"></div><div class=\"ends muted\">\
         <span>{low}</span><span>{high}</span></div><ul class=\"legend\"><li>{colours}</li>\
         <li><strong>Score</strong>: how anomalous the whole image is, 0 to 1. Where to draw the line depends on the part \
         and the camera: choose it on a few images known to be good.</li>\
         <li><strong>Type</strong>: the most likely of the named defects. It is always a defect, also for a low score; read \
         it only where the score says that something is wrong.</li>\
         <li><strong>Probability</strong>: of that type among normal and all named defects.</li>\
         <li><strong>Boxes</strong>: connected regions of the map above a threshold.</li></ul>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::check::tests::example;
    use crate::report::results::{Adapter, Model, NORMAL};

    fn kept() -> Vec<Inlined> {
        let url = || "data:image/jpeg;base64,AAAA".to_string();
        let class_maps = vec![("hole".to_string(), url())];
        vec![Inlined { index: 0, score: 0.875, size: (64, 48), thumbnail: url(), heat: url(), class_maps }]
    }

    #[test]
    fn every_placeholder_is_filled_and_nothing_is_loaded() {
        let page = render(&example(), &ReportOptions::default(), &kept());
        assert!(!page.contains("{{") && !page.contains("}}"));
        for outside in ["http:", "https:", "src=\"/", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        for part in
            ["llvmpipe", "software on the CPU, not a GPU", "--model DIR", "dapo-wgpu fetch", "1 of 1 flagged"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("left:93.75%;top:0.00%;width:6.25%;height:100.00%"), "the box at 600 of 640");
    }

    #[test]
    fn no_demonstration_notice_and_no_software_tag_for_a_real_model_on_a_gpu() {
        let mut run = example();
        run.model.demonstration = false;
        run.adapter.software = false;
        let page = render(&run, &ReportOptions::default(), &[]);
        assert!(!page.contains("Demonstration model") && !page.contains("software on the CPU"));
    }

    #[test]
    fn user_text_cannot_become_markup() {
        const EVIL: &str = r#"<script>alert('x')</script>"'&{{css}}"#;
        let json = serde_json::to_string(&example()).expect("json");
        let mut run: Results = serde_json::from_str(&json).expect("json");
        run.defects[0] = EVIL.into();
        run.object = EVIL.into();
        run.method = EVIL.into();
        run.program.name = EVIL.into();
        run.settings.insert(EVIL.into(), EVIL.into());
        run.model =
            Model { name: EVIL.into(), path: EVIL.into(), weights_sha256: Some(EVIL.into()), ..run.model };
        run.adapter = Adapter {
            name: EVIL.into(),
            driver: EVIL.into(),
            kind: EVIL.into(),
            backend: EVIL.into(),
            ..run.adapter
        };
        for image in &mut run.images {
            match image {
                ImageResult::Scored(image) => {
                    image.path = EVIL.into();
                    image.defect_type = EVIL.into();
                    image.probabilities =
                        [(NORMAL, 0.125), (EVIL, 0.5), ("hole", 0.375)].map(|(n, p)| (n.into(), p)).into();
                    image.boxes[0].defect_type = EVIL.into();
                    image.overlay = Some(format!("javascript:{EVIL}"));
                }
                ImageResult::Failed(image) => {
                    (image.path, image.error, image.hint) = (EVIL.into(), EVIL.into(), EVIL.into());
                }
            }
        }
        let mut pictures = kept();
        pictures[0].class_maps[0].0 = EVIL.into();
        let options =
            ReportOptions { command: EVIL.into(), created: EVIL.into(), ..ReportOptions::default() };
        for kept in [pictures, Vec::new()] {
            let page = render(&run, &options, &kept);
            assert!(!page.contains("<script>alert") && !page.contains("alert('x')"));
            assert_eq!(page.matches("<script").count(), 1, "only the page's own");
            assert_eq!(page.matches("</script").count(), 1);
            assert_eq!(
                page.matches("color-scheme: dark").count(),
                1,
                "a name is not taken for a placeholder"
            );
            assert!(!page.contains("href=\"javascript:"));
        }
    }
}
