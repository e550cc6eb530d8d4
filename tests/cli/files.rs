//! Which files commands look at: what is left out is said, and no file stands for another.

use std::fs;

use dapo_wgpu::report::metrics::{Figure, Metrics};
use image::{GrayImage, RgbImage};
use serde_json::Value;

use crate::{Place, common};

const MODEL: [&str; 4] = ["--model", "model", "--defects", "scratch,hole"];

fn json(place: &Place, name: &str) -> Value {
    serde_json::from_slice(&fs::read(place.path(name)).expect("a file")).expect("JSON")
}

fn metrics(place: &Place, out: &str) -> Metrics {
    serde_json::from_value(json(place, &format!("{out}/metrics.json"))).expect("the schema")
}

#[test]
fn what_detect_and_calibrate_leave_out_is_counted_and_said() {
    let place = Place::new();
    for (seed, name) in ["a.png", "face_mask.png", "b.jpg", "b_mask.png"].into_iter().enumerate() {
        place.picture(&format!("in/{name}"), seed as u32);
    }
    place.write("in/c.gif", b"GIF89a");
    place.write("in/d.heic", b"ftyp");
    place.write("in/photo", &place.picture_bytes("a.png"));
    let ran = place.detect(&["in", "--save-maps", "in/a.png"]).succeeds();
    for words in ["c.gif", "d.heic", "in/photo", "b_mask.png", "5 files were left out", "in/a.png"] {
        assert!(ran.stderr.contains(words), "{words:?} in {}", ran.stderr);
    }
    let found = common::results(&place.path("out"));
    assert_eq!(found.images.len(), 3, "face_mask.png is a photo, b_mask.png is not, and a.png counts once");
    let count = |reason: &str| found.left_out[reason].count;
    assert_eq!(["format_not_read", "no_extension", "mask", "repeated"].map(count), [2, 1, 1, 1]);
    let page = fs::read_to_string(place.path("out/report.html")).expect("a page");
    assert!(page.contains("c.gif"), "the page says it, too");

    // The output of a run among the photos is no input of the next, whatever the command.
    place.run(&[&["detect", "in", "--out", "in/out"], &MODEL[..]].concat()).succeeds();
    let again = place.run(&[&["detect", "in", "--out", "again"], &MODEL[..]].concat()).succeeds();
    assert!(again.stderr.contains("output of detect"), "{}", again.stderr);
    let found = common::results(&place.path("again"));
    assert_eq!((found.images.len(), found.left_out["own_output"].count), (3, 3));
    let words = ["calibrate", "--good", "in", "--false-alarms", "0.3", "--out", "alarm.json", "--json"];
    let ran = place.run(&[&words[..], &MODEL].concat()).succeeds();
    let alarm: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(alarm["images"], 3);
    assert!(ran.stderr.contains("c.gif") && ran.stderr.contains("left out of it"), "{}", ran.stderr);
}

/// A data set whose images differ in the extension only, with masks at its right half.
fn place() -> Place {
    let place = Place::new();
    let names = ["good/000.png", "good/000.bmp", "bad/000.png", "bad/001.png", "bad/000.jpg", "bad/001.bmp"];
    for (seed, name) in names.into_iter().enumerate() {
        place.picture(&format!("data/cup/test/{name}"), seed as u32);
    }
    for name in ["000", "001"] {
        let path = place.path(&format!("data/cup/ground_truth/bad/{name}_mask.png"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        let from = if name == "000" { 24 } else { 8 };
        GrayImage::from_fn(48, 40, |x, _| [if x >= from { 255 } else { 0 }].into())
            .save(path)
            .expect("writable");
    }
    place
}

#[test]
fn maps_of_images_with_one_stem_do_not_overwrite_each_other() {
    let place = place();
    let eval = ["eval", "--data", "data", "--model", "model", "--out", "run", "--save-maps"];
    place.run(&eval).succeeds();
    let of = |end: &str| common::files(&place.path("run/maps")).iter().filter(|f| f.ends_with(end)).count();
    assert_eq!(of(".binary.npy"), 6);
    assert!(place.path("run/maps/cup/test/bad/000.jpg.binary.npy").is_file());

    // Scored again, they give the figures of eval: its image scores and its maps.
    let score = |maps: &str, out: &str, more: &[&str]| {
        let words = ["score", "--predictions", maps, "--data", "data", "--exact", "--out", out];
        let ran = place.run(&[&words[..], more].concat()).succeeds();
        (ran, metrics(&place, out))
    };
    let expected = metrics(&place, "run");
    let same = |found: &Metrics, figures: &[Figure]| {
        for figure in figures {
            let bound = expected.mean.bounds.get(figure).copied().unwrap_or(0.0);
            let (found, expected) = (found.mean.values[figure], expected.mean.values[figure]);
            assert!(
                (found - expected).abs() <= bound + 1e-9,
                "{figure:?}: {found}, not {expected} ± {bound}"
            );
        }
    };
    let image = [Figure::ImageAuroc, Figure::ImageAp, Figure::ImageF1Max];
    let pixel = [Figure::PixelAuroc, Figure::PixelAp, Figure::PixelF1Max];
    let (ran, found) = score("run/maps", "scored", &[]);
    assert!(ran.stderr.contains("images.jsonl"), "{}", ran.stderr);
    same(&found, &image);
    same(&found, &pixel);
    // The same maps elsewhere, with the scores named, and those of detect.
    fs::rename(place.path("run/maps"), place.path("elsewhere")).expect("moved");
    let (_, found) = score("elsewhere", "named", &["--scores", "run/images.jsonl"]);
    same(&found, &image);
    same(&found, &pixel);
    let detect =
        ["detect", "data", "--model", "model", "--defects", "bad", "--out", "detected", "--save-maps"];
    place.run(&detect).succeeds();
    let (_, found) = score("detected/maps", "of_detect", &["--scores", "run/images.jsonl"]);
    assert_eq!((found.failed.len(), found.products["cup"].images), (0, 6));

    // A map that could be of several images is of none.
    fs::remove_file(place.path("elsewhere/cup/test/bad/000.jpg.binary.npy")).expect("it was there");
    fs::copy(
        place.path("elsewhere/cup/test/bad/000.png.binary.npy"),
        place.path("elsewhere/cup/test/bad/000.npy"),
    )
    .expect("copied");
    let words = ["score", "--predictions", "elsewhere", "--data", "data", "--out", "no"];
    place.run(&words).fails_with(&["cup/test/bad/000.jpg", "bad/000.jpg.npy"]);
}

#[test]
fn a_data_set_says_what_it_leaves_out() {
    let place = place();
    place.write("data/cup/test/good/x.gif", b"GIF89a");
    place.write("data/cup/test/bad/y.avif", b"ftyp");
    place.write("data/cup/test/good/notes.txt", b"no photo");
    RgbImage::new(4, 4).save(place.path("data/cup/test/good/gas_mask.png")).expect("writable");
    let ran = place.run(&["data", "inspect", "data"]).succeeds();
    for words in ["left_out: 2", "x.gif", "y.avif", "3 good"] {
        assert!(ran.stdout.contains(words), "{words:?} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("notes.txt"), "{}", ran.stdout);
    let ran = place.run(&["eval", "--data", "data", "--model", "model", "--out", "run"]).succeeds();
    assert!(
        ran.stderr.contains("x.gif") && ran.stderr.contains("not evaluated: 2 format_not_read"),
        "{}",
        ran.stderr
    );
    let found = metrics(&place, "run");
    assert_eq!((found.data.images, found.data.left_out["format_not_read"].count), (7, 2));
    assert_eq!(found.data.left_out["format_not_read"].first, ["cup/test/bad/y.avif", "cup/test/good/x.gif"]);

    // Words for good that a user adds, by an option and by a description.
    fs::rename(place.path("data/cup/test/good"), place.path("data/cup/test/gut1")).expect("renamed");
    let ran = place.run(&["data", "inspect", "data", "--good-words", "gut"]).succeeds();
    assert!(ran.stdout.contains("like_good: 1") && ran.stdout.contains("'gut1'"), "{}", ran.stdout);
    let ran = place.run(&["data", "inspect", "data", "--good-words", "fein,gut1"]).succeeds();
    assert!(ran.stdout.contains("3 good") && !ran.stdout.contains("like_good"), "{}", ran.stdout);
    place.write("cups.toml", b"name = \"cups\"\ngood = [\"Gut-1\"]\n[[defects]]\nname = \"bad\"\n");
    let ran = place.run(&["data", "inspect", "data", "--description", "cups.toml"]).succeeds();
    assert!(ran.stdout.contains("3 good, 4 bad"), "{}", ran.stdout);
}
