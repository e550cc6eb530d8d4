//! What `detect` writes.

use std::fs;
use std::path::Path;

use crate::Place;
use crate::common::{self, model::IMAGE_SIZE};

/// Every value of an attribute in a page.
fn attribute<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

/// The page must show without a network: only inlined pictures, links into itself and to files of the
/// run, and, where it names documentation, plain links.
fn assert_self_contained(page: &str) {
    for source in attribute(page, "src") {
        assert!(source.starts_with("data:image/"), "loads {source:.60}");
    }
    for target in attribute(page, "href") {
        let documentation = target.starts_with("https://") && !page.contains("<link");
        assert!(
            target.starts_with('#') || target.starts_with("./") || documentation,
            "links to {target:.60}"
        );
    }
    for loading in
        ["@import", "url(http", "url(//", "<link", "<iframe", "srcset=", "fetch(", "XMLHttpRequest"]
    {
        assert!(!page.contains(loading), "{loading}");
    }
}

#[test]
fn a_run_leaves_results_overlays_maps_and_a_page() {
    let place = Place::new();
    let sizes =
        [("a.png", (48, 40)), ("b.jpg", (33, 70)), ("sub/c.bmp", (64, 64)), ("large.png", (1700, 40))];
    for (seed, (name, size)) in sizes.into_iter().enumerate() {
        common::save_picture(&place.path("in"), name, size, seed as u32);
    }
    let defects = "scratch,hole,faulty imprint";
    // The tiny model knows nothing, so the low threshold is what makes boxes.
    let words = ["in", "--save-maps", "--json", "--object", "metal nut", "--threshold", "0.3"];
    let run = place.detect(&[&words[..], &["--defects", defects]].concat()).succeeds();
    let out = place.path("out");
    common::assert_whole(&out);
    let results = common::results(&out);

    // Standard output is the same JSON and nothing else.
    let printed: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON on standard output");
    let saved: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("results.json")).expect("results")).expect("JSON");
    assert_eq!(printed, saved);
    assert_eq!(saved["schema"], "dapo-wgpu/results/1");
    assert_eq!(saved["method"], "clip");
    assert_eq!(saved["settings"]["interrupted"], false);
    assert_eq!((results.object.as_str(), results.defects.join(",").as_str()), ("metal nut", defects));
    assert!(!results.model.demonstration && results.model.name == "model");
    assert_eq!(results.model.image_size as usize, IMAGE_SIZE);

    assert_eq!(results.images.len(), sizes.len());
    let mut boxes = 0;
    for image in results.images.iter().map(|i| i.scored().expect("scored")) {
        let (_, size) = sizes.iter().find(|(name, _)| image.path.ends_with(name)).expect("an input");
        assert_eq!((image.width, image.height), *size);
        boxes += image.boxes.len();
        check_overlay(&out.join(image.overlay.as_ref().expect("an overlay")), *size);
        let maps = image.maps.as_ref().expect("maps");
        let multi = out.join(maps.multi.as_ref().expect("a map per class"));
        check_maps(&out.join(maps.binary.as_ref().expect("a map")), &multi, results.defects.len());
    }
    assert!(boxes > 0, "no box at all tests nothing");

    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    assert_self_contained(&page);
    assert!(page.contains(&results.adapter.name) && page.contains("metal nut"));
    // The adapter is called what it is.
    let software = results.adapter.kind == "cpu (software)";
    assert_eq!(results.adapter.software, software);
    assert_eq!(page.contains("software"), software);
    if software {
        let said = [page.replace("not a GPU", ""), run.stderr, saved.to_string()].concat();
        assert!(!said.contains("GPU"), "a software device is called a GPU");
    }
}

fn check_overlay(path: &Path, (width, height): (u32, u32)) {
    let overlay = image::open(path).expect("a PNG");
    // The original's size, but for display: no side above 1600, rounded up.
    let longest = width.max(height);
    let side = |n: u32| if longest > 1600 { (n * 1600).div_ceil(longest) } else { n };
    assert_eq!((overlay.width(), overlay.height()), (side(width), side(height)), "{}", path.display());
}

fn check_maps(binary: &Path, multi: &Path, defects: usize) {
    let (shape, binary) = common::map(binary);
    assert_eq!(shape, [IMAGE_SIZE, IMAGE_SIZE]);
    let (shape, multi) = common::map(multi);
    assert_eq!(shape, [defects + 1, IMAGE_SIZE, IMAGE_SIZE]);
    let area = IMAGE_SIZE * IMAGE_SIZE;
    for (pixel, &anomalous) in binary.iter().enumerate() {
        let normal = multi[pixel];
        let sum: f32 = (0..=defects).map(|class| multi[class * area + pixel]).sum();
        // Up-sampling weighs softmax outputs; a handful of float32 roundings.
        assert!((sum - 1.0).abs() < 1e-5, "pixel {pixel}: classes sum to {sum}");
        assert!(
            (0.0..=1.0).contains(&anomalous) && (anomalous - (1.0 - normal)).abs() < 1e-6,
            "pixel {pixel}"
        );
    }
}

#[test]
fn the_same_command_gives_the_same_results() {
    let place = Place::new();
    for seed in 0..5 {
        place.picture(&format!("in/{seed}.png"), seed);
    }
    let out = place.path("out");
    place.detect(&["in", "--save-maps", "--batch", "2"]).succeeds();
    let (first, files) = (common::timeless(&out), common::files(&out));
    let contents = |name: &str| fs::read(out.join(name)).expect("a file");
    let maps: Vec<_> = files.iter().filter(|n| !n.contains("re")).map(|n| contents(n)).collect();
    // Over the old files, which are replaced.
    place.detect(&["in", "--save-maps", "--batch", "2"]).succeeds();
    assert_eq!(common::timeless(&out), first);
    assert_eq!(common::files(&out), files, "and no file more");
    assert_eq!(files.iter().filter(|n| !n.contains("re")).map(|n| contents(n)).collect::<Vec<_>>(), maps);
    assert_eq!(maps.len(), 15, "an overlay and two maps an image");
}

#[test]
fn scores_do_not_depend_on_the_batch() {
    let place = Place::new();
    for seed in 0..5 {
        place.picture(&format!("in/{seed}.png"), seed * 3);
    }
    let scores = |words: &[&str]| {
        place.detect(words).succeeds();
        let results = common::results(&place.path("out"));
        let all = results.images.iter().map(|i| i.scored().expect("scored").clone());
        all.map(|image| (image.score, image.defect_type, image.probabilities)).collect::<Vec<_>>()
    };
    let together = scores(&["in", "--batch", "8"]);
    let in_twos = scores(&["in", "--batch", "2"]);
    for seed in 0..5 {
        let alone = scores(&[&format!("in/{seed}.png")]);
        for other in [&together[seed], &in_twos[seed]] {
            assert!((alone[0].0 - other.0).abs() < 1e-5, "image {seed}: {} and {}", alone[0].0, other.0);
            assert_eq!(alone[0].1, other.1);
            for (name, p) in &alone[0].2 {
                assert!((p - other.2[name]).abs() < 1e-5, "image {seed}, {name}");
            }
        }
    }
    let spread =
        together.iter().map(|s| s.0).fold(0.0, f32::max) - together.iter().map(|s| s.0).fold(1.0, f32::min);
    assert!(spread > 1e-3, "images that all score alike test nothing");
}

#[test]
fn the_embedded_model_works_without_any_option_and_says_what_it_is() {
    let place = Place::new();
    common::save_picture(&place.path(""), "nut.png", (200, 160), 2);
    let run = place.run(&["detect", "nut.png", "--out", "out"]).succeeds();
    assert!(run.stderr.contains("demonstration model") && run.stderr.contains("fetch"), "{}", run.stderr);
    assert!(run.stdout.contains("nut.png"));
    let out = place.path("out");
    common::assert_whole(&out);
    assert_eq!(common::files(&out), ["overlays/nut.png", "report.html", "results.json"]);
    let results = common::results(&out);
    assert!(results.model.demonstration);
    assert_eq!(results.model.path, "", "the documented value for the embedded model");
    assert_eq!(results.object, "object");
    assert!(results.defects.len() >= 5, "a general list");
    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("Demonstration model"));
    assert_self_contained(&page);
}

#[test]
fn overlays_can_be_left_out() {
    let place = Place::new();
    place.picture("a.png", 1);
    place.detect(&["a.png", "--no-overlays"]).succeeds();
    assert_eq!(common::files(&place.path("out")), ["report.html", "results.json"]);
    let results = common::results(&place.path("out"));
    let image = results.images[0].scored().expect("scored");
    assert!(image.overlay.is_none() && image.maps.is_none());
}
