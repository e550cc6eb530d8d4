use std::collections::BTreeMap;

use image::{Rgb, RgbImage};

use super::*;
use crate::report::metrics::{Confusion, DataAbout, Figure, Figures, ProductMetrics, SCHEMA, TypeFigures};
use crate::report::outline;
use crate::report::results::{Adapter, FailedImage, Model, Program};

fn figures(image_auroc: f64, aupro: Option<f64>) -> Figures {
    let mut figures = Figures {
        values: Figure::ALL.into_iter().map(|figure| (figure, 0.5)).collect(),
        bounds: BTreeMap::from([(Figure::PixelAp, 0.000_025)]),
        intervals: BTreeMap::from([(Figure::ImageAuroc, [image_auroc - 0.0625, image_auroc + 0.03125])]),
        ..Figures::default()
    };
    figures.values.insert(Figure::ImageAuroc, image_auroc);
    match aupro {
        Some(value) => {
            figures.values.insert(Figure::Aupro, value);
        }
        None => {
            figures.values.remove(&Figure::Aupro);
            figures.undefined.insert(Figure::Aupro, "no image has a mask".into());
        }
    }
    figures
}

/// Two products of MVTec-AD; one of them has no AUPRO, and one image failed.
pub(in crate::report) fn metrics() -> Metrics {
    let confusion =
        Confusion { names: vec!["normal".into(), "broken".into()], counts: vec![vec![1, 1], vec![1, 2]] };
    let types = |support| TypeFigures { auroc: Some(0.9375), ap: None, f1: Some(0.25), support };
    let bottle = ProductMetrics {
        figures: figures(0.875, Some(0.625)),
        images: 5,
        defective: 3,
        types: BTreeMap::from([("broken".into(), types(1234))]),
        image_confusion: Some(confusion),
        ..ProductMetrics::default()
    };
    let cable = ProductMetrics {
        figures: figures(0.75, None),
        images: 4,
        defective: 2,
        without_mask: 2,
        ..ProductMetrics::default()
    };
    Metrics {
        schema: SCHEMA.into(),
        program: Program { name: "dapo-wgpu".into(), version: "0.1.0".into() },
        method: "clip".into(),
        data: DataAbout {
            name: "MVTec".into(),
            layout: "mvtec".into(),
            images: 10,
            list_sha256: "abc".into(),
            ..DataAbout::default()
        },
        model: Some(Model {
            name: "tiny".into(),
            path: "models/tiny".into(),
            image_size: 128,
            patch_size: 8,
            embed_dim: 128,
            precision: "f32".into(),
            demonstration: false,
            weights_sha256: Some("def".into()),
        }),
        adapter: Some(Adapter {
            name: "llvmpipe".into(),
            backend: "vulkan".into(),
            kind: "cpu (software)".into(),
            driver: "Mesa".into(),
            software: true,
        }),
        defects: vec!["broken".into()],
        settings: BTreeMap::from([("seed".into(), 7.into())]),
        mean: figures(0.8125, Some(0.625)),
        products: BTreeMap::from([("bottle".into(), bottle), ("cable".into(), cable)]),
        types: BTreeMap::from([("broken".into(), types(1))]),
        failed: vec![FailedImage { path: "x.png".into(), error: "not an image".into(), hint: "".into() }],
        notes: vec!["a note".into()],
    }
}

fn record(index: usize, score: f32, defective: bool) -> ImageRecord {
    ImageRecord {
        index,
        path: format!("{index}.png"),
        product: if index.is_multiple_of(2) { "bottle" } else { "cable" }.into(),
        truth: defective.then(|| "broken".into()),
        score: Some(score),
        predicted: Some("broken".into()),
        error: None,
        remarks: Vec::new(),
        content: None,
        notes: Vec::new(),
    }
}

fn pictures(side: u32) -> ReportImage {
    let picture = RgbImage::from_fn(side, side, |x, y| Rgb([(x * 37 + y * 11) as u8, y as u8, 90]));
    ReportImage {
        heat: image::RgbaImage::from_pixel(side, side, image::Rgba([90, 0, 0, 90])),
        class_maps: vec![("broken".into(), picture.clone())],
        thumbnail: picture,
        truth: Some(outline(&[false, true, false, false], 2, side, side)),
        likeness: Vec::new(),
    }
}

/// Nine images: good ones score 0.1, 0.2, 0.6, 0.45; defective ones 0.9, 0.8, 0.3, 0.55, 0.7.
fn records() -> Vec<ImageRecord> {
    let good = [0.1, 0.2, 0.6, 0.45].map(|score| (score, false));
    let defective = [0.9, 0.8, 0.3, 0.55, 0.7].map(|score| (score, true));
    good.into_iter().chain(defective).enumerate().map(|(i, (score, truth))| record(i, score, truth)).collect()
}

fn page_of<'a>(options: EvaluationOptions, records: impl Iterator<Item = &'a ImageRecord>) -> EvaluationPage {
    let mut page = EvaluationPage::new(options);
    for record in records {
        let picture = page.would_keep(record).then(|| pictures(40));
        page.push(record, picture.as_ref()).expect("push");
    }
    page
}

fn kept(page: &EvaluationPage) -> [Vec<usize>; 4] {
    page.galleries.each_ref().map(Gallery::indices)
}

#[test]
fn galleries_hold_the_right_images_in_any_order() {
    let options = EvaluationOptions { max_inline: 2, ..EvaluationOptions::default() };
    let records = records();
    let page = page_of(options.clone(), records.iter());
    // False alarms, misses, nearest 0.5 (0.45 before 0.55: 0.05 each up to rounding), best.
    let [alarms, misses, mut uncertain, best] = kept(&page);
    uncertain.sort_unstable();
    assert_eq!((alarms, misses, uncertain, best), (vec![2, 3], vec![6, 7], vec![3, 7], vec![4, 5]));
    let html = page.html(&metrics());
    let again = page_of(options, records.iter().rev()).html(&metrics());
    assert!(html == again, "the order of the images must not matter");
    for id in [2, 3, 4, 5, 6, 7] {
        assert_eq!(html.matches(&format!("id=\"image-{id}\"")).count(), 1, "each image once: {id}");
    }
    assert!(html.contains("<li><a href=\"#image-3\">3.png</a> 0.450</li>"), "a second place is a link");
    let seen = "alt=\"4.png: broken, score 0.900, the true mask outlined\"";
    assert!(html.contains(seen), "what is seen is said");
}

#[test]
fn bytes_are_limited_and_the_best_stay_in_any_order() {
    let records = records();
    let mut one = EvaluationPage::new(EvaluationOptions::default());
    one.push(&records[0], Some(&pictures(40))).expect("push");
    let html = one.html(&metrics());
    let bytes: usize = html.split("src=\"data:").skip(1).map(|s| 5 + s.find('"').expect("an end")).sum();
    let options = EvaluationOptions { max_inline_bytes: 4 * 2 * bytes, ..EvaluationOptions::default() };
    let page = page_of(options.clone(), records.iter());
    assert_eq!(kept(&page)[3], [4, 5]);
    assert_eq!(kept(&page), kept(&page_of(options, records.iter().rev())));
    assert!(!page.would_keep(&record(9, 0.15, false)), "no better than what was dropped");
    assert!(page.would_keep(&record(9, 0.95, true)));
    let none = page_of(EvaluationOptions { max_inline: 0, ..EvaluationOptions::default() }, records.iter());
    assert!(!none.would_keep(&records[0]) && none.html(&metrics()).contains("No pictures."));
}

#[test]
fn the_figures_are_those_of_the_metrics() {
    let html = page_of(EvaluationOptions::default(), records().iter()).html(&metrics());
    for part in [
        "<td class=\"num\">87.5<small>81.2–90.6</small></td>",
        "<td class=\"num\">81.2<small>75.0–84.4</small></td>",
        "title=\"streamed: the exact value lies within 0.0025 of it\">50.0<",
        "<li id=\"note-1\">no image has a mask</li>",
        "<b>62.5</b><span class=\"muted\">mean AUPRO</span>",
        "published, not measured here",
        "<th scope=\"row\">AnomalyCLIP</th><td class=\"source\">published [a]</td><td class=\"num\">91.6</td>",
        "2 products instead of 15, 10 images instead of 1725",
        "trained on VisA and tested on MVTec-AD",
        "software on the CPU, not a GPU",
        "2 defective images: in image figures only",
        "not an image",
        "SHA-256 of the weights <code>def</code>",
        "<code>abc</code>",
        "<li>a note</li>",
        "seed = 7",
        // Nine images at 0.5: one of four good ones is flagged, one of five defective ones is not.
        "<tr><th scope=\"row\">all products together</th><td class=\"num\">4</td><td class=\"num\">5</td>\
         <td class=\"num\">1</td><td class=\"num\">1</td><td class=\"num\">80.0</td><td class=\"num\">80.0</td></tr>",
        // 0.9, 0.8 and 0.7 beat all four, 0.55 three, 0.3 two: 17 of 20 pairs.
        "AUROC 85.0",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert_eq!(html.matches("href=\"#note-1\"").count(), 1, "cable has no AUPRO");
    assert!(!html.contains("Demonstration model"));
    let elsewhere = {
        let mut metrics = metrics();
        metrics.data.name = "my parts".into();
        metrics
    };
    assert!(!EvaluationPage::new(EvaluationOptions::default()).html(&elsewhere).contains("published"));
}

#[test]
fn maps_of_another_program_and_scores_of_any_size() {
    let mut metrics = metrics();
    (metrics.model, metrics.adapter) = (None, None);
    let mut page = EvaluationPage::new(EvaluationOptions { threshold: 30.0, ..EvaluationOptions::default() });
    for (i, score) in [-12.5, 40.0, 80.0, f32::NAN].into_iter().enumerate() {
        page.push(&record(2 * i, score, i > 0), None).expect("push");
    }
    page.push(&ImageRecord { score: None, error: Some("bad".into()), ..record(9, 0.0, true) }, None)
        .expect("push");
    let html = page.html(&metrics);
    assert!(html.contains("another program's maps"));
    assert!(
        html.contains("<td class=\"num\">1</td><td class=\"num\">2</td>"),
        "neither the NaN nor the failed one"
    );
    assert!(html.contains("No ROC and no precision-recall curve: there is no score."), "cable has none");
    assert!(!html.contains("NaN"));
}

#[test]
fn charts_stay_inside_and_nothing_is_loaded() {
    let html = page_of(EvaluationOptions::default(), records().iter()).html(&metrics());
    for outside in ["http:", "https:", "src=\"/", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert_eq!(html.matches("<svg").count(), 9, "three charts for all, bottle and cable");
    for path in html.split("class=\"curve\" d=\"M").skip(1) {
        let path = &path[..path.find('"').expect("an end")];
        for number in path.split([' ', 'L', 'H', 'V']) {
            let value: f64 = number.parse().expect("a number");
            assert!((0.0..=360.0).contains(&value), "{value}");
        }
    }
}

#[test]
fn user_text_cannot_become_markup() {
    const EVIL: &str = r#"<script>alert('x')</script>"'&{{css}}"#;
    let mut metrics = metrics();
    metrics.method = EVIL.into();
    metrics.data = DataAbout {
        name: EVIL.into(),
        layout: EVIL.into(),
        images: 1,
        list_sha256: EVIL.into(),
        ..DataAbout::default()
    };
    metrics.program = Program { name: EVIL.into(), version: EVIL.into() };
    metrics.defects = vec![EVIL.into()];
    metrics.notes = vec![EVIL.into()];
    metrics.settings.insert(EVIL.into(), EVIL.into());
    metrics.failed = vec![FailedImage { path: EVIL.into(), error: EVIL.into(), hint: EVIL.into() }];
    metrics.types = BTreeMap::from([(EVIL.into(), TypeFigures::default())]);
    let mut product = metrics.products["bottle"].clone();
    product.figures.values.clear();
    product.figures.undefined = BTreeMap::from([(Figure::Aupro, EVIL.into())]);
    product.types = metrics.types.clone();
    product.image_confusion = Some(Confusion { names: vec![EVIL.into()], counts: vec![vec![1]] });
    metrics.products = BTreeMap::from([(EVIL.into(), product)]);
    let options =
        EvaluationOptions { command: EVIL.into(), created: EVIL.into(), ..EvaluationOptions::default() };
    let mut page = EvaluationPage::new(options);
    let mut picture = pictures(20);
    picture.class_maps[0].0 = EVIL.into();
    let evil = ImageRecord {
        path: EVIL.into(),
        product: EVIL.into(),
        truth: Some(EVIL.into()),
        predicted: Some(EVIL.into()),
        ..record(0, 0.5, true)
    };
    page.push(&evil, Some(&picture)).expect("push");
    page.push(&ImageRecord { index: 1, truth: None, ..evil }, Some(&picture)).expect("push");
    for name in [EVIL, "visa"] {
        metrics.data.name = name.into();
        let html = page.html(&metrics);
        assert!(!html.contains("<script>alert"));
        assert_eq!(html.matches("<script").count(), 2, "the page's own: data and program");
        assert_eq!(html.matches("</script").count(), 2);
        assert_eq!(html.matches("color-scheme: dark").count(), 1, "a name is only text");
    }
}

#[test]
fn pictures_without_pixels_are_an_error_and_a_page_is_written_whole() {
    let mut page = EvaluationPage::new(EvaluationOptions::default());
    let empty = ReportImage { thumbnail: RgbImage::new(0, 0), ..pictures(4) };
    let error = page.push(&record(0, 0.5, true), Some(&empty));
    assert!(matches!(error, Err(ReportError::Encode { .. })));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    page.write(&metrics(), &path).expect("write");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), page.html(&metrics()));
    assert!(matches!(page.write(&metrics(), folder.path().join("no/x.html")), Err(ReportError::Write(_))));
}
