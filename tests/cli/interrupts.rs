//! Laboratory commands that are stopped in the middle leave what they have done, and say that it is a part.
#![cfg(unix)]

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Place;
use crate::common::{self, Run};

fn start(place: &Place, words: &[&str]) -> Child {
    let mut command = place.program();
    command.env("XDG_CACHE_HOME", place.path("cache")).env("DAPO_PROGRESS", "0.02");
    command
        .args(words)
        .stdout(Stdio::piped())
        .stderr(fs::File::create(place.path("stderr")).expect("a file"));
    command.spawn().expect("the program starts")
}

fn stderr(place: &Place) -> String {
    fs::read_to_string(place.path("stderr")).expect("the messages")
}

/// Waits until a line of progress is as wanted: done, in total, and what is under way.
fn wait_for(place: &Place, wanted: impl Fn(u64, u64, &str) -> bool) {
    let started = Instant::now();
    let is_wanted = |line: &str| {
        let (numbers, what) = line.strip_prefix("progress: ")?.split_once("; ")?;
        let mut words = numbers.split([' ', ',']).filter_map(|word| word.parse().ok());
        Some(wanted(words.next()?, words.next()?, what))
    };
    while !stderr(place).lines().any(|line| is_wanted(line) == Some(true)) {
        assert!(started.elapsed() < Duration::from_secs(300), "no progress: {}", stderr(place));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stop(place: &Place, child: Child, signal: &str) -> Run {
    let sent =
        std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let mut run: Run = child.wait_with_output().expect("it ends").into();
    run.stderr = stderr(place);
    assert!(run.stderr.contains("interrupted: "), "{run:#?}");
    assert_eq!(run.code, Some(130), "{run:#?}");
    run
}

fn json(place: &Place, name: &str) -> Value {
    let bytes = fs::read(place.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn an_interrupted_check_writes_what_was_checked_and_calls_it_partial() {
    let place = Place::new();
    for signal in ["-INT", "-TERM"] {
        let child = start(&place, &["check", "--out", "check.json"]);
        wait_for(&place, |done, of, _| done >= 2 && of > 2);
        let run = stop(&place, child, signal);
        assert!(run.stdout.contains("PARTIAL: stopped after ") && !run.stdout.contains("PASSED"), "{run:#?}");
        let report = json(&place, "check.json");
        assert_eq!((&report["partial"], &report["passed"]), (&Value::Bool(true), &Value::Bool(false)));
        let (done, asked) =
            (report["cases"].as_u64().expect("cases"), report["cases_asked"].as_u64().expect("cases"));
        assert!((2..asked).contains(&done), "{done} of {asked}");
        assert!(report["outcomes"].as_array().is_some_and(|outcomes| outcomes.len() as u64 >= done));
    }
}

#[test]
fn a_killed_check_leaves_whole_json_of_what_was_checked() {
    let place = Place::new();
    let mut child = start(&place, &["check", "--out", "check.json"]);
    wait_for(&place, |done, of, _| done >= 2 && of > 2);
    child.kill().expect("it was running");
    child.wait().expect("it ends");
    let report = json(&place, "check.json");
    assert_eq!(report["partial"], true);
    assert!(report["cases"].as_u64().is_some_and(|done| done > 0));
}

#[test]
fn an_interrupted_bench_prints_and_writes_what_was_timed() {
    let place = Place::new();
    let words = ["bench", "--kernel", "copy", "--kernel", "softmax", "--repeat", "40", "--out", "bench.json"];
    let child = start(&place, &words);
    // In the repetitions of the cases: that kernel is none of the ceilings.
    wait_for(&place, |_, _, what| what.starts_with("softmax"));
    let run = stop(&place, child, "-INT");
    assert!(run.stdout.contains("PARTIAL") && run.stdout.contains("softmax f32"), "{run:#?}");
    let report = json(&place, "bench.json");
    assert_eq!(report["partial"], true);
    assert!(report["timings"].as_array().is_some_and(|timings| !timings.is_empty()), "{report}");
    // It can be compared with, and that is said.
    let again = [
        "bench",
        "--case",
        "softmax f32 rows=9232 width=577 scale=1",
        "--repeat",
        "1",
        "--compare",
        "bench.json",
    ];
    let run = place.run(&again);
    assert!(run.stderr.contains("the old run was stopped before its end"), "{run:#?}");
}

#[test]
fn an_interrupted_tune_keeps_what_was_raced() {
    let place = Place::new();
    let child = start(&place, &["tune", "--case", "softmax"]);
    wait_for(&place, |done, of, what| done >= 1 && of > 1 && what.starts_with("softmax"));
    let run = stop(&place, child, "-TERM");
    assert!(run.stderr.contains("PARTIAL: stopped after "), "{run:#?}");
    let mut show = place.program();
    let shown =
        common::finish(show.env("XDG_CACHE_HOME", place.path("cache")).args(["tune", "--show"])).succeeds();
    assert!(shown.stdout.contains("softmax"), "{shown:#?}");
}
