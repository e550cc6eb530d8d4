//! `eval` and `merge`: a whole data set, in parts or not, killed or not, gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use dapo_wgpu::metrics::auroc;
use dapo_wgpu::report::metrics::{Figure, ImageRecord, Metrics};
use serde_json::Value;

use crate::common::{self, Run, finish};
use crate::training::{first, goldens, text};
use crate::{Place, common::run};

impl Place {
    /// A data set of two products with two kinds of defects, in `data`: 8 images of each.
    fn with_data(size: &str) -> Self {
        let place = Self::new();
        let words = ["synth", "--out", "data", "--objects", "washer,leather", "--defects", "scratch,hole"];
        let numbers = ["--train-good", "1", "--test-good", "4", "--per-defect", "2", "--size", size];
        place.run(&[&words[..], &numbers].concat()).succeeds();
        place
    }

    /// Runs `eval --data data --model model --out OUT …`.
    fn eval(&self, out: &str, words: &[&str]) -> Run {
        self.run(&[&["eval", "--data", "data", "--model", "model", "--out", out], words].concat())
    }

    /// Runs `merge PART… --out OUT`.
    fn merge(&self, parts: &[&str], out: &str) -> Run {
        self.run(&[&["merge"], parts, &["--out", out]].concat())
    }

    /// Copies a folder of files.
    fn copy(&self, from: &str, to: &str) {
        for name in common::files(&self.path(from)) {
            self.write(&format!("{to}/{name}"), &fs::read(self.path(from).join(name)).expect("a file"));
        }
    }

    fn metrics(&self, out: &str) -> Metrics {
        let path = self.path(out).join("metrics.json");
        common::schemas::assert_file_follows(&path);
        let bytes = fs::read(path).expect("metrics.json");
        serde_json::from_slice(&bytes).expect("the schema")
    }

    fn records(&self, out: &str) -> Vec<ImageRecord> {
        let path = self.path(out).join("images.jsonl");
        common::schemas::assert_file_follows(&path);
        common::schemas::assert_file_follows(&self.path(out).join("run.json"));
        let text = fs::read_to_string(path).expect("images.jsonl");
        text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect()
    }
}

/// Asserts that two runs have the same figures and the same images, to the byte.
#[track_caller]
fn assert_same(a: &Path, b: &Path) {
    for name in ["metrics.json", "metrics.csv", "images.jsonl"] {
        let read = |run: &Path| fs::read_to_string(run.join(name)).expect("a file");
        assert_eq!(read(a), read(b), "{name} of {} and {}", a.display(), b.display());
    }
}

/// The embedded model, on a set with a broken image and one without its mask.
#[test]
fn a_data_set_is_evaluated_and_failed_images_are_reported() {
    let place = Place::with_data("96");
    place.write("data/washer/test/hole/001.png", b"no picture");
    fs::remove_file(place.path("data/leather/ground_truth/scratch/000_mask.png")).expect("a mask");
    let words = ["eval", "--data", "data", "--out", "run"];
    let ran = place.run(&words);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    assert!(ran.stderr.contains("1 of 16 images could not be evaluated"), "{}", ran.stderr);
    assert!(ran.stderr.lines().any(|line| line.starts_with("on ")), "the adapter is named: {}", ran.stderr);
    assert!(ran.stdout.contains("AUROC"), "a table: {}", ran.stdout);
    let out = place.path("run");
    common::assert_whole(&out);

    let found = place.metrics("run");
    assert_eq!((found.method.as_str(), found.data.images, found.data.layout.as_str()), ("clip", 16, "mvtec"));
    assert_eq!((found.data.name.as_str(), found.data.list_sha256.len()), ("data", 64));
    assert_eq!(found.defects, ["hole", "scratch"]);
    assert_eq!(found.settings["batch"], 8);
    assert!(found.model.expect("a model").demonstration && found.adapter.is_some());
    assert_eq!(found.failed.len(), 1);
    assert!(found.failed[0].path.ends_with("washer/test/hole/001.png"));
    assert!(found.failed[0].error.contains("not a readable image"), "{:?}", found.failed[0]);
    for figure in Figure::ALL {
        let value = found.mean.values[&figure];
        assert!((0.0..=1.0).contains(&value), "{figure:?}: {value}");
        let mean = found.products.values().map(|p| p.figures.values[&figure]).sum::<f64>() / 2.0;
        assert!((value - mean).abs() < 1e-12, "{figure:?} is the plain mean of the products");
    }

    let (leather, washer) = (&found.products["leather"], &found.products["washer"]);
    assert_eq!((leather.images, leather.defective, leather.without_mask), (8, 4, 1));
    assert_eq!(
        (washer.images, washer.defective, washer.without_mask),
        (7, 3, 0),
        "the broken one is in none"
    );
    let pixels = |p: &BTreeMap<String, _>, name: &str| -> u64 {
        let class: &dapo_wgpu::report::metrics::TypeFigures = &p[name];
        class.support
    };
    for (product, masks) in [(leather, 7), (washer, 7)] {
        let all: u64 = product.types.keys().map(|name| pixels(&product.types, name)).sum();
        assert_eq!(all, masks * 128 * 128, "pixels of images with a mask");
        let counted = product.image_confusion.as_ref().expect("types").counts.iter().flatten().sum::<u64>();
        assert_eq!(counted as usize, product.images);
    }

    let records = place.records("run");
    assert_eq!(records.iter().map(|r| r.index).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
    for (name, product) in &found.products {
        let of: Vec<_> = records.iter().filter(|r| r.product == *name && r.score.is_some()).collect();
        let scores: Vec<f32> = of.iter().filter_map(|r| r.score).collect();
        let labels: Vec<bool> = of.iter().map(|r| r.truth.is_some()).collect();
        let again = auroc(&scores, &labels).expect("both kinds");
        assert_eq!(again, product.figures.values[&Figure::ImageAuroc], "{name}");
    }
    let page = fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("not a readable image"), "the page names what failed");

    // A second time: nothing is computed again, and the bytes are the same.
    place.copy("run", "before");
    let again = place.run(&[&words[..], &["--json"]].concat());
    assert_eq!(again.code, Some(3), "{again:#?}");
    assert!(again.stderr.contains("16 of 16 images were done before"), "{}", again.stderr);
    assert_same(&place.path("before"), &out);
    assert_eq!(again.stdout, fs::read_to_string(out.join("metrics.json")).expect("metrics.json"));
}

#[test]
fn parts_make_the_bytes_of_the_whole() {
    let place = Place::with_data("64");
    place.write("data/washer/test/good/003.png", b"no picture");
    let parts = ["part1", "part2", "part3"];
    assert_eq!(place.eval("whole", &[]).code, Some(3));
    for (part, shard) in parts.iter().zip(["1/3", "2/3", "3/3"]) {
        let ran = place.eval(part, &["--shard", shard]).succeeds();
        assert!(ran.stderr.contains("merge") && !place.path(part).join("metrics.json").exists(), "{ran:#?}");
    }
    // In any order.
    let merged = place.merge(&["part3", "part1", "part2"], "merged");
    assert_eq!(merged.code, Some(3), "an image failed, as in the whole: {merged:#?}");
    assert_same(&place.path("whole"), &place.path("merged"));
    common::assert_whole(&place.path("merged"));

    // The command without --shard goes on from there: it adds the pictures to the page, and changes no figure.
    let size = |name: &str| fs::metadata(place.path(name).join("report.html")).expect("a page").len();
    let without = size("merged");
    let ran = place.eval("merged", &[]);
    assert!(ran.stderr.contains("16 of 16 images were done before"), "{}", ran.stderr);
    assert_same(&place.path("whole"), &place.path("merged"));
    assert!(size("merged") > without, "pictures");

    let refuse = |parts: &[&str], words: &[&str]| {
        place.merge(parts, "no").fails_with(words);
        assert_eq!(common::files(&place.path("no")), Vec::<String>::new(), "nothing half-written");
    };
    refuse(&["part1", "part3"], &["part 2/3 is missing", "--shard 2/3"]);
    refuse(&["part1", "part2", "part2"], &["part2 and part2 are both part 2/3"]);
    refuse(&["part1", "part2", "nowhere"], &["nowhere"]);
    place.merge(&parts, "merged").fails_with(&["merged: this folder holds a run already", "--out"]);

    // The state of killed parts: counts behind the lines, and a half-written line.
    place.copy("part2", "behind");
    fs::remove_file(place.path("behind/counts/1.bin")).expect("counts");
    refuse(
        &["part1", "behind", "part3"],
        &["behind: part 2/3 has ", " of its 5 images", "same eval command"],
    );
    place.copy("part2", "cut");
    let lines = fs::read(place.path("cut/images.jsonl")).expect("lines");
    place.write("cut/images.jsonl", &lines[..lines.len() - 7]);
    refuse(&["part1", "cut", "part3"], &["cut: part 2/3 has ", " of its 5 images"]);
    place.eval("behind", &["--shard", "2/3"]).succeeds();
    place.merge(&["part1", "behind", "part3"], "repaired");
    assert_same(&place.path("whole"), &place.path("repaired"));

    place.eval("half", &["--shard", "2/2"]).succeeds();
    refuse(&["part1", "half", "part3"], &["half: one part of 2, but part1 is one of 3"]);
    fs::remove_file(place.path("data/leather/test/good/000.png")).expect("an image");
    place.eval("other", &["--shard", "2/3"]).succeeds();
    refuse(&["part1", "other", "part3"], &["other: this part was made with another data"]);
}

/// Kills an evaluation repeatedly, at any moment from its start to its end. `DAPO_KILLS` sets how often;
/// `make kills` asks for fifty.
#[cfg(unix)]
#[test]
#[ignore = "half a minute: run by `make kills`; tests/faults.rs kills each command at a few writes"]
fn a_killed_run_of_eval_ends_in_the_same_bytes() {
    let kills: usize = std::env::var("DAPO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let place = Place::with_data("64");
    let bytes = fs::read(place.path("data/washer/test/good/000.png")).expect("an image");
    (4..52).for_each(|n| place.write(&format!("data/washer/test/good/{n:03}.png"), &bytes));
    let images = 64;
    // The embedded model, since a smaller one may finish before it is killed.
    let words = ["eval", "--data", "data", "--batch", "4", "--out"];
    place.run(&[&words[..], &["whole"]].concat()).succeeds();
    let (whole, out) = (place.path("whole"), place.path("run"));
    let mut seed = 0x5bd1_e995_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let lines =
        || fs::read(out.join("images.jsonl")).map_or(0, |text| text.split(|&b| b == b'\n').count() - 1);
    let (mut killed, mut in_the_middle) = (0, 0);
    while killed < kills {
        let mut command = place.program();
        command.args(words).arg("run").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        let mut ended = None;
        if draw(4) == 0 {
            std::thread::sleep(Duration::from_millis(draw(500) as u64)); // while it starts
        } else {
            // The adapter is named when the run is open: what stands in it then was kept.
            said.any(|line| line.starts_with("on "));
            let kept = lines();
            let wanted = kept + draw(images + 1 - kept);
            while ended.is_none() && lines() < wanted {
                std::thread::sleep(Duration::from_millis(1));
                ended = child.try_wait().expect("a child");
            }
            // All images done: somewhere in the tables and the page, or behind them.
            let longest = if kept == images { 3000 } else { 30 };
            std::thread::sleep(Duration::from_millis(draw(longest) as u64));
        }
        match ended.or(child.try_wait().expect("a child")) {
            Some(status) => {
                // It had finished before: compare, and begin again.
                assert!(status.success());
                assert_same(&whole, &out);
                fs::remove_dir_all(&out).expect("the run");
            }
            None => {
                child.kill().expect("killed"); // SIGKILL: nothing is flushed, no handler runs
                child.wait().expect("gone");
                killed += 1;
                in_the_middle += usize::from((1..images).contains(&lines()));
                common::assert_whole(&out);
            }
        }
    }
    println!("killed {killed} times, {in_the_middle} of them with some images done");
    assert!(in_the_middle > 0, "no run was caught in the middle");
    place.run(&[&words[..], &["run"]].concat()).succeeds();
    assert_same(&whole, &out);
    assert_eq!(common::files(&out), common::files(&whole), "no temporary file is left");
}

#[test]
fn eval_refuses_invalid_requests_and_writes_nothing() {
    let place = Place::with_data("64");
    let wrong = |words: &[&str], message: &[&str]| {
        place.eval("no", words).fails_with(message);
        assert!(!place.path("no").exists(), "not even the folder is made");
    };
    wrong(&["--shard", "4/3"], &["4/3", "i/n"]);
    wrong(&["--overlap", "0.5"], &["--tile"]);
    wrong(&["--tile", "64", "--overlap", "0.95"], &["--overlap", "from 0 to 0.9"]);
    wrong(&["--tile", "64", "--overlap", "NaN"], &["--overlap", "from 0 to 0.9"]);
    wrong(&["--batch", "0"], &["--batch"]);
    let nowhere = ["eval", "--data", "/nonexistent", "--model", "model", "--out", "no"];
    place.run(&nowhere).fails_with(&["/nonexistent", "no such file or folder"]);
    assert!(!place.path("no").exists());
    place.write("file", b"");
    place.eval("file", &[]).fails_with(&["file", "--out"]);

    // A run goes on only with the same settings, and a refused command leaves it as it was.
    place.eval("run", &[]).succeeds();
    place.copy("run", "before");
    for (words, field) in [
        (&["--batch", "3"][..], "another batch: 8, not 3"),
        (&["--shard", "1/2"], "another shard"),
        (&["--object", "washer"], "another object"),
        (&["--tile", "32"], "another tile"),
        (&["--threshold", "0.25"], "another threshold"),
    ] {
        place.eval("run", words).fails_with(&["run: this folder holds a run with", field, "--out"]);
    }
    // What is done has no maps any more, and cannot be had without them.
    place.eval("run", &["--save-maps"]).fails_with(&["run/maps", "done without", "--out"]);
    fs::create_dir(place.path("good")).expect("a folder");
    place.copy("data/leather/test/good", "good/good");
    let good = ["eval", "--data", "good", "--model", "model", "--out", "no"];
    place.run(&good).fails_with(&["no image is defective", "data inspect"]);
    let files = common::files(&place.path("before"));
    assert_eq!(common::files(&place.path("run")), files);
    for name in files {
        let read = |folder: &str| fs::read(place.path(folder).join(&name)).expect("a file");
        assert!(read("run") == read("before"), "{name} was changed");
    }
}

#[test]
fn tiles_change_maps_and_no_score() {
    let place = Place::with_data("96");
    place.eval("plain", &[]).succeeds();
    place.eval("tiled", &["--tile", "48", "--overlap", "0.25"]).succeeds();
    assert_eq!(place.records("plain"), place.records("tiled"), "score and type are those of the whole image");
    let (plain, tiled) = (place.metrics("plain"), place.metrics("tiled"));
    for figure in [Figure::ImageAuroc, Figure::ImageAp, Figure::ImageF1Max] {
        assert_eq!(plain.mean.values[&figure], tiled.mean.values[&figure]);
    }
    assert_ne!(plain.mean.values[&Figure::PixelAuroc], tiled.mean.values[&Figure::PixelAuroc]);
    assert_eq!(tiled.settings["tile"], 48);
    assert_eq!(tiled.settings["tile_overlap"], 0.25);
    // An image that fits into one tile is not tiled.
    place.eval("one", &["--tile", "96"]).succeeds();
    assert_eq!(place.metrics("one").mean, plain.mean);
}

#[test]
fn learners_are_evaluated_with_the_types_that_they_predict() {
    let place = Place::with_data("64");
    let model = goldens().join("open_clip");
    let eval = |out: &str, learner: &Path| {
        let words =
            ["eval", "--data", "data", "--model", text(&model), "--learner", text(learner), "--out", out];
        place.run(&words).succeeds();
        let json = fs::read_to_string(place.path(out).join("metrics.json")).expect("metrics.json");
        (place.metrics(out), serde_json::from_str::<Value>(&json).expect("JSON"))
    };
    let dapo = place.path("dapo");
    run(first(&dapo, "2")).succeeds();
    let (found, _) = eval("of-dapo", &dapo.join("learner.safetensors"));
    assert_eq!(found.method, "dapo");
    assert_eq!(found.defects, ["hole", "scratch"], "those of the data set, not of the training");
    assert_eq!(found.settings["learner_sha256"].as_str().map(str::len), Some(64));
    for figure in [Figure::ImageAuroc, Figure::PixelAuroc, Figure::MultiAuroc, Figure::MultiF1] {
        assert!(found.mean.values.contains_key(&figure), "{figure:?}");
    }

    // AnomalyCLIP knows only good and damaged: there are no figures of types.
    let one_class = place.path("anomalyclip");
    let config = place.path("one-class.toml");
    fs::write(&config, "[learner]\nmethod = \"anomalyclip\"\n").expect("writable");
    let mut words = first(&one_class, "2");
    let at = words.iter().position(|w| w == "--config").expect("a configuration");
    words[at + 1] = text(&config).to_owned();
    finish(common::program().args(&words)).succeeds();
    let (found, json) = eval("of-anomalyclip", &one_class.join("learner.safetensors"));
    assert_eq!((found.method.as_str(), &found.defects[..]), ("anomalyclip", &["damaged".to_owned()][..]));
    assert!(found.mean.values.contains_key(&Figure::PixelAuroc));
    assert!(!json.to_string().contains("multi_"), "{json:#}");
    for product in found.products.values() {
        assert!(product.types.is_empty());
        assert!(product.pixel_confusion.is_none() && product.image_confusion.is_none());
    }
    assert!(found.types.is_empty() && place.records("of-anomalyclip").iter().all(|r| r.predicted.is_none()));
}
