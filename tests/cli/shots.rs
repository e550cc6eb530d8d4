//! Evaluations with good photos as references.

use serde_json::Value;

use crate::Place;
use crate::common;

fn json(place: &Place, name: &str) -> Value {
    common::schemas::assert_file_follows(&place.path(name));
    let text = std::fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_str(&text).expect("JSON")
}

/// A place with a generated data set of two products, each with four good training images.
fn place() -> Place {
    let place = Place::new();
    let set = ["synth", "--out", "data", "--size", "64", "--one-product", "--objects", "washer,leather"];
    let counts = ["--defects", "scratch,hole", "--train-good", "4", "--test-good", "3", "--per-defect", "2"];
    place.run(&[&set[..], &counts].concat()).succeeds();
    place
}

const EVAL: [&str; 3] = ["eval", "--data", "data"];

#[test]
fn shots_are_drawn_from_training_images_and_runs_go_on() {
    let place = place();
    let shots = [&EVAL[..], &["--shots", "2,0", "--seeds", "2", "--out", "run"]].concat();
    let run = place.run(&shots).succeeds();
    assert!(run.stdout.contains("good photos") && run.stdout.contains(" ± "), "{run:#?}");
    let metrics = json(&place, "run/metrics.json");
    assert_eq!(metrics["schema"], "dapo-wgpu/shots/1");
    let rows = metrics["shots"].as_array().expect("rows");
    assert_eq!(
        rows.iter().map(|row| (row["shots"].as_u64(), row["draws"].as_u64())).collect::<Vec<_>>(),
        [(Some(0), Some(1)), (Some(2), Some(2))]
    );
    for row in rows {
        let mean = row["mean"]["image_auroc"]["mean"].as_f64().expect("a figure");
        let of = |name: &str| row["products"][name]["image_auroc"]["mean"].as_f64().expect("a figure");
        assert!((mean - (of("washer") + of("leather")) / 2.0).abs() < 1e-9);
    }
    let one = json(&place, "run/shots-2/seed-1/metrics.json");
    assert_eq!(
        (&one["settings"]["shots"]["shots"], &one["settings"]["shots"]["seed"]),
        (&2.into(), &1.into())
    );
    let draws = [0, 1]
        .map(|seed| json(&place, &format!("run/shots-2/seed-{seed}/run.json"))["shots"]["digest"].clone());
    assert_ne!(draws[0], draws[1]);
    let page = std::fs::read_to_string(place.path("run/report.html")).expect("a page");
    assert!(page.contains("<svg") && page.contains("washer"));

    // The same again computes nothing, and has the same bytes.
    let whole = std::fs::read(place.path("run/metrics.json")).expect("figures");
    let again = place.run(&shots).succeeds();
    assert!(again.stderr.contains("were done before"), "{again:#?}");
    assert_eq!(whole, std::fs::read(place.path("run/metrics.json")).expect("figures"));
    // A run with good photos goes on with the same ones only.
    let other =
        [&EVAL[..], &["--good", "data/washer/train/good/000.png", "--out", "run/shots-2/seed-0"]].concat();
    place.run(&other).fails_with(&["another shots"]);
}

#[test]
fn good_photos_of_an_evaluation_are_not_evaluated() {
    let place = place();
    let good = |photo: &str, out: &str| place.run(&[&EVAL[..], &["--good", photo, "--out", out]].concat());
    good("data/washer/test/good/000.png", "a").fails_with(&["is the same photo as", "--good"]);
    let run: common::Run = good("data/washer/train/good", "b");
    run.succeeds();
    assert_eq!(json(&place, "b/metrics.json")["settings"]["shots"]["shots"], 4);
    place
        .run(&[&EVAL[..], &["--shots", "5", "--out", "c"]].concat())
        .fails_with(&["leather: 5 good training images", "4"]);
    place.run(&[&EVAL[..], &["--shots", "0,x", "--out", "c"]].concat()).fails_with(&["--shots"]);
    place
        .run(&[&EVAL[..], &["--shots", "1", "--good", "data", "--out", "c"]].concat())
        .fails_with(&["--good"]);
    place.run(&[&EVAL[..], &["--shots", "1", "--out", "b"]].concat()).fails_with(&["a run without --shots"]);
}
