//! Photos of good parts to compare with.

use std::path::Path;

use image::{Rgb, RgbImage};

use crate::Place;
use crate::common;
use dapo_wgpu::report::Results;
use dapo_wgpu::report::results::ScoredImage;

/// A photo of brushed metal, 160 × 160, another one for each seed, with a dark scratch where one is wanted.
fn photo(path: &Path, seed: u32, scratch: bool) {
    let noise = |x: u32, y: u32| {
        let mixed = (x ^ seed.wrapping_mul(97)).wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663);
        mixed.wrapping_mul(2_654_435_761) >> 27
    };
    let image = RgbImage::from_fn(160, 160, |x, y| {
        let dark = scratch && (100..110).contains(&x) && (30..90).contains(&y);
        let shade = if dark { 20 } else { 120 + noise(x / 8, y) as u8 };
        Rgb([shade; 3])
    });
    image.save(path).expect("a photo");
}

/// A place with `in/bad.png`, `in/fine.png` and good photos in `good`.
fn place(good: u32) -> Place {
    let place = Place::new();
    for folder in ["in", "good"] {
        std::fs::create_dir(place.path(folder)).expect("a folder");
    }
    photo(&place.path("in/bad.png"), 1000, true);
    photo(&place.path("in/fine.png"), 1001, false);
    (0..good).for_each(|n| photo(&place.path(&format!("good/{n}.png")), n, false));
    place
}

const DETECT: [&str; 8] =
    ["detect", "in", "--object", "metal plate", "--defects", "scratch,hole", "--out", "out"];

fn detect(place: &Place, more: &[&str]) -> (common::Run, Results) {
    let run = place.run(&[&DETECT, more].concat()).succeeds();
    (run, common::results(&place.path("out")))
}

fn named<'r>(results: &'r Results, name: &str) -> &'r ScoredImage {
    let found =
        results.images.iter().filter_map(|image| image.scored()).find(|image| image.path.ends_with(name));
    found.expect("a result")
}

#[test]
fn a_scratch_is_unlike_the_good_photos_and_looks_like_a_place_in_one() {
    for good in [1, 4] {
        let place = place(good);
        let (run, results) = detect(&place, &["--good", "good"]);
        assert!(run.stderr.contains(&format!("patches of {good} good photo")), "{}", run.stderr);
        assert_eq!(results.settings["good_photos"], good);
        let (bad, fine) = (named(&results, "bad.png"), named(&results, "fine.png"));
        let (far, near) = (bad.evidence.expect("evidence"), fine.evidence.expect("evidence"));
        assert!(far.distance > 0.9 && near.distance < 0.5, "{good}: {far:?} {near:?}");
        assert!(bad.score > fine.score);
        let middle = bad.boxes.iter().find(|b| b.x <= 104 && 104 < b.x + b.width && b.y <= 60);
        let nearest = middle.and_then(|found| found.nearest.as_ref()).expect("a box on the scratch");
        assert!(nearest.photo.contains("good") && nearest.distance > 1.5, "{nearest:?}");
        assert!(nearest.x + nearest.width <= 160 && nearest.y + nearest.height <= 160);
        let page = std::fs::read_to_string(place.path("out/report.html")).expect("a page");
        assert!(page.contains("distance from the good photos alone") && page.contains("looks like"));
        assert!(page.contains("This looks like that") && page.contains("The place of a good photo"));
    }
}

#[test]
fn copies_broken_files_and_defective_ones_among_the_good_photos_are_said() {
    let place = place(4);
    std::fs::copy(place.path("good/0.png"), place.path("good/copy.png")).expect("a copy");
    std::fs::write(place.path("good/broken.png"), b"no image").expect("a file");
    photo(&place.path("good/worn.png"), 77, true);
    let (run, results) = detect(&place, &["--good", "good"]);
    assert!(run.stderr.contains("patches of 5 good photos"), "{}", run.stderr);
    let said = results.notes.join("\n");
    for words in
        ["copy.png is a copy of another one", "a good photo is not used", "worn.png is unlike the others"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn good_photos_that_cannot_be_used_are_refused() {
    let place = place(0);
    std::fs::write(place.path("good/broken.png"), b"no image").expect("a file");
    let run = place.run(&[&DETECT[..], &["--good", "good"]].concat());
    run.fails_with(&["none of the 1 good photo"]);
    let run = place.run(&[&DETECT[..], &["--good", "nowhere"]].concat());
    run.fails_with(&["nowhere"]);
    assert!(!place.path("out/results.json").exists());
}

#[test]
fn a_threshold_knows_its_references_and_no_photo_is_both() {
    let place = place(30);
    let references = ["good/0.png", "good/1.png"].map(|name| place.path(name));
    for (at, from) in references.iter().enumerate() {
        std::fs::create_dir_all(place.path("refs")).expect("a folder");
        std::fs::copy(from, place.path(&format!("refs/{at}.png"))).expect("a copy");
    }
    let calibrate = ["calibrate", "--good", "good", "--references", "refs", "--false-alarms", "0.1"];
    let calibrate =
        [&calibrate[..], &["--object", "metal plate", "--defects", "scratch,hole", "--out", "a.json"]];
    let calibrate = calibrate.concat();
    place.run(&calibrate).fails_with(&["is the same photo as"]);
    references.iter().for_each(|file| std::fs::remove_file(file).expect("removed"));
    place.run(&calibrate).succeeds();
    detect(&place, &["--good", "refs", "--calibration", "a.json"]);
    let run = place.run(&[&DETECT[..], &["--calibration", "a.json"]].concat());
    run.fails_with(&["set of good photos"]);
    // Tiles of the good photos count in what is usual.
    let tiles = ["--good", "refs", "--calibration", "a.json", "--tile", "64"];
    place.run(&[&DETECT[..], &tiles].concat()).fails_with(&["set of good photos"]);
}

#[test]
fn names_of_good_photos_change_nothing_and_options_without_them_are_refused() {
    let place = place(5);
    let scores = || {
        let (_, results) = detect(&place, &["--good", "good", "--bank-size", "200"]);
        std::fs::remove_dir_all(place.path("out")).expect("the output");
        ["bad.png", "fine.png"].map(|name| named(&results, name).score)
    };
    let before = scores();
    for n in 0..5 {
        let renamed = place.path(&format!("good/z{}.png", 9 - n));
        std::fs::rename(place.path(&format!("good/{n}.png")), renamed).expect("renamed");
    }
    assert_eq!(before, scores());
    for option in [&["--turned"][..], &["--bank-f16"], &["--bank-size", "200"]] {
        place.run(&[&DETECT[..], option].concat()).fails_with(&[option[0], "--good"]);
    }
}
