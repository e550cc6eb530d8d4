//! DAPO's learner against an independent framework: `tools/dapo_reference.py` says how PyTorch made
//! `tests/goldens/learner`, from drawn images and the random model of `tests/goldens/open_clip`.

mod common;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{relative_error, tensor};
use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
use dapo_wgpu::dapo::learner::parameters::Parameters;
use dapo_wgpu::dapo::learner::train::AdamSettings;
use dapo_wgpu::dapo::learner::{
    Batch, ImageScore, LearnedDetector, LearnerConfig, LearnerFile, Rates, Snapshot, Trainer,
};
use dapo_wgpu::dapo::run::RunConfig;
use dapo_wgpu::data::samples::{self, Split};
use dapo_wgpu::data::{MaskRule, Preprocess, load};
use dapo_wgpu::gpu::{Gpu, GpuOptions, ShaderMode};

const DEFECTS: [&str; 4] = ["bent", "scratch", "faulty imprint", "discoloration"];
const SIZE: usize = 96;

fn goldens() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens")
}

fn expected(name: &str) -> Vec<f32> {
    tensor(&goldens().join("learner/expected.safetensors"), name).1
}

fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    let options = GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() };
    GPU.get_or_init(|| Gpu::open(&options).expect("a device"))
}

fn clip() -> Clip {
    let options = ClipOptions { image_size: Some(SIZE), training: true, ..ClipOptions::default() };
    Clip::open(gpu(), &goldens().join("open_clip"), options).expect("the model opens")
}

fn defects() -> Vec<String> {
    DEFECTS.map(str::to_owned).into()
}

fn file() -> LearnerFile {
    let bytes = std::fs::read(goldens().join("learner/learner_init.safetensors")).expect("a learner");
    LearnerFile::from_bytes(&bytes).expect("a learner")
}

fn config(clip: &Clip) -> LearnerConfig {
    file().config(clip).expect("settings that fit")
}

fn batch(clip: &Clip) -> Batch {
    let mut batch = Batch { pixels: Vec::new(), classes: Vec::new(), masks: Vec::new() };
    let preprocess =
        Preprocess { mean: clip.config().mean, std: clip.config().std, ..Preprocess::clip(SIZE as u32) };
    for sample in samples::read(&goldens().join("learner"), None, Split::Test).expect("four images") {
        let image = load(&sample.image).expect("an image");
        batch.pixels.extend(preprocess.normalise(&preprocess.resize(&image)));
        let class = |d: &String| DEFECTS.iter().position(|n| n == d).expect("a class") as u32 + 1;
        batch.classes.push(sample.defect.as_ref().map_or(0, class));
        batch.masks.extend(match &sample.mask {
            Some(mask) => mask.load(SIZE as u32, MaskRule::Full).expect("a mask"),
            None => vec![0.0; SIZE * SIZE],
        });
    }
    batch
}

fn trainer(micro_batch: usize) -> Trainer {
    trainer_with(micro_batch, Rates::default())
}

fn trainer_with(micro_batch: usize, rates: Rates) -> Trainer {
    let clip = clip();
    let start = Snapshot { values: file().parameters, ..Snapshot::default() };
    let config = LearnerConfig { rates, ..config(&clip) };
    Trainer::new(clip, config, &defects(), AdamSettings::default(), &start, micro_batch).expect("a trainer")
}

/// Required is 1e-4 for outputs and 1e-3 for gradients.
const OUTPUTS: f64 = 1e-5;
const GRADIENTS: f64 = 3e-5;

#[track_caller]
fn close(what: &str, found: &[f32], tolerance: f64) {
    let error = relative_error(found, &expected(what));
    println!("{error:.1e}  {what}");
    assert!(error < tolerance, "{what} is off by {error:e}");
}

#[test]
fn the_first_forward_is_pytorchs() {
    let clip = clip();
    let (batch, config) = (batch(&clip), config(&clip));
    let detector =
        LearnedDetector::new(clip, config, &defects(), &file().parameters, None).expect("a detector");
    let unit = |rows: Vec<f32>| -> Vec<f32> {
        let norm = |row: &[f32]| row.iter().map(|v| v * v).sum::<f32>().sqrt();
        rows.chunks(64).flat_map(|row| row.iter().map(move |v| v / norm(row)).collect::<Vec<_>>()).collect()
    };
    close("out.image_features", &unit(detector.image_features(&batch.pixels).expect("features")), OUTPUTS);
    close("out.text_features", &detector.class_vectors().expect("vectors"), OUTPUTS);
    for (m, layer) in detector.patch_probabilities(&batch.pixels).expect("patches").iter().enumerate() {
        close(&format!("out.patch_prob.{m}"), layer, OUTPUTS);
    }
    let found = detector.detect(&batch.pixels).expect("detections");
    let few = |map: &[f32]| -> Vec<f32> {
        let rows = map.chunks(SIZE).step_by(5);
        rows.flat_map(|row| row.iter().step_by(5).map(|p| p * 4.0).collect::<Vec<_>>()).collect()
    };
    let binary: Vec<f32> = found.iter().flat_map(|d| few(&d.binary_map())).collect();
    let multi: Vec<f32> =
        found.iter().flat_map(|d| d.maps.chunks(SIZE * SIZE).flat_map(few).collect::<Vec<_>>()).collect();
    close("out.binary_map", &binary, OUTPUTS);
    close("out.multi_map", &multi, OUTPUTS);
    let logits = expected("out.image_logits");
    for (detection, logits) in found.iter().zip(logits.chunks(2)) {
        let wanted = 1.0 / (1.0 + (logits[0] - logits[1]).exp());
        assert!((detection.score - wanted).abs() < 1e-5, "{} instead of {wanted}", detection.score);
    }
}

/// The scores that a learner can give, from PyTorch's features and probabilities of patches.
#[test]
fn each_score_of_an_image_is_what_it_says() {
    let model = clip();
    let (batch, config) = (batch(&model), config(&model));
    let (images, classes) = (batch.classes.len(), DEFECTS.len() + 1);
    let (features, texts) = (expected("out.image_features"), expected("out.text_features"));
    let width = texts.len() / classes;
    let defective = |image: &[f32]| {
        let odds = |text: &[f32]| (cosine(image, text) / f64::from(config.temperature)).exp();
        let each: Vec<f64> = texts.chunks(width).map(odds).collect();
        each[1..].iter().sum::<f64>() / each.iter().sum::<f64>()
    };
    let types: Vec<f64> = features.chunks(width).map(defective).collect();
    let layers: Vec<Vec<f32>> = (0..4).map(|m| expected(&format!("out.patch_prob.{m}"))).collect();
    let cells = layers[0].len() / images / classes;
    let worst = |image: usize| {
        let anomalous = |cell: usize| {
            let normal = |layer: &Vec<f32>| f64::from(layer[(image * cells + cell) * classes]);
            1.0 - layers.iter().map(normal).sum::<f64>() / layers.len() as f64
        };
        let mut all: Vec<f64> = (0..cells).map(anomalous).collect();
        all.sort_by(|a, b| b.total_cmp(a));
        all[..4].iter().sum::<f64>() / 4.0
    };
    let plain = (0..images).map(|i| (types[i] + worst(i)) / 2.0).collect();
    for (image_score, wanted) in [(ImageScore::Types, types.clone()), (ImageScore::Plain, plain)] {
        let config = LearnerConfig { image_score, ..config.clone() };
        let detector = LearnedDetector::new(clip(), config, &defects(), &file().parameters, None);
        let found = detector.expect("a detector").detect(&batch.pixels).expect("detections");
        let found: Vec<f64> = found.iter().map(|d| f64::from(d.score)).collect();
        println!("{image_score:?}: {found:?}, wanted {wanted:?}");
        assert!(found.iter().zip(&wanted).all(|(f, w)| (f - w).abs() < 1e-5), "{image_score:?}");
    }
}

#[test]
fn every_gradient_is_pytorchs() {
    let trainer = trainer(4);
    let (_, gradients) = trainer.gradients(&batch(trainer.clip())).expect("gradients");
    assert_eq!(gradients.tensors.len(), 14);
    for (name, gradient) in &gradients.tensors {
        close(&format!("grad.{name}"), &gradient.data, GRADIENTS);
    }
}

#[test]
fn four_steps_of_adam_are_pytorchs() {
    let meta = std::fs::read_to_string(goldens().join("learner/meta.json")).expect("meta.json");
    let meta: serde_json::Value = serde_json::from_str(&meta).expect("JSON");
    let mut trainer = trainer(4);
    let batch = batch(trainer.clip());
    for wanted in meta["log"].as_array().expect("a log") {
        let report = trainer.step(&batch).expect("a step");
        let losses = report.losses;
        for (name, found) in
            [("image_loss", losses.image), ("local_loss", losses.local), ("total", losses.total())]
        {
            let wanted = wanted[name].as_f64().expect("a number");
            let error = (f64::from(found) - wanted).abs() / wanted;
            println!("{error:.1e}  {name} of step {}", report.step);
            assert!(error < 1e-5, "{name} is {found}, not {wanted}");
        }
    }
    for (name, values) in &trainer.snapshot().expect("a snapshot").values.tensors {
        close(&format!("after4.{name}"), &values.data, 1e-4);
    }
}

/// Every loss is a mean over images, so portions of the batch add up to it, to rounding.
#[test]
fn portions_of_a_batch_add_up() {
    let (whole, portions) = (trainer(4), trainer(1));
    let batch = batch(whole.clip());
    let (losses, gradients) = whole.gradients(&batch).expect("gradients");
    let (again, added) = portions.gradients(&batch).expect("gradients");
    assert!((losses.total() - again.total()).abs() < 1e-5 * losses.total());
    for (name, gradient) in &gradients.tensors {
        let error = relative_error(&added.tensors[name].data, &gradient.data);
        assert!(error < 3e-6, "{name} differs by {error:e}");
    }
}

#[test]
fn the_same_step_gives_the_same_bits() {
    let run = || {
        let mut trainer = trainer(2);
        let batch = batch(trainer.clip());
        for _ in 0..2 {
            trainer.step(&batch).expect("a step");
        }
        trainer.snapshot().expect("a snapshot")
    };
    assert_eq!(run(), run());
}

/// A step moves each part by its factor on the learning rate, and a part at 0 keeps its bits.
#[test]
fn each_part_learns_at_its_own_rate() {
    let rates = Rates { words: 0.25, text_tokens: 0.5, visual_tokens: 1.0, adapters: 0.0 };
    let start = file().parameters;
    let moved = |rates: Rates| {
        let mut trainer = trainer_with(4, rates);
        trainer.step(&batch(trainer.clip())).expect("a step");
        trainer.snapshot().expect("a snapshot").values
    };
    let (ours, whole) = (moved(rates), moved(Rates::default()));
    for (name, values) in &ours.tensors {
        let before = &start.tensors[name].data;
        let change = |after: &[f32]| -> Vec<f32> { after.iter().zip(before).map(|(a, b)| a - b).collect() };
        let rate = match name.as_str() {
            n if n.starts_with("linear_adapter.") => 0.0,
            n if n.starts_with("visual_prompt.") => 1.0,
            n if n.contains("layer_tokens") => 0.5,
            _ => 0.25,
        };
        if rate == 0.0 {
            assert_eq!(values.data, *before, "{name}");
            assert_ne!(whole.tensors[name].data, *before, "{name}");
            continue;
        }
        let wanted: Vec<f32> = change(&whole.tensors[name].data).iter().map(|c| c * rate).collect();
        let error = relative_error(&change(&values.data), &wanted);
        // A change is a difference of values a thousand times as large.
        assert!(error < 1e-3, "{name} is {error:e} off its rate");
    }
}

#[test]
fn a_number_that_is_not_finite_stops_the_run_and_changes_nothing() {
    let mut trainer = trainer(4);
    let mut batch = batch(trainer.clip());
    let before = trainer.snapshot().expect("a snapshot");
    batch.pixels[7] = f32::NAN;
    let error = trainer.step(&batch).expect_err("NaN in the pixels").to_string();
    assert!(error.contains("step 1") && error.contains("not finite"), "{error}");
    assert_eq!(trainer.snapshot().expect("a snapshot"), before);
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// With the settings for dapo-nano, a learner is before its first step what the model is without it.
#[test]
fn a_learner_starts_at_the_model_as_it_is() {
    let clip =
        Clip::open(gpu(), &embedded::unpack().expect("a cache"), ClipOptions::default()).expect("a model");
    let run = RunConfig::from_toml(include_str!("../configs/nano-dapo.toml"), None).expect("settings");
    let config = run.learner.resolved(&clip).expect("settings that fit");
    let preprocess = Preprocess::clip(clip.vision().image_size() as u32);
    let names = ["bottle_broken", "leather_good", "magnetic_tile_crack", "wood_good"];
    let pixels: Vec<f32> = names
        .iter()
        .map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/samples/{name}.png")))
        .flat_map(|path| preprocess.normalise(&preprocess.resize(&load(&path).expect("an image"))))
        .collect();
    let mut values = Parameters::init(&config, &clip, 1).expect("values");
    values.init_from_images(&config, &clip, &pixels).expect("the device works");

    let texts =
        ["flawless", "crack anomaly", "broken anomaly"].map(|state| format!("a photo of a {state} object"));
    let vectors = clip.encode_texts(&texts).expect("features");
    let width = clip.config().embed_dim;
    let seen = clip
        .vision()
        .forward(gpu(), &clip.upload_pixels(&pixels).expect("pixels"), true, &[])
        .expect("features");
    let image = seen.image_features.read(gpu()).expect("features");
    let patches = seen.patch_features.expect("patches").read(gpu()).expect("features");
    let scale = f64::from(clip.logit_scale());
    let plain: Vec<f64> = patches
        .chunks(width)
        .flat_map(|patch| {
            let each: Vec<f64> = vectors.chunks(width).map(|v| (scale * cosine(patch, v)).exp()).collect();
            let sum: f64 = each.iter().sum();
            each.into_iter().map(move |e| e / sum)
        })
        .collect();

    let learned =
        LearnedDetector::new(clip, config, &["crack".to_owned(), "broken".to_owned()], &values, None)
            .expect("a detector");
    let pairs = |a: &[f32], b: &[f32]| -> Vec<f64> {
        a.chunks(width).zip(b.chunks(width)).map(|(a, b)| cosine(a, b)).collect()
    };
    let words = pairs(&learned.class_vectors().expect("vectors"), &vectors);
    let images = pairs(&learned.image_features(&pixels).expect("features"), &image);
    let found = &learned.patch_probabilities(&pixels).expect("probabilities")[0];
    let off =
        found.iter().zip(&plain).map(|(&f, p)| (f64::from(f) - p).abs()).sum::<f64>() / plain.len() as f64;
    println!("words {words:.4?}, images {images:.4?}, probabilities {off:.4} apart");
    assert!(words.iter().all(|&c| c > 0.999), "{words:?}");
    assert!(images.iter().all(|&c| c > 0.998), "{images:?}");
    assert!(off < 0.002, "{off}");
}
