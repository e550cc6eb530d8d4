//! `data inspect`, and what `train` makes of other layouts.

use std::fs;

use image::{GrayImage, RgbImage};
use serde_json::Value;

use crate::Place;

/// A data set of folders: two good images, one bad one with and one without a mask.
fn place() -> Place {
    let place = Place::new();
    for (i, name) in ["good/0.png", "good/1.png", "bad/2.JPG", "bad/3 ü.png"].into_iter().enumerate() {
        let path = place.path("set").join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        RgbImage::from_pixel(8, 6, [i as u8 * 40, 9, 9].into()).save(path).expect("writable");
    }
    fs::create_dir_all(place.path("set/masks/bad")).expect("writable");
    GrayImage::from_pixel(8, 6, [255].into()).save(place.path("set/masks/bad/2.png")).expect("writable");
    place
}

#[test]
fn inspect_says_what_there_is_and_what_is_wrong() {
    let place = place();
    let ran = place.run(&["data", "inspect", "set"]).succeeds();
    for words in [
        "layout folders",
        "2 good, 2 bad (damage)",
        "8x6 (4)",
        "4 images, 2 defective",
        "no_mask: 1",
        "3 ü.png",
    ] {
        assert!(ran.stdout.contains(words), "{words:?} in {ran:#?}");
    }
    let ran = place.run(&["data", "inspect", "set", "--json", "--layout", "folders"]).succeeds();
    let found: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&found["schema"], &found["readable"]), (&"dapo-wgpu/data/1".into(), &4.into()));
    assert_eq!(found["totals"], serde_json::json!({"images": 4, "defective": 2}));
    assert_eq!(found["problems"][0]["kind"], "no_mask");
    assert_eq!(found["products"]["set"]["defects"]["bad"]["images"], 2);
}

#[test]
fn what_cannot_be_used_is_refused() {
    let place = place();
    place.run(&["data", "inspect", "/nonexistent"]).fails_with(&["/nonexistent", "no such file or folder"]);
    place
        .run(&["data", "inspect", "set", "--layout", "voc"])
        .fails_with(&["'voc'", "real-iad", "folders", "coco"]);
    place.run(&["data", "inspect", "set", "--layout", "visa"]).fails_with(&[
        "set",
        "layout visa",
        "no image",
    ]);
    let words = ["data", "inspect", "set", "--description", "none.toml"];
    place.run(&words).fails_with(&["none.toml", "built-in", "mvtec"]);
    place.write("broken/good/0.png", b"no image");
    place.run(&["data", "inspect", "broken"]).fails_with(&["broken", "none of 1 image", "0.png"]);
}

#[test]
fn training_takes_other_layouts_and_refuses_missing_masks() {
    let place = place();
    let words =
        ["train", "--data", "set", "--model", "model", "--out", "run", "--steps", "1", "--batch", "2"];
    place.run(&words).fails_with(&["3 ü.png", "'bad'", "no mask", "masks"]);
    fs::remove_file(place.path("set/bad/3 ü.png")).expect("there");
    fs::create_dir(place.path("set/notes")).expect("writable");
    let ran = place.run(&words).succeeds();
    assert!(ran.stderr.contains("note: ") && ran.stderr.contains("notes: left out"), "{ran:#?}");
    assert!(place.path("run/learner.safetensors").is_file());
}
