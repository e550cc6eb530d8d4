//! Learners and thresholds with something wrong in them.

use std::fs;

use serde_json::{Value, json};

use crate::Place;
use crate::common::model::{Tensors, write_raw, write_weights};

/// The tensors of a learner that other programs wrote, of the right names and of sizes that fit no model.
fn learner() -> Tensors {
    let shapes: [(&str, &[usize]); 3] = [
        ("prompt_learner.learnable_normal_tokens", &[1, 2, 16]),
        ("prompt_learner.learnable_abnormal_tokens", &[1, 2, 16]),
        ("visual_prompt.learnable_visual_tokens", &[2, 4, 16]),
    ];
    let values = |shape: &[usize]| (shape.to_vec(), vec![0.25; shape.iter().product()]);
    shapes.iter().map(|(name, shape)| ((*name).to_owned(), values(shape))).collect()
}

#[test]
fn a_damaged_learner_is_named() {
    let place = Place::new();
    place.picture("a.png", 1);
    let detect = || place.detect(&["a.png", "--learner", "l.safetensors"]);
    let write = |tensors: &Tensors| {
        write_weights(&place.path("l.safetensors"), tensors, safetensors::Dtype::F32);
    };
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut wrong = learner();
        wrong.get_mut("visual_prompt.learnable_visual_tokens").expect("the tensor").1[69] = value;
        write(&wrong);
        let words =
            format!("'visual_prompt.learnable_visual_tokens' has the value {value} at index [1, 0, 5]");
        detect().fails_with(&["l.safetensors", &words]);
    }
    for name in ["visual_prompt.learnable_visual_tokens", "prompt_learner.learnable_layer_tokens.0"] {
        let mut wrong = learner();
        wrong.insert(name.to_owned(), (vec![], vec![0.5]));
        write(&wrong);
        detect().fails_with(&["l.safetensors", &format!("'{name}' is []")]);
    }
    place.write("l.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n");
    detect().fails_with(&["l.safetensors", "git lfs pull"]);
    write_raw(&place.path("l.safetensors"), u64::MAX, "{}", b"");
    detect().fails_with(&["l.safetensors", "not a readable safetensors file"]);
    place.left_nothing();
}

#[test]
fn a_threshold_that_no_calibration_gives_is_refused() {
    let place = Place::new();
    place.picture("good/a.png", 1);
    place.picture("good/b.png", 2);
    let calibrate = ["calibrate", "--good", "good", "--false-alarms", "0.4", "--model", "model"];
    let calibrate = [&calibrate[..], &["--defects", "scratch,hole", "--out", "alarm.json"]].concat();
    place.run(&calibrate).succeeds();
    let right: Value =
        serde_json::from_slice(&fs::read(place.path("alarm.json")).expect("it")).expect("JSON");
    let detect = |alarm: &Value, mark: &str| {
        place.write("alarm.json", format!("{mark}{alarm}").as_bytes());
        place.detect(&["good", "--calibration", "alarm.json"])
    };
    for (field, value) in [
        ("threshold", json!(7.0)),
        ("threshold", json!(-5)),
        ("false_alarm_rate", json!(9.0)),
        ("images", json!(0)),
        ("highest", json!(-1)),
    ] {
        let mut wrong = right.clone();
        wrong[field] = value;
        detect(&wrong, "").fails_with(&["alarm.json", &format!("`{field}` is"), "calibrate"]);
        place.left_nothing();
    }
    detect(&right, "\u{feff}").succeeds();
}
