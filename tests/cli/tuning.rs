//! `tune`: what it finds, remembers, explains and forgets, and files that it must not trust.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Place, common};

const CASE: &str = "softmax f32 rows=64 width=77 scale=1";

/// A place with a cache folder of its own, so that no other test sees what was tuned.
struct Tuned(Place);

impl Tuned {
    fn run(&self, words: &[&str]) -> common::Run {
        common::finish(self.program("cache").args(words))
    }

    /// The program with this cache folder; Mesa keeps using the tests' common one for its shaders.
    fn program(&self, cache: &str) -> Command {
        let mut command = self.0.program();
        command.env("MESA_SHADER_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
        command.env("XDG_CACHE_HOME", self.0.path(cache));
        command
    }

    /// The one tuning file.
    fn file(&self) -> PathBuf {
        let folder = self.0.path("cache/dapo-wgpu/tuning");
        let found: Vec<PathBuf> =
            fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(found.len(), 1, "one device, one file, nothing temporary: {found:?}");
        found[0].clone()
    }
}

#[test]
fn a_race_is_remembered_shown_and_forgotten() {
    let place = Tuned(Place::new());
    place.run(&["tune", "--show"]).fails_with(&["nothing is known", "dapo-wgpu tune"]);
    let run = place.run(&["tune", "--case", CASE]).succeeds();
    assert!(run.stdout.contains(CASE) && run.stdout.contains("won"), "{run:#?}");
    assert!(run.stdout.contains("workgroup"), "the loser is shown too: {run:#?}");

    let shown = place.run(&["tune", "--show", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(json["schema"], "dapo-wgpu/tuning/1");
    assert_eq!(json["choices"][0]["case"], CASE);
    let candidates = json["choices"][0]["candidates"].as_array().expect("candidates");
    assert_eq!(candidates.iter().filter(|c| c["fate"] == "won").count(), 1);
    let named = |variant: &str| candidates.iter().any(|c| c["variant"] == variant);
    assert!(named("row") && named("workgroup"), "{candidates:?}");
    assert_eq!(
        named("registers"),
        candidates.len() == 3,
        "only devices with subgroups race a third: {candidates:?}"
    );

    place.run(&["tune", "--case", "l2norm f32 rows=64 width=77"]).succeeds();
    let both = place.run(&["tune", "--show"]).succeeds().stdout;
    assert!(both.contains(CASE) && both.contains("l2norm"), "what was known stays: {both}");
    place.run(&["tune", "--forget"]).succeeds();
    place.run(&["tune", "--show"]).fails_with(&["nothing is known"]);
}

#[test]
fn the_winner_is_what_runs() {
    let place = Tuned(Place::new());
    place.run(&["tune", "--case", CASE]).succeeds();
    let file = place.file();
    let mut json: Value = serde_json::from_slice(&fs::read(&file).expect("the file")).expect("JSON");
    // Which one wins depends on the machine and the moment; what runs without a race does not.
    let default = json["choices"][0]["default"].as_str().expect("a variant").to_owned();
    let other = if default == "row" { "workgroup" } else { "row" };
    json["choices"][0]["variant"] = other.into();
    fs::write(&file, json.to_string()).expect("a writable file");
    let variant = |run: common::Run| {
        let report: Value = serde_json::from_str(&run.succeeds().stdout).expect("JSON");
        report["timings"][0]["variant"].as_str().expect("a variant").to_owned()
    };
    let bench = ["bench", "--case", CASE, "--repeat", "1", "--json"];
    assert_eq!(variant(place.run(&bench)), other);
    let untuned = common::finish(place.program("cache").env("DAPO_NO_TUNING", "1").args(bench));
    assert_eq!(variant(untuned), default);
}

#[test]
fn a_damaged_or_stale_file_is_ignored_with_a_note_and_replaced_by_the_next_race() {
    let place = Tuned(Place::new());
    place.run(&["tune", "--case", CASE]).succeeds();
    let file = place.file();
    let good = fs::read_to_string(&file).expect("the file");
    let kernels =
        serde_json::from_str::<Value>(&good).expect("JSON")["kernels"].as_str().expect("a hash").to_owned();
    for (text, note) in [
        (good[..good.len() / 2].to_owned(), "damaged"),
        (good.replace(&kernels, "0123456789abcdef"), "other kernels"),
        (good.replace("dapo-wgpu/tuning/1", "dapo-wgpu/tuning/9"), "tuning/9"),
    ] {
        fs::write(&file, text).expect("a writable file");
        let run = place.run(&["check", "--case", "copy f32 n=4"]).succeeds();
        assert!(run.stderr.contains("note:") && run.stderr.contains(note), "{note}: {run:#?}");
        place.run(&["tune", "--show"]).fails_with(&[note]);
    }
    place.run(&["tune", "--case", CASE]).succeeds();
    let run = place.run(&["check", "--case", "copy f32 n=4"]).succeeds();
    assert!(!run.stderr.contains("note:"), "{run:#?}");
}

#[test]
fn a_model_is_tuned_by_the_cases_that_it_runs() {
    let place = Tuned(Place::new());
    let run = place.run(&["tune", "--model", "model", "--batch", "2"]).succeeds();
    for kernel in ["matmul", "attention", "layernorm"] {
        assert!(run.stdout.contains(&format!("\n{kernel} f32")), "{kernel}: {run:#?}");
    }
}

#[test]
fn requests_that_cannot_be_met() {
    let place = Tuned(Place::new());
    place.run(&["tune", "--case", "nosuch"]).fails_with(&["nosuch", "--list"]);
    place.run(&["tune", "--model", "nowhere"]).fails_with(&["nowhere"]);
    place.0.write("blocked", b"a file where the cache folder should be");
    common::finish(place.program("blocked").args(["tune", "--case", CASE])).fails_with(&["blocked"]);
}
