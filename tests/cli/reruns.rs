//! Runs whose files change between two commands: nothing old or damaged passes for new.

use std::fs;
use std::path::Path;

use dapo_wgpu::report::metrics::Metrics;
use image::{GrayImage, RgbImage};
use serde_json::Value;

use crate::{Place, common};

/// Two products with two good and two bad images each, and their masks.
fn place() -> Place {
    let place = Place::new();
    for product in ["cup", "pen"] {
        for n in 0..2 {
            place.picture(&format!("data/{product}/test/good/{n}.png"), n);
            place.picture(&format!("data/{product}/test/bent/{n}.png"), n + 5);
            mask(&place, &format!("{product}/ground_truth/bent/{n}.png"), |x, y| x > 20 && y > 20);
        }
    }
    place
}

fn mask(place: &Place, name: &str, is_defect: impl Fn(u32, u32) -> bool) {
    let path = place.path("data").join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    let image = GrayImage::from_fn(48, 40, |x, y| [if is_defect(x, y) { 255 } else { 0 }].into());
    image.save(path).expect("writable");
}

fn eval(place: &Place, out: &str, more: &[&str]) -> common::Run {
    place.run(&[&["eval", "--data", "data", "--model", "model", "--out", out], more].concat())
}

fn metrics(place: &Place, out: &str) -> Metrics {
    let bytes = fs::read(place.path(out).join("metrics.json")).expect("metrics.json");
    serde_json::from_slice(&bytes).expect("the schema")
}

#[test]
fn a_mended_mask_or_image_is_not_taken_for_done() {
    let place = place();
    eval(&place, "run", &[]).succeeds();
    let again = eval(&place, "run", &[]).succeeds();
    assert!(again.stderr.contains("8 of 8 images were done before"), "{}", again.stderr);
    let before = fs::read(place.path("run/metrics.json")).expect("metrics.json");
    mask(&place, "cup/ground_truth/bent/1.png", |x, y| x > 30 && y > 20);
    eval(&place, "run", &[]).fails_with(&["run: 1 of the images", "cup/test/bent/1.png", "--out"]);
    assert_eq!(fs::read(place.path("run/metrics.json")).expect("metrics.json"), before, "left as it was");
    eval(&place, "new", &[]).succeeds();
    place.picture("data/pen/test/good/0.png", 77);
    eval(&place, "new", &[]).fails_with(&["pen/test/good/0.png", "changed"]);
    // A file that is only touched, or copied, is the same.
    place.picture("data/pen/test/good/0.png", 0);
    eval(&place, "new", &[]).succeeds();
}

/// Changes some bytes of a file.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("a file");
    change(&mut bytes);
    fs::write(path, bytes).expect("writable");
}

#[test]
fn lines_and_counts_prove_each_other() {
    let place = place();
    let build = |out: &str| {
        eval(&place, &format!("{out}1"), &["--shard", "1/2"]).succeeds();
        eval(&place, &format!("{out}2"), &["--shard", "2/2"]).succeeds();
        eval(&place, out, &[]).succeeds();
    };
    build("good");
    type Change<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);
    let replace = |path: &Path, from: &str, to: &str| {
        let text = fs::read_to_string(path).expect("text");
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replacen(from, to, 1)).expect("writable");
    };
    let changes: [Change<'_>; 7] = [
        ("counts/0.bin", &|run| fs::remove_file(run.join("counts/0.bin")).expect("there"), "missing"),
        ("counts/0.bin", &|run| edit(&run.join("counts/0.bin"), |bytes| bytes[9] ^= 1), "checksum"),
        ("counts/0.bin", &|run| edit(&run.join("counts/0.bin"), |bytes| bytes.truncate(60)), "cut off"),
        (
            "counts/1.bin",
            &|run| edit(&run.join("counts/1.bin"), |b| *b.last_mut().expect("bytes") ^= 1),
            "checksum",
        ),
        ("images.jsonl", &|run| replace(&run.join("images.jsonl"), "\"score\":0", "\"score\":1"), "changed"),
        (
            "images.jsonl",
            &|run| replace(&run.join("images.jsonl"), "\"product\":\"cup\"", "\"product\":\"mug\""),
            "changed",
        ),
        (
            "counts",
            &|run| fs::copy(run.join("counts/1.bin"), run.join("counts/0.bin")).map(drop).expect("copied"),
            "another product",
        ),
    ];
    for (file, change, word) in changes {
        for name in ["good", "good1", "good2"] {
            let to = place.path(&name.replace("good", "bad"));
            let _ = fs::remove_dir_all(&to);
            for file in common::files(&place.path(name)) {
                let path = to.join(&file);
                fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
                fs::copy(place.path(name).join(&file), path).expect("copied");
            }
        }
        for folder in ["bad", "bad1"] {
            change(&place.path(folder));
        }
        eval(&place, "bad", &[]).fails_with(&[file, word, "--out"]);
        place.run(&["merge", "bad1", "bad2", "--out", "merged"]).fails_with(&[file, word]);
        assert!(!place.path("merged/run.json").exists(), "{file}: nothing is merged");
    }
    // Untouched, they are one run.
    place.run(&["merge", "good1", "good2", "--out", "merged"]).succeeds();
    assert_eq!(metrics(&place, "merged"), metrics(&place, "good"));
}

#[test]
fn impossible_settings_of_a_part_are_refused_at_once() {
    let place = place();
    eval(&place, "part", &["--shard", "1/2"]).succeeds();
    let path = place.path("part/run.json");
    let original = fs::read(&path).expect("run.json");
    let merge = || place.run(&["merge", "part", "--out", "merged"]);
    for (pointer, value, words) in [
        ("/shard", serde_json::json!([0, 0]), ["run.json", "shard"]),
        ("/shard", serde_json::json!([3, 2]), ["run.json", "shard"]),
        ("/shard", serde_json::json!([1, 18_000_000_000_000_000_000_u64]), ["run.json", "shard"]),
        ("/data/images", serde_json::json!(1_000_000_000_000_000_000_u64), ["part", "is missing"]),
        ("/products", serde_json::json!([]), ["run.json", "product"]),
        ("/products", serde_json::json!([["cup", ["normal"]], ["cup", ["normal"]]]), ["run.json", "twice"]),
        ("/model/image_size", serde_json::json!(0), ["run.json", "size"]),
    ] {
        let mut settings: Value = serde_json::from_slice(&original).expect("JSON");
        *settings.pointer_mut(pointer).expect("a field") = value;
        fs::write(&path, settings.to_string()).expect("writable");
        merge().fails_with(&words);
    }
    let mut settings: Value = serde_json::from_slice(&original).expect("JSON");
    settings["shard"] = serde_json::json!([1, 1]);
    settings["data"]["images"] = serde_json::json!(1_000_000_000_000_000_000_u64);
    fs::write(&path, settings.to_string()).expect("writable");
    merge().fails_with(&["part", "of its 1000000000000000000 images"]);
}

#[test]
fn masks_that_show_nothing_mark_the_figures() {
    let place = place();
    eval(&place, "whole", &[]).succeeds();
    let whole = metrics(&place, "whole");
    assert!(
        whole.mean.partial.is_empty() && !whole.notes.iter().any(|note| note.contains("mask")),
        "{:?}",
        whole.notes
    );
    // One pixel, of which nothing is left at the size of the model's images; a blurred one; one of another shape.
    mask(&place, "cup/ground_truth/bent/0.png", |x, y| (x, y) == (20, 20));
    RgbImage::from_fn(48, 40, |x, _| if x < 10 { [0, 0, 3].into() } else { [0; 3].into() })
        .save(place.path("data/pen/ground_truth/bent/0.png"))
        .expect("writable");
    GrayImage::from_fn(40, 48, |x, _| [if x > 20 { 255 } else { 0 }].into())
        .save(place.path("data/pen/ground_truth/bent/1.png"))
        .expect("writable");
    let ran = eval(&place, "run", &[]).succeeds();
    for words in
        ["cup: 1 of 2 masks (mask_vanished)", "pen: 1 of 2 masks (mask_shape)", "a part of the defects"]
    {
        assert!((ran.stderr.clone() + &ran.stdout).contains(words), "{words:?} in {ran:#?}");
    }
    let found = metrics(&place, "run");
    assert_eq!(found.products["cup"].remarks["mask_vanished"], 1);
    assert!(
        found.products["cup"].figures.partial.len() > 2 && found.products["pen"].figures.partial.is_empty()
    );
    let page = fs::read_to_string(place.path("run/report.html")).expect("a page");
    assert!(page.contains("over the defects that are left of 2 masks") && page.contains("mask_shape"));
    let ran = place.run(&["data", "inspect", "data"]).succeeds();
    for words in ["mask_size: 1", "mask_shape: 1"] {
        assert!(ran.stdout.contains(words), "{words:?} in {}", ran.stdout);
    }

    // Nothing can be learned from masks that all vanish.
    for name in ["cup/ground_truth/bent/1.png", "pen/ground_truth/bent/0.png", "pen/ground_truth/bent/1.png"]
    {
        mask(&place, name, |x, y| (x, y) == (20, 20));
    }
    let words =
        ["train", "--data", "data", "--model", "model", "--out", "learned", "--steps", "1", "--batch", "2"];
    place.run(&words).fails_with(&["none of 4 masks", "--image-size"]);
    mask(&place, "cup/ground_truth/bent/0.png", |x, y| x > 20 && y > 20);
    let words = words.map(|word| if word == "learned" { "learned-again" } else { word });
    let ran = place.run(&words).succeeds();
    assert!(ran.stderr.contains("3 of 4 masks (mask_vanished)"), "{}", ran.stderr);
}

#[test]
fn transposed_maps_are_refused_and_misshapen_ones_said() {
    let place = place();
    let save = |shape: [usize; 2]| {
        for product in ["cup", "pen"] {
            for name in ["good/0", "good/1", "bent/0", "bent/1"] {
                let path = place.path(&format!("maps/{product}/test/{name}.npy"));
                fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
                let values: Vec<f32> = (0..shape[0] * shape[1]).map(|n| n as f32).collect();
                dapo_wgpu::report::write_npy(&path, &shape, &values).expect("writable");
            }
        }
    };
    let score = |more: &[&str]| {
        place.run(&[&["score", "--predictions", "maps", "--data", "data", "--out", "out"], more].concat())
    };
    for right in [[40, 48], [20, 24], [32, 32]] {
        save(right);
        score(&[]).succeeds();
        assert!(metrics(&place, "out").products["cup"].remarks.is_empty(), "{right:?}");
    }
    for transposed in [[48, 40], [24, 20]] {
        save(transposed);
        score(&[]).fails_with(&["cup/test/bent/0", "transposed", "H×W"]);
    }
    save([20, 48]);
    let ran = score(&[]).succeeds();
    assert!(ran.stderr.contains("4 maps (map_shape)"), "{}", ran.stderr);
}
