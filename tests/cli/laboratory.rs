//! `check` and `bench`: verdicts, files, and requests that cannot be met.

use std::fs;

use serde_json::Value;

use crate::{Place, common};

#[test]
fn check_runs_one_printed_case_and_writes_a_report() {
    let place = Place::new();
    let case = "matmul f32 m=7 n=50 k=20 +bias +quickgelu";
    let run = place.run(&["check", "--case", case, "--out", "report.json"]).succeeds();
    assert!(run.stdout.contains("ok    matmul") && run.stdout.contains("PASSED"), "{run:#?}");
    common::schemas::assert_file_follows(&place.path("report.json"));
    let text = fs::read_to_string(place.path("report.json")).expect("the report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["schema"], "dapo-wgpu/check/1");
    assert_eq!(report["passed"], true);
    assert!(report["device"]["adapter"]["name"].as_str().is_some_and(|name| !name.is_empty()));
    let outcomes = report["outcomes"].as_array().expect("outcomes");
    assert!(outcomes.iter().all(|o| o["case"] == case));
    for inputs in ["normal", "wide", "denormal", "nan", "infinity"] {
        assert!(outcomes.iter().any(|o| o["inputs"] == inputs), "{inputs} inputs");
    }
}

#[test]
fn check_prints_the_capabilities_that_kernels_used() {
    let place = Place::new();
    let words = ["check", "--case", "tokens f32 batch=1 tokens=1 width=1"];
    let second = |stdout: String| stdout.lines().nth(1).expect("a second line").to_owned();
    assert!(second(place.run(&words).succeeds().stdout).contains(" invocations · "));
    // As the weakest device that WebGPU allows.
    let mut command = place.program();
    command.args(words).arg("--checked");
    for switch in ["DAPO_NO_SUBGROUPS", "DAPO_NO_F16", "DAPO_NO_IMMEDIATES", "DAPO_DEFAULT_LIMITS"] {
        command.env(switch, "1");
    }
    let given = second(common::finish(&mut command).succeeds().stdout);
    assert_eq!(given, "no subgroups · no f16 · 256 invocations · no immediates · checked shaders");
}

#[test]
fn a_part_of_a_label_selects_and_listed_labels_are_accepted() {
    let place = Place::new();
    let list = place.run(&["check", "--list", "--case", "l2norm"]).succeeds().stdout;
    assert!(list.lines().count() > 3 && list.lines().all(|line| line.contains("l2norm")), "{list}");
    let first = list.lines().next().expect("a case");
    let run = place.run(&["check", "--json", "--case", first]).succeeds();
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["kernels"][0]["cases"], 1);
}

#[test]
fn cases_and_variants_that_do_not_exist() {
    let place = Place::new();
    place.run(&["check", "--case", "matmul f32 m=8888"]).fails_with(&["'n=N' is missing", "--list"]);
    let large = "softmax f32 rows=2000000000 width=4096 scale=1";
    place.run(&["check", "--case", large]).fails_with(&["maxBufferSize"]);
    place.run(&["check", "--case", "nosuch"]).fails_with(&["no kernel 'nosuch'", "matmul"]);
    place.run(&["bench", "--case", "copy f32 n=64", "--variant", "nosuch"]).fails_with(&["nosuch", "all"]);
    place.run(&["check", "--case", "copy", "--out", "no/such/folder/x.json"]).fails_with(&["no/such/folder"]);
    assert!(!place.path("no").exists(), "nothing is left behind");
}

/// What is printed depends on the driver, and there may be none that can; which of the two must be clear.
#[test]
fn isa_describes_kernels_or_says_why_it_cannot() {
    let place = Place::new();
    let run =
        place.run(&["isa", "--case", "softmax f32 rows=7 width=50 scale=1", "--dump", "dump", "--json"]);
    if run.code == Some(0) {
        let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
        assert_eq!(report["schema"], "dapo-wgpu/isa/1");
        assert!(!report["variants"].as_array().expect("variants").is_empty());
        assert!(place.path("dump/softmax.row.wgsl").exists());
    } else {
        run.fails_with(&["VK_KHR_pipeline_executable_properties", "--target"]);
    }
    place.run(&["isa", "--case", "nosuch"]).fails_with(&["no kernel 'nosuch'"]);
}

#[test]
fn bench_measures_against_the_ceilings() {
    let place = Place::new();
    let words = ["--case", "copy f32 n=4096", "--case", "matmul f32 m=16 n=64 k=64", "--repeat", "3"];
    let run = place.run(&[&["bench", "--out", "b.json", "--plot", "b.svg"], &words[..]].concat()).succeeds();
    assert!(run.stdout.contains("ceilings:"), "{run:#?}");
    common::schemas::assert_file_follows(&place.path("b.json"));
    let text = fs::read_to_string(place.path("b.json")).expect("the result");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let timings = report["timings"].as_array().expect("timings");
    assert_eq!(timings.len(), 2);
    for timing in timings {
        assert!(timing["median"].as_f64().is_some_and(|s| s > 0.0), "{timing}");
        assert_eq!(timing["repetitions"], 3);
    }
    assert!(report["ceilings"]["multiply_add"].as_f64().is_some_and(|rate| rate > 1e6));
    let chart = fs::read_to_string(place.path("b.svg")).expect("the chart");
    assert!(chart.starts_with("<svg") || chart.contains("<svg"), "an SVG");
    assert!(!chart.contains("NaN"));
}
