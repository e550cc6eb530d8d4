//! The commands that faults are tried on, each as small as it can be with all of its kinds of files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{self, Run};
use crate::contents;

/// Names of files and what they hold.
pub type Files = Vec<(String, Vec<u8>)>;

/// A command.
pub struct Verb {
    pub name: &'static str,
    /// Whether it opens a device.
    pub device: bool,
    /// Makes what it reads.
    pub setup: fn(&Path),
    /// Puts the output folder into its first state.
    pub before: fn(&Path),
    /// Its words, which may depend on what is there.
    pub words: fn(&Path) -> Vec<String>,
    /// What it has left in its output folder, but for what differs between equal runs.
    pub outcome: fn(&Path) -> Files,
    /// Whether a second run says that the first was complete.
    pub is_finished: fn(&Run) -> bool,
}

/// All of them.
pub const COMMANDS: [Verb; 7] = [
    Verb {
        name: "detect",
        device: true,
        setup: |place| photos(place, "in", 3),
        before: |_| {},
        words: |_| words("detect in --out out --save-maps --batch 2 --model model"),
        outcome: |out| contents(out, timeless),
        is_finished: |_| false,
    },
    Verb {
        name: "eval",
        device: true,
        setup: |place| {
            photos(place, "data/cup/test/good", 2);
            photos(place, "data/cup/test/bent", 2);
        },
        before: |_| {},
        words: |_| words("eval --data data --out out --batch 2 --model model"),
        outcome: |out| contents(out, timeless),
        is_finished: |_| false,
    },
    Verb {
        name: "watch",
        device: true,
        setup: |place| photos(place, "in", 3),
        before: |_| {},
        words: |_| words("watch in --out out/lines.jsonl --every 10 --idle 0.03 --batch 2 --model model"),
        outcome: |out| contents(out, timeless),
        is_finished: |_| false,
    },
    Verb {
        name: "calibrate",
        device: true,
        setup: |place| photos(place, "good", 3),
        before: |_| {},
        words: |_| {
            words("calibrate --good good --false-alarms 0.4 --out out/alarm.json --batch 2 --model model")
        },
        outcome: |out| contents(out, timeless),
        is_finished: |_| false,
    },
    Verb {
        name: "teach",
        device: true,
        setup: |place| photos(place, "good", 3),
        before: |_| {},
        // The embedded model: a part remembers the folder of another one.
        words: |_| words("teach --good good --false-alarms 0.6 --out out/part.safetensors --batch 2"),
        outcome: |out| contents(out, timeless),
        is_finished: |_| false,
    },
    Verb {
        name: "train",
        device: true,
        setup: |place| fs::write(place.join("run.toml"), "[learner]\nprompt_sets = 1\n").expect("writable"),
        before: |_| {},
        words: |place| {
            let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
            let (data, model) = (goldens.join("learner"), goldens.join("open_clip"));
            let mut all = words("train --out out --data");
            all.push(data.display().to_string());
            all.push("--model".into());
            all.push(model.display().to_string());
            all.extend(match place.join("out/checkpoint.safetensors").is_file() {
                true => words("--resume"),
                false => words("--config run.toml --image-size 32 --steps 2 --batch 1 --checkpoint-every 1"),
            });
            all
        },
        outcome: |out| contents(out, timeless),
        is_finished: |_| false,
    },
    Verb {
        name: "synth",
        device: false,
        setup: |_| {},
        before: |_| {},
        words: |_| {
            let one = "--train-good 1 --test-good 1 --per-defect 1 --size 64";
            words(&format!("synth --out out/set --objects washer --defects scratch {one}"))
        },
        outcome: |out| contents(out, timeless),
        // It refuses to write over what is there.
        is_finished: |again| again.stderr.contains("not empty"),
    },
];

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A tiny model, and photos.
fn photos(place: &Path, folder: &str, count: u32) {
    common::model::write_tiny(&place.join("model"));
    let folder: PathBuf = place.join(folder);
    let first = folder.as_os_str().len() as u32;
    (0..count).for_each(|n| drop(common::save_picture(&folder, &format!("{n}.png"), (24, 24), first + n)));
}

/// A file without what differs between equal runs: times, pages that have them, and locks.
fn timeless(name: &str, bytes: Vec<u8>) -> Option<Vec<u8>> {
    if name.ends_with(".lock") || name.ends_with("report.html") {
        return None;
    }
    let without = |value: &[u8], field: &str| {
        let mut value: Value = serde_json::from_slice(value).expect("JSON");
        value.as_object_mut().expect("an object").remove(field);
        value.to_string().into_bytes()
    };
    Some(match name {
        "results.json" => without(&bytes, "timing"),
        "steps.jsonl" => bytes
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .flat_map(|line| without(line, "seconds"))
            .collect(),
        _ => bytes,
    })
}
