//! Methods compared on equal terms: slow, so run by `make compare`.
//!
//! Each method learns from generated images of one half of the objects and defects and is tested on the
//! other half, which it has never seen, with three seeds. With `DAPO_PHOTOS` (a folder in MVTec-AD layout)
//! the same learners are tested on photos too. Fixed prompts and DAPO are also compared with 0, 1, 4 and 16 good photos.
//! Runs are kept in out/compare and not repeated.
//!
//! All use the embedded dapo-nano, or the model in the folder `DAPO_MODEL`. `DAPO_MIRROR=1` swaps the two halves:
//! settings are chosen there, so that the half for which figures are reported has no part in the choice.
//! `DAPO_CONFIG` is a file of other settings for DAPO.

use std::path::{Path, PathBuf};
use std::process::Command;

use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
use dapo_wgpu::dapo::learner::{LearnedDetector, LearnerFile, Method};
use dapo_wgpu::dapo::{Detector, Prompts};
use dapo_wgpu::data::samples::{self, Sample, Split};
use dapo_wgpu::data::{MaskRule, Preprocess, load};
use dapo_wgpu::gpu::{Gpu, GpuOptions};
use dapo_wgpu::metrics::{ConfusionMatrix, PixelCounts, auroc, mean_and_std};
use dapo_wgpu::report::metrics::Figure;
use dapo_wgpu::report::shots::ShotMetrics;
use dapo_wgpu::synth::{OBJECTS, defects};

/// Seeds of training: 1, 2, 3, or as many as `DAPO_SEEDS` says.
fn seeds() -> std::ops::RangeInclusive<u64> {
    1..=std::env::var("DAPO_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3)
}

const BATCH: usize = 8;

/// Every second name, from the first or the second on.
fn half<'n>(names: impl Iterator<Item = &'n str>, from: usize) -> Vec<&'n str> {
    names.skip(from).step_by(2).collect()
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|v| !v.is_empty())
}

/// The model that all methods use, if it is not the embedded one.
fn model() -> Option<PathBuf> {
    variable("DAPO_MODEL").map(PathBuf::from)
}

/// The model's name: its folder's.
fn model_name() -> String {
    model().and_then(|m| Some(m.file_name()?.to_string_lossy().into_owned())).unwrap_or("dapo-nano".into())
}

/// Other settings for DAPO than those of `configs/`.
fn other_settings(method: Method) -> Option<PathBuf> {
    variable("DAPO_CONFIG").map(PathBuf::from).filter(|_| method == Method::Dapo)
}

/// Settings of a method: the model's own if there are any, else those for the embedded model.
fn config(method: Method) -> PathBuf {
    if let Some(file) = other_settings(method) {
        return file;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let own = folder.join(format!("{}-{}.toml", model_name(), method.name()));
    if own.is_file() { own } else { folder.join(format!("nano-{}.toml", method.name())) }
}

fn mirrored() -> bool {
    variable("DAPO_MIRROR").is_some_and(|v| v != "0")
}

/// A folder for each model and direction.
fn out() -> PathBuf {
    let name = if mirrored() { model_name() + "-mirrored" } else { model_name() };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("out/compare").join(name)
}

fn run(args: &[&str]) {
    println!("dapo-wgpu {}", args.join(" "));
    let status =
        Command::new(env!("CARGO_BIN_EXE_dapo-wgpu")).args(args).status().expect("the program starts");
    assert!(status.success(), "{args:?} failed");
}

/// Generated images of one half, once.
fn generate(name: &str, from: usize, seed: &str, good: &str, each: &str) -> PathBuf {
    generate_with(
        name,
        from,
        &["--seed", seed, "--train-good", "0", "--test-good", good, "--per-defect", each],
    )
}

/// The same with these options.
fn generate_with(name: &str, from: usize, more: &[&str]) -> PathBuf {
    let folder = out().join(name);
    if !folder.is_dir() {
        let objects = half(OBJECTS.iter().map(|o| o.name), from).join(",");
        let kinds = half(defects().iter().copied(), from).join(",");
        let path = folder.to_str().expect("a plain path");
        run(&[&["synth", "--out", path, "--objects", &objects, "--defects", &kinds], more].concat());
    }
    folder
}

/// A learner of this method and seed, trained once.
fn learner(method: Method, seed: u64, data: &Path) -> LearnerFile {
    let name = match other_settings(method) {
        None => method.name().to_owned(),
        Some(file) => file.file_stem().expect("a file").to_string_lossy().into_owned(),
    };
    let folder = out().join(format!("{name}-{seed}"));
    let file = folder.join("learner.safetensors");
    if !file.is_file() {
        let (seed, config) = (seed.to_string(), config(method).to_string_lossy().into_owned());
        let (data, folder) = (data.to_string_lossy().into_owned(), folder.to_string_lossy().into_owned());
        let model = model().map(|m| m.to_string_lossy().into_owned());
        let mut args = vec!["train", "--data", &data, "--out", &folder];
        args.extend(model.iter().flat_map(|m| ["--model", m]));
        match Path::new(&folder).join("checkpoint.safetensors").is_file() {
            true => args.push("--resume"),
            false => args.extend(["--config", &config, "--seed", &seed]),
        }
        run(&args);
    }
    LearnerFile::from_bytes(&std::fs::read(&file).expect("a learner")).expect("a learner")
}

/// Image AUROC, pixel AUROC and, where types are predicted, the macro F1 of all pixels.
type Scores = [Option<f64>; 3];

fn score(detector: &Detector, names: &[String], test: &[Sample], types: bool) -> Scores {
    let size = detector.clip().vision().image_size();
    let preprocess = Preprocess::clip(size as u32);
    let (mut scores, mut defective) = (Vec::new(), Vec::new());
    let mut pixels = PixelCounts::new([0.0, 1.0]).expect("an interval");
    let all = std::iter::once("normal".to_owned()).chain(names.iter().cloned());
    let mut confusion = ConfusionMatrix::new(all);
    for batch in test.chunks(BATCH) {
        let input: Vec<f32> = batch
            .iter()
            .flat_map(|s| preprocess.normalise(&preprocess.resize(&load(&s.image).expect("an image"))))
            .collect();
        for (sample, found) in batch.iter().zip(detector.detect(&input).expect("the device works")) {
            let mask: Vec<bool> = match &sample.mask {
                Some(mask) => mask.load(size as u32, MaskRule::Half).expect("a mask"),
                None => vec![0.0; size * size],
            }
            .iter()
            .map(|&m| m > 0.0)
            .collect();
            scores.push(found.score);
            defective.push(sample.defect.is_some());
            pixels.add(&found.binary_map(), &mask, size).expect("finite maps");
            let named =
                |d: &String| names.iter().position(|n| *n == d.replace('_', " ")).expect("a known defect");
            let class = sample.defect.as_ref().map(named);
            let area = size * size;
            for at in (0..area).filter(|_| types) {
                let truth = if mask[at] { class.map_or(0, |c| c + 1) } else { 0 };
                let best = (0..=names.len())
                    .max_by(|&a, &b| found.maps[a * area + at].total_cmp(&found.maps[b * area + at]))
                    .expect("a class");
                confusion.add(truth, best).expect("a class");
            }
        }
    }
    [
        Some(auroc(&scores, &defective).expect("both kinds of images")),
        Some(pixels.figures().auroc.expect("both kinds of pixels").value),
        types.then(|| confusion.macro_f1().expect("pixels")),
    ]
}

/// The file of a learner that [`learner`] trained.
fn learner_file(method: Method, seed: u64) -> String {
    out().join(format!("{}-{seed}/learner.safetensors", method.name())).to_string_lossy().into_owned()
}

/// How much 1, 4 and 16 good photos help fixed prompts and DAPO: five draws of photos each, and for DAPO its first seed.
fn with_good_photos(set: &str, data: &Path) {
    println!("\n{set}, compared with good photos\n");
    println!("| method | good photos | image AUROC | pixel AUROC |\n|---|---|---|---|");
    for (name, learner) in [("clip", None), ("dapo", Some(learner_file(Method::Dapo, 1)))] {
        let folder = out().join(format!("shots-{set}-{name}"));
        let paths = [data, &folder].map(|p| p.to_string_lossy().into_owned());
        let model = model().map(|m| m.to_string_lossy().into_owned());
        let mut args = vec!["eval", "--data", &paths[0], "--out", &paths[1], "--shots", "0,1,4,16"];
        args.extend(model.iter().flat_map(|m| ["--model", m]));
        args.extend(learner.iter().flat_map(|l| ["--learner", l]));
        run(&args);
        let text = std::fs::read(folder.join("metrics.json")).expect("figures");
        let metrics: ShotMetrics = serde_json::from_slice(&text).expect("figures");
        for row in &metrics.shots {
            let cell = |figure| row.mean.get(&figure).map_or("–".into(), |s| s.percent(row.draws));
            let (image, pixel) = (cell(Figure::ImageAuroc), cell(Figure::PixelAuroc));
            println!("| {name} | {} | {image} | {pixel} |", row.shots);
        }
    }
}

fn clip(gpu: &Gpu) -> Clip {
    let folder = model().unwrap_or_else(|| embedded::unpack().expect("a cache"));
    Clip::open(gpu, &folder, ClipOptions::default()).expect("the model")
}

fn cell(values: &[Scores], column: usize) -> String {
    let values: Vec<f64> = values.iter().filter_map(|v| v[column]).collect();
    match mean_and_std(&values) {
        None => "–".into(),
        Some((mean, None)) => format!("{mean:.3}"),
        Some((mean, Some(deviation))) => format!("{mean:.3} ± {deviation:.3}"),
    }
}

#[test]
#[ignore = "an hour on a CPU: run by `make compare`"]
fn methods_on_objects_and_defects_that_they_have_not_seen() {
    std::fs::create_dir_all(out()).expect("out/compare");
    let [of_training, of_test] = if mirrored() { [1, 0] } else { [0, 1] };
    let train = generate("train", of_training, "1", "48", "12");
    let generated = generate("test", of_test, "1001", "10", "3");
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    println!("{}", gpu.adapter().line());
    let read = |folder: &Path| samples::read(folder, None, Split::Test).expect("labelled images");
    let mut sets = vec![("generated", read(&generated))];
    if let Some(photos) = variable("DAPO_PHOTOS") {
        sets.push(("photos", read(Path::new(&photos))));
    } else {
        println!("DAPO_PHOTOS is not set: photos were NOT measured");
    }
    let mut wins = Vec::new();
    for (set, test) in &sets {
        let mut names: Vec<String> =
            test.iter().filter_map(|s| s.defect.as_ref()).map(|d| d.replace('_', " ")).collect();
        names.sort();
        names.dedup();
        println!("\n{set}: {} images, defects {}\n", test.len(), names.join(", "));
        println!("| method | image AUROC | pixel AUROC | multi-type macro F1 |\n|---|---|---|---|");
        let prompts = Prompts::new(None, &names).expect("prompts");
        let free = Detector::new(clip(&gpu), &prompts).expect("class embeddings");
        let free = score(&free, &names, test, true);
        let row = |name: &str, scores: &[Scores]| {
            println!("| {name} | {} | {} | {} |", cell(scores, 0), cell(scores, 1), cell(scores, 2));
        };
        row("clip (training-free)", &[free]);
        let only = std::env::var("DAPO_METHOD").unwrap_or_default();
        let methods = [Method::Dapo, Method::AnomalyClip, Method::MultiAds];
        for method in methods.into_iter().filter(|m| only.is_empty() || m.name() == only) {
            let types = method != Method::AnomalyClip;
            let scores: Vec<Scores> = seeds()
                .map(|seed| {
                    let file = learner(method, seed, &train);
                    let model = clip(&gpu);
                    let config = file.config(&model).expect("settings that fit");
                    let looked_for = if types { names.clone() } else { vec!["damaged".to_owned()] };
                    let detector = LearnedDetector::new(model, config, &looked_for, &file.parameters, None);
                    score(&detector.expect("a detector").into(), &names, test, types)
                })
                .collect();
            row(method.name(), &scores);
            if method == Method::Dapo {
                for column in 0..3 {
                    let mean = scores.iter().filter_map(|s| s[column]).sum::<f64>() / scores.len() as f64;
                    wins.push((set, column, mean, free[column].expect("a number")));
                }
            }
        }
    }
    let only = std::env::var("DAPO_METHOD").unwrap_or_default();
    if only.is_empty() || only == Method::Dapo.name() {
        let options = [
            "--seed",
            "2001",
            "--one-product",
            "--train-good",
            "16",
            "--test-good",
            "10",
            "--per-defect",
            "3",
        ];
        with_good_photos("products", &generate_with("products", of_test, &options));
        if let Some(photos) = variable("DAPO_PHOTOS") {
            with_good_photos("photos", Path::new(&photos));
        }
    }
    for (set, column, learned, free) in wins {
        assert!(learned > free, "{set}: DAPO has {learned:.3} in column {column}, training-free {free:.3}");
    }
}
