//! A device that is lost midway is opened again, and the results are those of a device that was kept.

use std::fs;
use std::process::Command;

use crate::common::{self, finish};
use crate::{Place, common::timeless};

const MODEL: [&str; 4] = ["--model", "model", "--batch", "2"];

fn place() -> Place {
    let place = Place::new();
    (0..6).for_each(|n| place.picture(&format!("in/{n}.png"), n));
    place
}

fn command(place: &Place, words: &[&str]) -> Command {
    let mut command = place.program();
    command.args(words).args(MODEL);
    command
}

/// Runs the command whole and with the device lost at one submit after the other until the run has no more. `outcome`
/// reads what a run wrote, and removes it.
fn lose_at_each<T: PartialEq + std::fmt::Debug>(place: &Place, words: &[&str], outcome: impl Fn() -> T) {
    finish(&mut command(place, words)).succeeds();
    let whole = outcome();
    let mut lost = 0;
    for submit in [1, 3] {
        let ran = finish(command(place, words).env("DAPO_LOSE_DEVICE_AT", submit.to_string())).succeeds();
        lost += usize::from(
            ran.stderr.contains("the device was lost") && ran.stderr.contains("opening it again"),
        );
        assert_eq!(outcome(), whole, "lost at submit {submit}");
    }
    assert!(lost > 1, "{words:?}: lost {lost} times only");
}

#[test]
fn detect_goes_on_with_another_device() {
    let place = place();
    let defects = ["--defects", "scratch,hole"];
    let words = [&["detect", "in", "--out", "out", "--save-maps"], &defects[..]].concat();
    lose_at_each(&place, &words, || {
        let out = place.path("out");
        let maps = common::files(&out.join("maps"));
        let maps: Vec<_> =
            maps.iter().map(|name| fs::read(out.join("maps").join(name)).expect("a map")).collect();
        let found = (timeless(&out).to_string(), maps);
        fs::remove_dir_all(out).expect("the output");
        found
    });
}

#[test]
fn calibrate_and_watch_go_on_with_another_device() {
    let place = place();
    let calibrate = ["calibrate", "--good", "in", "--false-alarms", "0.2", "--out", "alarm.json"];
    lose_at_each(&place, &calibrate, || fs::read_to_string(place.path("alarm.json")).expect("a threshold"));
    let watch = ["watch", "in", "--out", "lines.jsonl", "--every", "10", "--idle", "0.05"];
    lose_at_each(&place, &watch, || {
        let lines = fs::read_to_string(place.path("lines.jsonl")).expect("lines");
        fs::remove_file(place.path("lines.jsonl")).expect("there");
        assert_eq!(lines.lines().count(), 7);
        lines
    });
}

#[test]
fn eval_goes_on_with_another_device() {
    let place = Place::new();
    for (seed, kind) in ["good", "bent", "torn"].into_iter().enumerate() {
        (0..3).for_each(|n| place.picture(&format!("data/cup/test/{kind}/{n}.png"), (7 * seed) as u32 + n));
    }
    lose_at_each(&place, &["eval", "--data", "data", "--out", "run"], || {
        let read = |name: &str| fs::read(place.path("run").join(name)).expect("a file");
        let found = ["metrics.json", "images.jsonl", "counts/0.bin"].map(read);
        fs::remove_dir_all(place.path("run")).expect("the run");
        found
    });
}
