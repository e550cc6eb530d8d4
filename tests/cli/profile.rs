//! `profile` and `--profile`: tables, files, and what they say of a run.

use std::fs;

use serde_json::Value;

use crate::Place;
use crate::common::{self, Run};

/// The embedded model on one image and one text.
const EMBED: [&str; 7] = ["embed", "--image", "a.png", "--text", "a nut", "--out", "e.safetensors"];

fn place() -> Place {
    let place = Place::new();
    place.picture("a.png", 1);
    place
}

fn read(place: &Place, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(place.path(name)).expect("the file")).expect("JSON")
}

/// Whether the device's timestamps advance.
fn ticks() -> bool {
    let devices = common::run(["devices", "--json"]).succeeds().stdout;
    serde_json::from_str::<Value>(&devices).expect("JSON")["chosen"]["timestamps_tick"] == true
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// The sum of a field over a list.
fn sum(list: &Value, field: &str) -> f64 {
    list.as_array().expect("a list").iter().map(|item| number(&item[field])).sum()
}

/// Asserts that a summary of [`EMBED`] adds up.
#[track_caller]
fn assert_adds_up(report: &Value, clock: &str) {
    assert_eq!(report["schema"], "dapo-wgpu/profile/1");
    assert_eq!(report["clock"], clock);
    assert!(report["device"]["adapter"]["name"].as_str().is_some_and(|name| !name.is_empty()));
    assert!((sum(&report["kernels"], "share") - 1.0).abs() < 1e-9);
    assert_eq!(sum(&report["kernels"], "launches"), number(&report["launches"]));
    let own = sum(&report["scopes"], "self_share") + number(&report["outside_share"]);
    assert!((own - 1.0).abs() < 1e-9, "self times are parts of the whole: {own}");
    let parts = ["running", "idle", "between"].map(|part| number(&report[part]));
    assert!((parts.iter().sum::<f64>() - number(&report["wall"])).abs() < 1e-6, "{parts:?}");
    for scope in report["scopes"].as_array().expect("scopes") {
        assert!(scope["path"][1] != "block" || number(&scope["launches"]["most"]) <= 8.0, "{scope}");
        assert_eq!(scope["submits"]["most"], 1, "{scope}");
    }
    let paths: Vec<&Value> =
        report["scopes"].as_array().expect("scopes").iter().map(|s| &s["path"]).collect();
    for tower in ["vision forward", "text forward"] {
        assert!(paths.iter().any(|path| **path == serde_json::json!([tower])), "{paths:?}");
        assert!(paths.iter().any(|path| **path == serde_json::json!([tower, "block"])), "{paths:?}");
    }
    let memory = &report["memory"];
    for purpose in ["weights", "inputs", "activations", "staging"] {
        assert!(number(&memory["peak"][purpose]) > 0.0, "{purpose}");
    }
    assert!(number(&memory["peak_total"]) <= number(&memory["peak_held"]));
}

/// Asserts that a trace's slices nest, and returns how many launches it has.
#[track_caller]
fn launches_of(trace: &Value) -> usize {
    let events = trace["traceEvents"].as_array().expect("events");
    assert!(events.iter().any(|e| e["ph"] == "M" && e["name"] == "process_name"));
    assert!(events.iter().any(|e| e["ph"] == "C"), "memory");
    let slices: Vec<&Value> = events.iter().filter(|e| e["ph"] == "X").collect();
    for track in [1, 2] {
        let mut open: Vec<u64> = Vec::new();
        for slice in slices.iter().filter(|slice| slice["tid"] == track) {
            let nanos = |field: &str| (number(&slice[field]) * 1e3).round() as u64;
            let (start, end) = (nanos("ts"), nanos("ts") + nanos("dur"));
            open.retain(|&outer| outer > start);
            assert!(open.last().is_none_or(|&outer| end <= outer), "{slice} overlaps what it lies in");
            open.push(end);
        }
    }
    let launches: Vec<&&Value> = slices.iter().filter(|slice| slice["args"]["case"].is_string()).collect();
    for launch in &launches {
        assert!(launch["args"]["grid"].is_array() && number(&launch["args"]["bytes"]) > 0.0, "{launch}");
    }
    assert!(slices.iter().any(|slice| slice["name"] == "vision forward ×1"));
    assert!(slices.iter().any(|slice| slice["name"] == "block 5"));
    launches.len()
}

#[test]
fn a_profile_of_embed_says_where_the_time_goes() {
    let place = place();
    let files = ["profile", "--trace", "t.json", "--out", "p.json"];
    let run = place.run(&[&files[..], &EMBED].concat()).succeeds();
    assert_eq!(run.stdout, "", "the command prints nothing to standard output, and neither does its profile");
    for word in ["profile of: ", "matmul", "attention", "vision forward / block", "activations"] {
        assert!(run.stderr.contains(word), "{word}: {run:#?}");
    }
    let report = read(&place, "p.json");
    assert_adds_up(&report, if ticks() { "timestamps" } else { "wall" });
    assert_eq!(launches_of(&read(&place, "t.json")) as f64, number(&report["launches"]));
    assert_eq!(common::tensor(&place.path("e.safetensors"), "image_features").0[0], 1);
}

#[test]
fn a_trace_may_be_asked_for_behind_the_command() {
    let place = place();
    for words in [&["--trace", "t.json"][..], &["--trace=t.json"]] {
        let run = place.run(&[&["profile"], &EMBED[..], words].concat()).succeeds();
        assert!(run.stderr.contains("vision forward"), "{run:#?}");
        assert!(launches_of(&read(&place, "t.json")) > 0);
        fs::remove_file(place.path("t.json")).expect("the trace");
    }
    let wrong = |words: &[&str]| place.run(&[&["profile"], &EMBED[..], words].concat());
    assert_eq!(wrong(&["--trace"]).fails_with(&["--trace", "a file"]).code, Some(2));
    let twice = ["--trace", "a.json", "--trace", "b.json"];
    assert_eq!(wrong(&twice).fails_with(&["--trace", "twice"]).code, Some(2));
}

#[test]
fn without_timestamps_the_host_times() {
    let place = place();
    let mut command = place.program();
    command.env("DAPO_NO_TIMESTAMPS", "1");
    command.args(["profile", "--json", "--trace", "t.json"]).args(EMBED);
    let run = common::finish(&mut command).succeeds();
    assert_eq!(run.stdout.lines().count(), 1, "one line of JSON: {run:#?}");
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_adds_up(&report, "wall");
    assert_eq!(launches_of(&read(&place, "t.json")) as f64, number(&report["launches"]));
}

#[test]
fn the_short_form_leaves_the_output_of_detect_as_it_is() {
    let place = place();
    let plain = place.detect(&["a.png"]).succeeds();
    let tables = |run: &Run| run.stderr.contains("launches each") && run.stderr.contains("peak MiB");
    assert!(!tables(&plain));
    let profiled = place.detect(&["a.png", "--profile"]).succeeds();
    assert_eq!(profiled.stdout, plain.stdout);
    assert!(tables(&profiled), "{profiled:#?}");
    // A file in the folder that `detect` makes itself.
    fs::remove_dir_all(place.path("out")).expect("the output");
    place.detect(&["a.png", "--profile=out/trace.json"]).succeeds();
    assert!(read(&place, "out/trace.json")["traceEvents"].is_array());
    let long = ["profile", "--json", "detect", "a.png", "--model", "model", "--defects", "scratch,hole"];
    let long = place.run(&[&long[..], &["--out", "out"]].concat()).succeeds();
    let (before, json) = long.stdout.trim_end().rsplit_once('\n').expect("the output and a line of JSON");
    assert_eq!(before, plain.stdout.trim_end());
    let report: Value = serde_json::from_str(json).expect("JSON");
    assert!(number(&report["outside"]) > 0.0, "detection's own launches are in no forward");
}

#[test]
fn what_cannot_be_profiled() {
    let place = place();
    for verb in ["synth", "bench", "profile", "detekt"] {
        let run = place.run(&["profile", verb, "--out", "x"]);
        assert_eq!(
            run.fails_with(&[verb, "cannot be profiled", "detect, embed, train, check"]).code,
            Some(2)
        );
    }
    assert_eq!(place.run(&["profile"]).code, Some(2));
    place.run(&[&["profile"], &EMBED[..], &["--profile"]].concat()).fails_with(&["--profile", "already"]);
    assert_eq!(place.run(&["profile", "embed"]).fails_with(&["--out"]).code, Some(2));
    let list = place.run(&["profile", "check", "--list"]);
    assert!(list.code == Some(1) && list.stderr.contains("nothing to profile"), "{list:#?}");
}

#[test]
fn profiles_that_cannot_be_written_are_noticed_before_any_work() {
    let place = place();
    for (option, file) in [("--trace", "no/t.json"), ("--out", "no/p.json")] {
        place
            .run(&[&["profile", option, file], &EMBED[..]].concat())
            .fails_with(&[file, "'no' does not exist"]);
    }
    place.run(&[&EMBED[..], &["--profile=model"]].concat()).fails_with(&["'model'", "folder"]);
    assert!(!place.path("e.safetensors").exists(), "nothing was embedded");
    assert!(!place.path("no").exists());
}

#[test]
fn the_exit_code_is_that_of_the_command() {
    let place = place();
    place.write("broken.png", b"no picture");
    let words = ["--model", "model", "--defects", "scratch", "--out", "out", "--no-overlays"];
    let detect = |files: &[&str]| place.run(&[&["profile", "detect"], files, &words[..]].concat());
    let some = detect(&["a.png", "broken.png"]);
    assert_eq!(some.code, Some(3), "{some:#?}");
    assert!(some.stderr.contains("launches each"), "what was done is profiled");
    let none = detect(&["missing.png"]);
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("missing.png") && !none.stderr.contains("launches each"), "{none:#?}");
}
