//! `detect` that was stopped: what was done is there, the same command goes on from there to the same bytes, and results
//! of two runs are never mixed.

use std::fs;
use std::path::Path;

use crate::common::{self, Run, finish};
use crate::{Place, common::timeless};

/// Seven photos, one of which cannot be read.
fn place() -> Place {
    let place = Place::new();
    (0..7).for_each(|n| place.picture(&format!("in/{n}.png"), n));
    place.write("in/3.png", b"no picture");
    place
}

fn detect(place: &Place, out: &str, more: &[&str]) -> Run {
    finish(&mut detection(place, out, more))
}

fn detection(place: &Place, out: &str, more: &[&str]) -> std::process::Command {
    let mut command = place.program();
    command.args([
        "detect",
        "in",
        "--model",
        "model",
        "--defects",
        "scratch,hole",
        "--batch",
        "2",
        "--save-maps",
    ]);
    command.args(["--out", out]).args(more);
    command
}

/// Ends a run at its n-th write, as SIGKILL would.
fn kill_at(place: &Place, out: &str, write: usize, more: &[&str]) {
    let mut command = detection(place, out, more);
    let status = command.env("DAPO_KILL_AT_WRITE", write.to_string()).output().expect("it starts").status;
    assert_eq!(status.code(), None, "it was not killed at write {write}");
}

/// All files but the page, which has times in it, and `results.json` without times.
#[track_caller]
fn assert_same(a: &Path, b: &Path) {
    assert_eq!(common::files(a), common::files(b));
    assert_eq!(timeless(a).to_string(), timeless(b).to_string());
    for name in common::files(a).iter().filter(|name| name.ends_with(".png") || name.ends_with(".npy")) {
        let read = |folder: &Path| fs::read(folder.join(name)).expect("a file");
        assert!(read(a) == read(b), "{name}");
    }
}

fn done_before(run: &Run) -> usize {
    let said = run.stderr.lines().find(|line| line.contains(" done before"));
    said.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_killed_detection_goes_on_to_the_same_bytes() {
    let place = place();
    // An image has three files of two writes each.
    for (more, writes) in [(&[][..], &[1, 20, 40][..]), (&["--tile", "24"], &[20])] {
        assert_eq!(detect(&place, "whole", more).code, Some(3));
        for &write in writes {
            let _ = fs::remove_dir_all(place.path("out"));
            kill_at(&place, "out", write, more);
            common::assert_whole(&place.path("out"));
            assert!(!place.path("out/results.json").exists(), "results come last");
            let again = detect(&place, "out", more);
            assert_eq!(again.code, Some(3), "{again:#?}");
            assert_eq!(done_before(&again) > 0, write >= 20, "{write}: {}", again.stderr);
            assert_same(&place.path("out"), &place.path("whole"));
        }
        fs::remove_dir_all(place.path("whole")).expect("the output");
    }
}

#[test]
fn an_interrupted_detection_can_be_killed_again_and_again() {
    let place = place();
    detect(&place, "whole", &[]);
    let mut kills = 0;
    // Each process comes a little further.
    for _ in 0..12 {
        let status =
            detection(&place, "out", &[]).env("DAPO_KILL_AT_WRITE", "16").output().expect("it starts");
        if status.status.code().is_some() {
            break;
        }
        kills += 1;
    }
    assert!(kills > 1, "{kills}");
    assert_same(&place.path("out"), &place.path("whole"));
}

#[test]
fn what_has_changed_meanwhile_is_done_again_and_said() {
    let place = place();
    // A photo that is done.
    kill_at(&place, "out", 33, &[]);
    place.picture("in/1.png", 55);
    let again = detect(&place, "out", &[]);
    assert!(again.stderr.contains("are done again"), "{}", again.stderr);
    detect(&place, "whole", &[]);
    assert_same(&place.path("out"), &place.path("whole"));
    fs::remove_dir_all(place.path("out")).expect("the output");

    // A photo that is gone leaves nothing, a new one is seen.
    kill_at(&place, "out", 33, &[]);
    fs::remove_file(place.path("in/2.png")).expect("there");
    place.picture("in/9.png", 9);
    detect(&place, "out", &[]);
    assert!(!place.path("out/overlays/2.png").exists());
    detect(&place, "whole", &[]);
    assert_same(&place.path("out"), &place.path("whole"));
    fs::remove_dir_all(place.path("out")).expect("the output");

    // A file of a result, and a line.
    kill_at(&place, "out", 33, &[]);
    fs::write(place.path("out/maps/1.binary.npy"), b"mine").expect("writable");
    let again = detect(&place, "out", &[]);
    assert!(again.stderr.contains("are done again"), "{}", again.stderr);
    let aside = place.path("out/maps/1.binary.npy.before-1");
    assert_eq!(fs::read(&aside).expect("what is not of the program is kept"), b"mine");
    fs::remove_file(aside).expect("there");
    assert_same(&place.path("out"), &place.path("whole"));
    fs::remove_dir_all(place.path("out")).expect("the output");
    kill_at(&place, "out", 33, &[]);
    let lines = fs::read_to_string(place.path("out/detect.jsonl")).expect("lines");
    let edited = lines.replacen("\"score\":0", "\"score\":1", 1);
    assert_ne!(lines, edited);
    fs::write(place.path("out/detect.jsonl"), edited).expect("writable");
    let again = detect(&place, "out", &[]);
    assert!(again.stderr.contains("are done again"), "{}", again.stderr);
    assert_same(&place.path("out"), &place.path("whole"));
}

#[test]
fn other_settings_begin_anew_and_say_so() {
    let place = place();
    type Change<'a> = (&'a str, &'a [&'a str], &'a dyn Fn());
    let tiny = || common::model::write_tiny(&place.path("model"));
    let other = || {
        let mut tiny = common::model::Tiny::new();
        let values = &mut tiny.tensors.values_mut().next().expect("a tensor").1;
        values[0] += 0.25;
        tiny.write(&place.path("model"), safetensors::Dtype::F32);
    };
    let changes: [Change<'_>; 4] = [
        ("threshold", &["--threshold", "0.3"], &|| ()),
        ("reading", &["--orient", "stored"], &|| ()),
        ("overlays", &["--no-overlays"], &|| ()),
        ("model_files", &[], &other),
    ];
    for (field, more, change) in changes {
        kill_at(&place, "out", 33, &[]);
        change();
        let again = detect(&place, "out", more);
        assert!(
            again.stderr.contains(field) && again.stderr.contains("computed anew"),
            "{field}: {}",
            again.stderr
        );
        detect(&place, "whole", more);
        assert_same(&place.path("out"), &place.path("whole"));
        tiny();
        fs::remove_dir_all(place.path("out")).expect("the output");
        fs::remove_dir_all(place.path("whole")).expect("the output");
    }
}

#[test]
fn a_second_run_leaves_nothing_of_the_first_and_all_of_the_user() {
    let place = place();
    detect(&place, "out", &[]);
    let mine = ["out/notes.txt", "out/overlays/mine.png", "out/maps/sub/mine.npy"];
    mine.iter().for_each(|name| place.write(name, b"mine"));
    // The user has drawn on one of them.
    place.write("out/overlays/6.png", b"mine, too");
    (1..7).for_each(|n| fs::remove_file(place.path(&format!("in/{n}.png"))).expect("there"));
    place.picture("in/new/a.png", 4);
    let ran = detect(&place, "out", &["--no-overlays"]).succeeds();
    assert!(ran.stderr.contains("overlays/6.png: changed since"), "{}", ran.stderr);
    let left = [
        "maps/0.binary.npy",
        "maps/0.multi.npy",
        "maps/new/a.binary.npy",
        "maps/new/a.multi.npy",
        "maps/sub/mine.npy",
        "notes.txt",
        "overlays/6.png",
        "overlays/mine.png",
        "report.html",
        "results.json",
    ];
    assert_eq!(common::files(&place.path("out")), left);
    assert!(mine.iter().all(|name| fs::read(place.path(name)).expect("there") == b"mine"));

    // While a second run is under way, nothing of the first stands beside what it has written.
    kill_at(&place, "out", 6, &[]);
    let names = common::files(&place.path("out"));
    assert!(!names.iter().any(|name| ["report.html", "results.json"].contains(&name.as_str())), "{names:?}");
}

#[test]
fn a_full_disk_loses_nothing_that_is_done() {
    let place = place();
    detect(&place, "whole", &[]);
    let mut command = detection(&place, "out", &[]);
    let full = finish(command.env("DAPO_FAIL_WRITE_AT", "33+"));
    let full = full.fails_with(&["the disk is full", "images done", "the same command goes on"]);
    assert_eq!(full.code, Some(1));
    assert!(done_before(&detect(&place, "out", &[])) > 0);
    assert_same(&place.path("out"), &place.path("whole"));
    fs::remove_dir_all(place.path("out")).expect("the output");

    // A single write that fails: what is done is in results that can be read.
    let mut command = detection(&place, "out", &[]);
    finish(command.env("DAPO_FAIL_WRITE_AT", "33")).fails_with(&["results.json has the"]);
    let results = common::results(&place.path("out"));
    assert!(!results.images.is_empty() && results.settings["interrupted"] == true);
    detect(&place, "out", &[]);
    assert_same(&place.path("out"), &place.path("whole"));
}

#[test]
fn one_program_at_a_time_and_the_output_of_a_stopped_run_is_no_photo() {
    let place = place();
    kill_at(&place, "in/out", 33, &[]);
    let lock = fs::File::open(place.path("in/out/detect.lock")).expect("a lock file");
    lock.lock().expect("free");
    detect(&place, "in/out", &[]).fails_with(&["another program is writing here"]);
    drop(lock);
    let calibrate =
        ["calibrate", "--good", "in", "--false-alarms", "0.5", "--out", "a.json", "--model", "model"];
    place.write("in/3.png", &place.picture_bytes("3.png"));
    let ran = place.run(&[&calibrate[..], &["--json"]].concat()).succeeds();
    assert!(ran.stdout.contains("\"images\": 7"), "{}", ran.stdout);
    place.write("in/3.png", b"no picture");
    detect(&place, "in/out", &[]);
    detect(&place, "whole", &[]);
    let left_out = |out: &str| timeless(&place.path(out))["left_out"].clone();
    assert_eq!(left_out("in/out"), serde_json::Value::Null, "a run's own output counts for nothing");
    assert_ne!(left_out("whole"), serde_json::Value::Null);
}
