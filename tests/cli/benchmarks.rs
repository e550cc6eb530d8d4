//! `bench`: formats, comparisons, what is selected, and whole models.

use std::fs;

use serde_json::Value;

use crate::Place;

const CASE: [&str; 5] = ["bench", "--case", "copy f32 n=4096", "--repeat", "2"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn read(place: &Place, name: &str) -> String {
    fs::read_to_string(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The cases of a report, with the number of rows that each has.
fn cases(report: &Value) -> Vec<&str> {
    let timings = report["timings"].as_array().expect("timings");
    timings.iter().map(|t| t["case"].as_str().expect("a case")).collect()
}

#[test]
fn every_format_is_printed_and_the_name_of_the_file_decides_its_format() {
    let place = Place::new();
    let run = |words: &[&str]| place.run(&[&CASE[..], words].concat()).succeeds().stdout;

    let table = run(&["--out", "b.csv"]);
    assert!(table.contains("median ms") && table.contains("Checked shaders"), "{table}");
    let csv = read(&place, "b.csv");
    assert!(csv.starts_with("kind,kernel,case,variant,median,"), "{csv}");
    assert_eq!(csv.lines().count(), 2, "{csv}");

    let markdown = run(&["--format", "markdown", "--out", "b.json"]);
    assert!(markdown.contains("| --:") || markdown.contains("|--:"), "{markdown}");
    assert_eq!(json(&read(&place, "b.json"))["schema"], "dapo-wgpu/bench/1");

    let csv = run(&["--format", "csv", "--out", "b.md"]);
    assert!(csv.starts_with("kind,kernel,"), "{csv}");
    assert!(read(&place, "b.md").contains("### Kernels"));
    assert_eq!(cases(&json(&run(&["--json"]))), ["copy f32 n=4096"]);
    place.run(&["bench", "--format", "xml"]).fails_with(&["table, json, csv and markdown"]);
}

/// Writes the report `from` as `to` with all times multiplied.
fn scale(place: &Place, from: &str, to: &str, factor: f64) {
    let mut report = json(&read(place, from));
    let scaled = |value: &Value| Value::from(value.as_f64().expect("a time") * factor);
    for timing in report["timings"].as_array_mut().expect("timings") {
        timing["median"] = scaled(&timing["median"]);
        timing["best"] = scaled(&timing["best"]);
        timing["quartiles"] = timing["quartiles"].as_array().expect("two").iter().map(scaled).collect();
    }
    place.write(to, report.to_string().as_bytes());
}

#[test]
fn a_regression_fails_and_an_improvement_does_not() {
    let place = Place::new();
    place.run(&[&CASE[..], &["--out", "now.json"]].concat()).succeeds();
    scale(&place, "now.json", "fast.json", 1e-4);
    scale(&place, "now.json", "slow.json", 1e4);

    let worse = place.run(&[&CASE[..], &["--compare", "fast.json", "--out", "c.json"]].concat());
    assert_eq!(worse.code, Some(1), "{worse:#?}");
    assert!(worse.stdout.contains("SLOWER") && worse.stdout.contains("REGRESSION: 1 slower"), "{worse:#?}");
    assert!(worse.stderr.contains("fewer than 5 repetitions"), "{worse:#?}");
    let comparison = &json(&read(&place, "c.json"))["comparison"];
    assert_eq!(comparison["rows"][0]["verdict"], "slower");
    assert!(comparison["rows"][0]["ratio"]["value"].as_f64().is_some_and(|ratio| ratio > 10.0));

    let better = place.run(&[&CASE[..], &["--compare", "slow.json"]].concat()).succeeds();
    assert!(better.stdout.contains("faster") && better.stdout.contains("NO REGRESSION"), "{better:#?}");
    // A report with a comparison in it can be compared with again.
    let again = place.run(&[&CASE[..], &["--compare", "c.json", "--threshold", "1000000"]].concat());
    again.succeeds();
}

#[test]
fn an_old_result_of_another_device_is_warned_of() {
    let place = Place::new();
    place.run(&[&CASE[..], &["--out", "old.json"]].concat()).succeeds();
    let mut old = json(&read(&place, "old.json"));
    old["device"]["adapter"]["name"] = "Some other card".into();
    old["device"]["mode"] = "trusted".into();
    place.write("old.json", old.to_string().as_bytes());
    scale(&place, "old.json", "slow.json", 1e4);
    let run = place.run(&[&CASE[..], &["--compare", "slow.json"]].concat()).succeeds();
    for words in ["warning: another adapter: 'Some other card", "warning: another shader mode"] {
        assert!(run.stderr.contains(words), "{words}: {run:#?}");
    }
}

#[test]
fn old_results_that_cannot_be_compared() {
    let place = Place::new();
    let compare = |words: &[&str]| place.run(&[&CASE[..], &["--compare"], words].concat());
    compare(&["none.json"]).fails_with(&["none.json", "cannot read"]);
    place.write("cut.json", b"{\"schema\": \"dapo-wgpu/bench/1\", \"timi");
    compare(&["cut.json"]).fails_with(&["cut.json", "cut short"]);
    place.write("check.json", b"{\"schema\": \"dapo-wgpu/check/1\"}");
    compare(&["check.json"]).fails_with(&["check.json", "dapo-wgpu/check/1"]);
    place.write("empty.json", b"{\"schema\": \"dapo-wgpu/bench/1\"}");
    compare(&["empty.json"]).fails_with(&["empty.json", "missing field"]);
    place.run(&["bench", "--threshold", "5"]).fails_with(&["--compare"]);
    place.run(&[&CASE[..], &["--out", "copy.json"]].concat()).succeeds();
    compare(&["copy.json", "--threshold", "-3"]).fails_with(&["--threshold"]);

    let other = ["bench", "--case", "softmax f32 rows=4 width=8 scale=1", "--repeat", "2"];
    let run = place.run(&[&other[..], &["--compare", "copy.json"]].concat());
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("nothing in it was timed now"), "{run:#?}");
    assert!(run.stdout.contains("only old") && run.stdout.contains("only new"), "{run:#?}");
}

#[test]
fn kernels_sizes_and_variants_are_selected() {
    let place = Place::new();
    let list = place.run(&["bench", "--list", "--kernel", "softmax", "--set", "rows=3"]).succeeds().stdout;
    assert!(list.lines().count() > 0, "{list}");
    assert!(list.lines().all(|l| l.starts_with("softmax ") && l.contains(" rows=3 ")), "{list}");

    let matmul = ["--case", "matmul f32 m=16 n=32 k=32", "--set", "m=8", "--set", "k=16"];
    let words =
        ["bench", "--json", "--repeat", "2", "--variant", "matmul=naive", "--variant", "matmul=register"];
    let report = json(&place.run(&[&words[..], &matmul].concat()).succeeds().stdout);
    assert_eq!(cases(&report), ["matmul f32 m=8 n=32 k=16"; 2]);
    let variants: Vec<_> =
        report["timings"].as_array().expect("timings").iter().map(|t| &t["variant"]).collect();
    assert!(variants.contains(&&Value::from("naive")) && variants.contains(&&Value::from("register")));

    let refuse = |words: &[&str], message: &[&str]| {
        place.run(&[&["bench", "--repeat", "2"], words].concat()).fails_with(message);
    };
    refuse(&["--kernel", "sofmax"], &["no kernel 'sofmax'", "softmax", "--list"]);
    refuse(&["--kernel", "softmax", "--set", "heads=2"], &["'heads'", "rows, scale, width"]);
    refuse(&["--kernel", "softmax", "--set", "rows=0"], &["rows=0"]);
    refuse(&["--kernel", "softmax", "--set", "rows"], &["KEY=VALUE"]);
    refuse(&["--kernel", "softmax", "--variant", "matmul=naive"], &["no selected case is of that kernel"]);
    refuse(&["--kernel", "softmax", "--variant", "sofmax=row"], &["no kernel 'sofmax'"]);
    refuse(&["--case", "matmul f32 m=2000000000 n=2000000000 k=1"], &["more than any device can hold"]);
    refuse(&["--case", "softmax f32 rows=2000000000 width=4096 scale=1"], &["maxBufferSize"]);
    place.run(&["bench", "--repeat", "0"]).fails_with(&["from 1 to 1000000"]);
}

#[test]
fn a_sweep_times_every_size_and_draws_them() {
    let place = Place::new();
    let case = "matmul f32 m=8 n=32 k=64 +bias";
    let words = ["bench", "--case", case, "--sweep", "m=8..40:16", "--repeat", "2", "--error"];
    let out = place.run(&[&words[..], &["--json", "--plot", "m.svg"]].concat()).succeeds().stdout;
    let report = json(&out);
    assert_eq!(cases(&report), [8, 24, 40].map(|m| case.replace("m=8", &format!("m={m}"))));
    for timing in report["timings"].as_array().expect("timings") {
        let (bound, units) = (&timing["error"]["of_bound"], &timing["error"]["units"]);
        assert!(bound.as_f64().is_some_and(|e| e <= 1.0), "{timing}");
        // A sum of 64 products in float32: more than an exact one, far less than 64 roundings of the worst kind.
        assert!(units.as_f64().is_some_and(|e| e > 0.0 && e < 64.0), "{timing}");
    }
    let svg = read(&place, "m.svg");
    assert!(svg.contains("Rates over m") && svg.contains("matmul f32 n=32 k=64 +bias ["), "{svg}");
    place.run(&["bench", "--case", case, "--sweep", "q=1..5"]).fails_with(&["--sweep", "'q'"]);
    place.run(&["bench", "--case", case, "--sweep", "m=5"]).fails_with(&["m=64..2048"]);
}

#[test]
fn without_timestamps_the_host_times() {
    let place = Place::new();
    let run = crate::common::finish(place.program().args(CASE).arg("--json").env("DAPO_NO_TIMESTAMPS", "1"));
    assert_eq!(json(&run.succeeds().stdout)["timings"][0]["clock"], "wall");
}

#[test]
fn an_architecture_is_timed_with_its_pipelines() {
    let place = Place::new();
    let words =
        ["bench", "--arch", "dapo-nano", "--repeat", "2", "--batch", "2", "--texts", "3", "--images", "3"];
    let run = place.run(&[&words[..], &["--json", "--out", "m.md"]].concat()).succeeds();
    let report = json(&run.stdout);
    assert_eq!(
        cases(&report),
        [
            "vision dapo-nano image=128 batch=2",
            "text dapo-nano texts=3",
            "embed dapo-nano image=128 batch=2 files=3",
            "detect dapo-nano image=128 batch=2 files=3",
        ]
    );
    let timings = report["timings"].as_array().expect("timings");
    for (timing, (items, blocks, forwards)) in
        timings.iter().zip([(2, 6, 1), (3, 3, 1), (3, 6, 2), (3, 6, 2)])
    {
        let run = &timing["run"];
        assert_eq!(run["items"], items, "{timing}");
        let rate = run["per_second"].as_f64().expect("a rate") * timing["median"].as_f64().expect("a median");
        assert!((rate - f64::from(items)).abs() < 1e-9, "{timing}");
        // At most 8 launches a block, and a dozen around them.
        let launches = run["launches"].as_u64().expect("launches");
        assert!((5 * blocks * forwards..=(8 * blocks + 12) * forwards).contains(&launches), "{timing}");
        assert!(run["submits"].as_u64().is_some_and(|n| (1..=8 * forwards).contains(&n)), "{timing}");
        assert!(timing["gflops"].as_f64().is_some_and(|rate| rate > 0.0), "{timing}");
        assert!(timing["roofline"].as_f64().is_some_and(|share| share > 0.0), "{timing}");
    }
    // Two images of 257 tokens through 6 blocks of 12·128² weights, 2 operations each, and the rest.
    let flops = timings[0]["work"]["flops"].as_f64().expect("operations");
    let blocks = 2.0 * 2.0 * 257.0 * 6.0 * 12.0 * 128.0 * 128.0;
    assert!((blocks..1.5 * blocks).contains(&flops), "{flops} {blocks}");
    assert!(read(&place, "m.md").contains("### Models and pipelines"));
}

#[test]
fn a_folder_is_timed_by_parts_and_beside_kernels() {
    let place = Place::new();
    let words = ["bench", "--model", "model", "--part", "embed", "--repeat", "2", "--json"];
    let report = json(&place.run(&words).succeeds().stdout);
    assert_eq!(cases(&report), ["embed model image=32 batch=1 files=2"]);
    let both =
        [&words[..], &["--weights", "f16", "--image-size", "64", "--case", "copy f32 n=4096"]].concat();
    let report = json(&place.run(&both).succeeds().stdout);
    assert_eq!(cases(&report), ["copy f32 n=4096", "embed model image=64 batch=1 files=2"]);
    assert_eq!(report["timings"][1]["variant"], "f16");
}

#[test]
fn models_that_cannot_be_timed() {
    let place = Place::new();
    place.run(&["bench", "--arch", "vit-x"]).fails_with(&["no architecture 'vit-x'", "vit-l-14-336"]);
    place.run(&["bench", "--model", "nowhere"]).fails_with(&["nowhere"]);
    place.run(&["bench", "--arch", "dapo-nano", "--model", "model"]).fails_with(&["--model"]);
    place.run(&["bench", "--part", "vision"]).fails_with(&["--arch"]);
    place.run(&["bench", "--arch", "dapo-nano", "--batch", "0"]).fails_with(&["from 1 to"]);
    place
        .run(&["bench", "--arch", "dapo-nano", "--batch", "900000"])
        .fails_with(&["a batch of 900000 images"]);
    place.run(&["bench", "--arch", "dapo-nano", "--image-size", "30"]).fails_with(&["30"]);
    let hidden = place.run(&["bench", "--arch", "dapo-nano", "--part", "vision", "--out", "no/x.json"]);
    hidden.fails_with(&["no/x.json"]);
}
