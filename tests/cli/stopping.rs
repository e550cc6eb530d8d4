//! Runs that are stopped in the middle.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::Place;
use crate::common;

/// Enough that no machine finishes before it is stopped.
const IMAGES: usize = 3000;

/// A place with a folder of images that are cheap to make.
fn many() -> Place {
    let place = Place::new();
    let bytes = place.picture_bytes("a.png");
    (0..IMAGES).for_each(|number| place.write(&format!("in/{number:04}.png"), &bytes));
    place
}

/// Starts `detect` on them and waits until `overlays` pictures are there.
fn start(place: &Place, overlays: usize) -> Child {
    let mut command = place.detection(&["in", "--save-maps", "--batch", "2"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    let folder = place.path("out/overlays");
    let started = Instant::now();
    while fs::read_dir(&folder).map_or(0, Iterator::count) < overlays {
        assert!(started.elapsed() < Duration::from_secs(120), "no overlay after two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let number = child.id().to_string();
    let sent = std::process::Command::new("kill").args([name, &number]).status().expect("kill");
    assert!(sent.success());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_writes_what_is_done() {
    let place = many();
    for name in ["-INT", "-TERM"] {
        let child = start(&place, 4);
        signal(&child, name);
        let run: common::Run = child.wait_with_output().expect("it ends").into();
        assert_eq!(run.code, Some(130), "{name}: {run:#?}");
        assert!(run.stderr.contains("interrupted"), "{}", run.stderr);
        let out = place.path("out");
        common::assert_whole(&out);
        let results = common::results(&out);
        assert_eq!(results.settings["interrupted"], true);
        assert!((1..IMAGES).contains(&results.images.len()), "{} images", results.images.len());
        assert_eq!(run.stdout.lines().count(), results.images.len());
        for image in results.images.iter().map(|i| i.scored().expect("scored")) {
            assert!(out.join(image.overlay.as_ref().expect("an overlay")).is_file());
        }
        let page = fs::read_to_string(out.join("report.html")).expect("a page");
        assert!(page.contains("0000.png"));
        fs::remove_dir_all(out).expect("the output");
    }
}

/// At the start, while a device is opened and kernels compile, and later: every command ends in bounded time.
#[cfg(unix)]
#[test]
#[ignore = "half a minute of waiting: run by `make kills`"]
fn signals_end_every_command() {
    let place = many();
    fs::create_dir(place.path("inbox")).expect("a folder");
    let goldens = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/learner");
    let train = format!("train --data {} --steps 100000", goldens.display());
    let commands = [
        "detect --out found",
        "calibrate --out alarm.json --good",
        "watch inbox --out lines.jsonl",
        &train,
        "embed --out features.safetensors --image",
        "synth --size 512 --per-defect 500",
    ];
    for (at, words) in commands.into_iter().enumerate() {
        for (name, wait) in [("-TERM", 250), ("-INT", 1200)] {
            let out = format!("out-{at}-{wait}");
            let mut command = place.program();
            command.args(words.split(' '));
            match words.split(' ').next() {
                Some("train" | "synth") => drop(command.args(["--out", &out])),
                Some("embed") => drop(command.args((0..IMAGES).map(|n| format!("in/{n:04}.png")))),
                Some("watch") => {}
                _ => drop(command.arg("in")),
            }
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
            std::thread::sleep(Duration::from_millis(wait));
            signal(&child, name);
            let sent = Instant::now();
            let run: common::Run = child.wait_with_output().expect("it ends").into();
            // 20 seconds to finish, and some for a machine with much to do.
            assert!(sent.elapsed() < Duration::from_secs(30), "{words}: {:?}", sent.elapsed());
            let expected = if words.starts_with("watch") { 0 } else { 130 };
            assert_eq!(run.code, Some(expected), "{words} {name}: {run:#?}");
            assert!(run.stderr.contains("interrupted"), "{words}: {}", run.stderr);
        }
    }
}

/// A reader that has stopped reading keeps no command from ending.
#[cfg(unix)]
#[test]
#[ignore = "half a minute of waiting: run by `make kills`"]
fn a_reader_that_does_not_read_keeps_no_program() {
    let place = Place::new();
    // More names than a pipe holds, each with an error on standard error.
    let names: Vec<String> = (0..2000).map(|n| format!("{n:04}-{}.png", "x".repeat(60))).collect();
    names.iter().for_each(|name| place.write(&format!("in/{name}"), b"no picture"));
    let mut command = place.detection(&["in"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_secs(3));
    assert!(child.try_wait().expect("a child").is_none(), "it has nothing to wait for");
    signal(&child, "-TERM");
    let sent = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        assert!(sent.elapsed() < Duration::from_secs(30), "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().expect("gone").code(), Some(130));
}

#[cfg(unix)]
#[test]
fn an_impatient_user_interrupts_twice() {
    let place = many();
    let child = start(&place, 1);
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(20));
    // The first may have been enough already.
    let _ = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).output();
    let run: common::Run = child.wait_with_output().expect("it ends").into();
    assert_eq!(run.code, Some(130), "{run:#?}");
    common::assert_whole(&place.path("out"));
}

#[test]
fn a_killed_run_leaves_only_whole_files() {
    let place = many();
    for overlays in [1, 7, 20] {
        let mut child = start(&place, overlays);
        child.kill().expect("it was running");
        child.wait().expect("it ends");
        let out = place.path("out");
        common::assert_whole(&out);
        assert!(!out.join("results.json").exists(), "results come last");
        fs::remove_dir_all(out).expect("the output");
    }
}
