//! Parts: taught once, inspected without further options.

use serde_json::Value;

use crate::Place;
use crate::common::{self, timeless};

/// A place with `count` different good photos and two to be inspected.
fn place(count: u32) -> Place {
    let place = Place::new();
    (0..count).for_each(|n| place.picture(&format!("good/{n}.png"), n));
    (0..2).for_each(|n| place.picture(&format!("in/{n}.png"), 90 + n));
    place
}

#[test]
fn a_photo_named_as_output_stays() {
    let place = place(3);
    let before = std::fs::read(place.path("good/0.png")).expect("the photo");
    for verb in ["teach", "calibrate"] {
        let run = place.run(&[verb, "--good", "good", "--out", "good/0.png", "--false-alarms", "0.6"]);
        run.fails_with(&["good/0.png", "not of dapo-wgpu", "--out"]);
    }
    assert!(before == std::fs::read(place.path("good/0.png")).expect("the photo"));
    // Its own files are replaced.
    for (verb, out) in [("teach", "part.safetensors"), ("calibrate", "alarm.json")] {
        for _ in 0..2 {
            place.run(&[verb, "--good", "good", "--out", out, "--false-alarms", "0.6"]).succeeds();
        }
    }
}

const NAMES: [&str; 4] = ["--object", "metal nut", "--defects", "scratch,bent"];

#[test]
fn a_part_gives_the_results_of_the_options_that_it_was_taught_with() {
    let place = place(3);
    let tile = ["--tile", "24", "--bits", "12"];
    let teach = [&["teach", "--good", "good", "--out", "nut.safetensors"], &NAMES[..], &tile].concat();
    let run = place.run(&teach).succeeds();
    assert!(
        run.stderr.contains("learned from 3 photos") && run.stderr.contains("--part nut.safetensors"),
        "{run:#?}"
    );
    let detect = |words: &[&str]| {
        place.run(&[&["detect", "in", "--out", "out", "--save-maps"], words].concat()).succeeds();
        let mut results = timeless(&place.path("out"));
        results["settings"].as_object_mut().expect("settings").remove("command");
        let map = std::fs::read(place.path("out/maps/0.binary.npy")).expect("a map");
        std::fs::remove_dir_all(place.path("out")).expect("the output");
        (results, map)
    };
    let taught = detect(&["--part", "nut.safetensors"]);
    assert_eq!(taught, detect(&[&["--good", "good"], &NAMES[..], &tile].concat()));
    // The photos need not be there any more; a file that was watched has the same scores.
    std::fs::remove_dir_all(place.path("good")).expect("the photos");
    assert_eq!(taught, detect(&["--part", "nut.safetensors"]));
    place
        .run(&[
            "watch",
            "in",
            "--out",
            "w.jsonl",
            "--part",
            "nut.safetensors",
            "--every",
            "10",
            "--idle",
            "0.05",
        ])
        .succeeds();
    let lines = std::fs::read_to_string(place.path("w.jsonl")).expect("lines");
    let last: Value = serde_json::from_str(lines.lines().nth(1).expect("a photo")).expect("JSON");
    let image = |results: &Value| results["images"][0]["score"].as_f64().expect("a score");
    assert!((last["score"].as_f64().expect("a score") - image(&taught.0)).abs() < 1e-6, "{last}");
    for more in [&["--good", "in"][..], &["--object", "cup"], &["--tile", "32"], &["--bits", "8"]] {
        let run = place.run(&[&["detect", "in", "--out", "out", "--part", "nut.safetensors"], more].concat());
        assert_eq!(run.code, Some(2), "{more:?}: {run:#?}");
    }
}

#[test]
fn a_threshold_is_found_with_photos_that_are_no_references() {
    let place = place(12);
    let teach =
        [&["teach", "--good", "good", "--false-alarms", "0.2", "--out", "nut.safetensors"], &NAMES[..]]
            .concat();
    let run = place.run(&teach).succeeds();
    assert!(
        run.stderr.contains("learned from 6 photos") && run.stderr.contains("found with 6 others"),
        "{run:#?}"
    );
    let run = place.run(&["detect", "in", "--out", "out", "--part", "nut.safetensors", "--json"]).succeeds();
    let settings = common::results(&place.path("out")).settings;
    assert_eq!(settings["good_photos"], 6, "{run:#?}");
    assert!(settings["alarm_threshold"].as_f64().is_some_and(|threshold| threshold != 0.5), "{settings:?}");
    let few = [&["teach", "--good", "good", "--false-alarms", "0.01", "--out", "b.safetensors"], &NAMES[..]]
        .concat();
    place.run(&few).fails_with(&["12 different photos", "99 calibrate"]);
    assert!(!place.path("b.safetensors").exists());
}

#[test]
fn files_that_are_no_part_and_other_models_are_named() {
    let place = place(2);
    let part = |file: &str, more: &[&str]| {
        place.run(&[&["detect", "in", "--out", "out", "--part", file], more].concat())
    };
    part("none.safetensors", &[]).fails_with(&["none.safetensors"]);
    place.write("text.safetensors", b"no part");
    part("text.safetensors", &[]).fails_with(&["text.safetensors", "not a part", "teach"]);
    place.run(&["teach", "--good", "good", "--out", "a.safetensors", "--model", "model"]).succeeds();
    part("a.safetensors", &[]).succeeds();
    let bytes = std::fs::read(place.path("a.safetensors")).expect("a part");
    place.write("cut.safetensors", &bytes[..bytes.len() / 2]);
    part("cut.safetensors", &[]).fails_with(&["cut.safetensors", "not a part"]);
    std::fs::rename(place.path("model"), place.path("moved")).expect("a folder");
    part("a.safetensors", &[]).fails_with(&["model"]);
    part("a.safetensors", &["--model", "moved"]).succeeds();
    let mut other = common::model::Tiny::new();
    other.tensors.values_mut().next().expect("a tensor").1[0] += 0.25;
    other.write(&place.path("moved"), safetensors::Dtype::F32);
    part("a.safetensors", &["--model", "moved"]).fails_with(&["other files of the model", "--model"]);
    place.run(&["teach", "--good", "nowhere", "--out", "b.safetensors"]).fails_with(&["nowhere"]);
}
