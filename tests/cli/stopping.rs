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
