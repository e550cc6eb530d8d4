//! The HTML of the page of `detect`.

use maud::{Markup, html};

use super::super::document::{Document, columns, scroll};
use super::super::page_parts::{computed_on, errors, facts, model_input, model_name, notice, reproduce};
use super::super::pictures::{Inlined, colour_scale, opacity_of_all};
use super::super::results::{ImageResult, Results, ScoredImage};
use super::images::{card, inlined_note, rows};
use crate::words::plural;

const JS: [&str; 2] = [include_str!("../assets/heat.js"), include_str!("../assets/report.js")];

/// Bars of the score histogram.
const BARS: usize = 20;

/// Contents of the page that are not in the results, and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportOptions {
    /// The command line that repeats the run, see [`shell_command`](crate::report::shell_command).
    pub command: String,
    /// When the run was made, in words; empty to leave it out (the page is then the same on every run).
    pub created: String,
    /// Score from which an image is flagged when the page opens. The reader can move it.
    pub threshold: f32,
    /// Where that score comes from: whether and how it was calibrated, in words.
    pub threshold_note: String,
    /// At most this many images are shown with pictures.
    pub max_inline: usize,
    /// At most this many bytes of pictures (as base64) go into the page.
    pub max_inline_bytes: usize,
}

impl Default for ReportOptions {
    /// Threshold 0.5, the 60 most anomalous images, 16 MiB.
    fn default() -> Self {
        Self {
            command: String::new(),
            created: String::new(),
            threshold: 0.5,
            threshold_note: "not calibrated".to_owned(),
            max_inline: 60,
            max_inline_bytes: 16 << 20,
        }
    }
}

/// The page; `kept` are the images with pictures, highest score first.
pub(super) fn render(results: &Results, options: &ReportOptions, kept: &[Inlined]) -> String {
    let threshold = options.threshold;
    let scored: Vec<&ScoredImage> = results.images.iter().filter_map(ImageResult::scored).collect();
    let flagged = scored.iter().filter(|i| i.score >= threshold).count();
    let failed = results.images.iter().filter_map(|image| match image {
        ImageResult::Failed(image) => Some(image),
        ImageResult::Scored(_) => None,
    });
    let main = html! {
        (notice(&results.model))
        section aria-label="Summary" { div.cards { (summary(results, &scored, flagged, threshold)) } }
        (errors(&failed.collect::<Vec<_>>()))
        @if !results.notes.is_empty() {
            section aria-labelledby="notes-title" {
                h2 #notes-title { "Notes" }
                ul { @for note in &results.notes { li { (note) } } }
            }
        }
        section aria-labelledby="table-title" {
            div.bar {
                h2 #table-title { "All images" }
                label.control for="flag" {
                    "Defective from a score of " output #flag-value { (format_args!("{threshold:.2}")) }
                    input #flag type="range" min="0" max="1" step="0.01" value=(format_args!("{threshold:.2}"));
                }
                label.control { "Show " select #show {
                    option value="" { "all" }
                    option value="flag" { "defective" }
                    option value="good" { "good" }
                    @for defect in &results.defects { option value={ "type:" (defect) } { "defective: " (defect) } }
                } }
                p #flag-count.muted aria-live="polite" { (flagged) " of " (scored.len()) " defective" }
            }
            p.muted {
                (format_args!("The run called images defective from a score of {threshold:.3} on, "))
                (options.threshold_note) "."
            }
            (scroll("Table of all images", &table(&rows(results, threshold, kept))))
        }
        section #images aria-labelledby="images-title" {
            div.bar.sticky {
                h2 #images-title { "Pictures" }
                (opacity_of_all())
                button #boxes-all.toggle type="button" aria-pressed="true" { "Boxes" }
            }
            (inlined_note(kept.len(), scored.len()))
            div.gallery {
                @for (pictures, image) in kept.iter().filter_map(|k| Some((k, results.images[k.index].scored()?))) {
                    (card(pictures, image, results, threshold))
                }
            }
        }
        section aria-labelledby="legend-title" { h2 #legend-title { "How to read this" } (legend()) }
        section aria-labelledby="again-title" {
            h2 #again-title { "How to reproduce" }
            (reproduce(&options.command, &results.program, Some(&results.model), &results.settings))
        }
    };
    let document = Document {
        title: &format!("{flagged} of {} of {} defective", plural(scored.len(), "image"), results.object),
        program: &format!("{} {}", results.program.name, results.program.version),
        created: &options.created,
        images: Some("images"),
        scripts: &JS,
        ..Document::default()
    };
    document.html(&about(results), &main)
}

/// What was run: model, adapter, defects, time.
fn about(results: &Results) -> Markup {
    let Results { adapter, model, timing, .. } = results;
    let time = format!("{:.2} s, {:.1} images per second", timing.seconds, timing.images_per_second);
    facts([
        ("Model", model_name(model)),
        ("Model input", model_input(model)),
        ("Method", html! { (results.method) }),
        ("Computed on", computed_on(adapter)),
        ("Defects looked for", html! { (results.defects.join(", ")) }),
        ("Time", html! { (time) }),
    ])
}

/// The summary cards and the histogram of scores.
fn summary(results: &Results, scored: &[&ScoredImage], flagged: usize, threshold: f32) -> Markup {
    let card = |value: &str, label: &str| html! { div.card { b { (value) } span.muted { (label) } } };
    let failed = results.images.len() - scored.len();
    let highest = scored.iter().map(|image| image.score).max_by(f32::total_cmp);
    // The type named most often among the flagged images; of equals the first in the run's order.
    let count =
        |name: &String| scored.iter().filter(|i| i.score >= threshold && i.defect_type == *name).count();
    let common = results.defects.iter().rev().max_by_key(|name| count(name)).filter(|name| count(name) > 0);
    let mut bins = [0_usize; BARS];
    for image in scored {
        bins[((image.score * BARS as f32) as usize).min(BARS - 1)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    html! {
        (card(&flagged.to_string(), "defective"))
        (card(&(scored.len() - flagged).to_string(), "good"))
        @if failed > 0 { (card(&failed.to_string(), "could not be processed")) }
        @if let Some(score) = highest { (card(&format!("{score:.3}"), "highest score")) }
        @if let Some(name) = common {
            (card(name, &format!("most frequent type, {} of {flagged}", count(name))))
        }
        div.card.wide {
            span.muted { "Scores; the highest bar: " (plural(most, "image")) }
            div.hist role="img" aria-label="Histogram of the scores from 0 to 1" {
                @for (i, n) in bins.iter().enumerate() {
                    @let flag = (i as f32 + 0.5) / BARS as f32 >= threshold;
                    @let (from, to) = (i as f32 / BARS as f32, (i + 1) as f32 / BARS as f32);
                    i.flag[flag] style={ "height:" (n * 100 / most) "%" }
                        title=(format_args!("{from:.2} to {to:.2}: {}", plural(*n, "image"))) {}
                }
            }
            div.ends.muted { @for tick in ["0", "0.25", "0.5", "0.75", "1"] { span { (tick) } } }
        }
    }
}

/// The table of all images; a click on a heading sorts it.
fn table(rows: &Markup) -> Markup {
    let button = |key: &str, title: &str| html! { button type="button" data-key=(key) { (title) } };
    html! {
        table #table {
            thead {
                tr {
                    th scope="col" { (button("path", "Image")) }
                    th scope="col" { "Verdict" }
                    th.num scope="col" aria-sort="descending" { (button("score", "Score")) }
                    th scope="col" { (button("type", "Type")) }
                    (columns(&[], &[button("prob", "Probability"), button("boxes", "Boxes")]))
                }
            }
            tbody { (rows) }
        }
    }
}

/// What the numbers and colours mean.
fn legend() -> Markup {
    html! {
        (colour_scale())
        div.ends.muted { span { "0, normal: not coloured" } span { "1, anomalous" } }
        ul.legend {
            li { "The colours mean the same value in every picture, and cover it the more the higher it is." }
            li {
                strong { "Score" } ": how anomalous the whole image is, 0 to 1. The right threshold depends on the part and \
                the camera: choose it on a few images known to be good."
            }
            li {
                strong { "Type" } ": the most likely of the named defects. It is always a defect, also for a low score; read \
                it only where the score says that something is wrong."
            }
            li { strong { "Probability" } ": of that type among normal and all named defects." }
            li { strong { "Boxes" } ": connected regions of the map above a threshold, unless they are too small; notes say so." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results::{Adapter, Model, NORMAL};
    use crate::report::results_file::tests::example;

    fn kept() -> Vec<Inlined> {
        let url = || "data:image/jpeg;base64,AAAA".to_string();
        let class_maps = vec![("hole".to_string(), url())];
        vec![Inlined {
            index: 0,
            score: 0.875,
            size: (64, 48),
            thumbnail: url(),
            heat: url(),
            truth: None,
            class_maps,
            likeness: Vec::new(),
        }]
    }

    #[test]
    fn nothing_is_loaded_from_outside() {
        let page = render(&example(), &ReportOptions::default(), &kept());
        for outside in ["http:", "https:", "src=\"/", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        for part in [
            "llvmpipe",
            "software on the CPU, not a GPU",
            "--model DIR",
            "dapo-wgpu fetch",
            "1 of 1 defective",
        ] {
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
            assert!(!page.contains("<script>alert"));
            assert_eq!(page.matches("<script").count(), 1, "only the page's own");
            assert_eq!(page.matches("</script").count(), 1);
            assert_eq!(page.matches("color-scheme: dark").count(), 1, "a name is only text");
            assert!(!page.contains("href=\"javascript:"));
        }
    }
}
