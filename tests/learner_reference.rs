//! DAPO's learner against the same mathematics in float64 and plain loops: losses, and the gradient of
//! every parameter against central differences, for a small random model.

mod common;
#[path = "learner_reference/reference.rs"]
mod reference;
#[path = "learner_reference/towers.rs"]
mod towers;

use std::sync::OnceLock;

use common::model::{IMAGE_SIZE, Tiny};
use dapo_wgpu::clip::{Clip, ClipOptions};
use dapo_wgpu::dapo::learner::train::AdamSettings;
use dapo_wgpu::dapo::learner::{Batch, LearnerConfig, Parameters, Pooling, Snapshot, TextMask, Trainer};
use dapo_wgpu::gpu::{Gpu, GpuOptions, ShaderMode};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use reference::Reference;
use safetensors::Dtype;
use towers::{Row, Tensors, Weights, dot, unit};

const DEFECTS: [&str; 2] = ["bent", "torn"];
const BLOCKS: usize = 4;

/// Float32 against float64: the bounds that `tests/learner.rs` has for PyTorch.
const LOSSES: f64 = 1e-5;
const GRADIENTS: f64 = 3e-5;

/// A learner on the device and in float64, with the same values, and images for both.
struct Pair {
    trainer: Trainer,
    reference: Reference,
    learned: Tensors,
    batch: Batch,
}

fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    let options = GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() };
    GPU.get_or_init(|| Gpu::open(&options).expect("a device"))
}

/// [`Tiny`] with four blocks in each tower: the second pair has the weights of the first in reverse order.
fn model() -> Tiny {
    let mut tiny = Tiny::new();
    for tower in ["vision", "text"] {
        tiny.config[format!("{tower}_config")]["num_hidden_layers"] = BLOCKS.into();
    }
    for (name, (shape, values)) in tiny.tensors.clone() {
        for (from, to) in [(".layers.0.", ".layers.2."), (".layers.1.", ".layers.3.")] {
            if name.contains(from) {
                let reversed = values.iter().rev().copied().collect();
                tiny.tensors.insert(name.replace(from, to), (shape.clone(), reversed));
            }
        }
    }
    tiny
}

/// Random pixels: a good image, and one of each defect with a box.
fn batch() -> Batch {
    let mut random = Pcg64Mcg::seed_from_u64(3);
    let boxes = [(0..0, 0..0), (5..19, 2..11), (20..32, 9..30)];
    let mut masks = vec![0.0; boxes.len() * IMAGE_SIZE * IMAGE_SIZE];
    for (mask, (rows, columns)) in masks.chunks_mut(IMAGE_SIZE * IMAGE_SIZE).zip(boxes.clone()) {
        for y in rows {
            mask[y * IMAGE_SIZE..][columns.clone()].fill(1.0);
        }
    }
    let pixels = (0..3 * masks.len()).map(|_| random.random_range(-1.5..1.5)).collect();
    Batch { pixels, classes: vec![0, 1, 2], masks }
}

/// DAPO in small, with some settings changed.
fn pair(change: impl FnOnce(&mut LearnerConfig)) -> Pair {
    let tiny = model();
    let folder = tempfile::tempdir().expect("a folder");
    tiny.write(folder.path(), Dtype::F32);
    let options = ClipOptions { training: true, ..ClipOptions::default() };
    let clip = Clip::open(gpu(), folder.path(), options).expect("the model opens");
    let mut config =
        LearnerConfig { prompt_sets: 2, context_length: 3, layer_tokens: 2, ..LearnerConfig::default() };
    change(&mut config);
    let config = config.resolved(&clip).expect("settings that fit");
    let values = Parameters::init(&config, &clip, 1).expect("values");
    let double = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Row>();
    let learned = values.tensors.iter().map(|(name, v)| (name.clone(), double(&v.data))).collect();
    let words = ["flawless object", "bent anomaly object", "torn anomaly object"];
    let number = |tower: &str, field: &str| tiny.config[tower][field].as_u64().expect("a number") as usize;
    let weights = Weights {
        tensors: tiny.tensors.iter().map(|(name, (_, v))| (name.clone(), double(v))).collect(),
        heads: number("vision_config", "num_attention_heads"),
    };
    let reference = Reference {
        weights,
        config: config.clone(),
        blocks: BLOCKS,
        size: IMAGE_SIZE,
        patch: number("vision_config", "patch_size"),
        words: clip.tokenize(&words).expect("token ids"),
        end_of_text: number("text_config", "eos_token_id") as u32,
    };
    let start = Snapshot { values, ..Snapshot::default() };
    let defects = DEFECTS.map(str::to_owned);
    let trainer =
        Trainer::new(clip, config, &defects, AdamSettings::default(), &start, 2).expect("a trainer");
    Pair { trainer, reference, learned, batch: batch() }
}

impl Pair {
    /// Change of the total loss, per length, where a tensor goes along a direction of unit length.
    fn slope(&self, name: &str, direction: &[f64]) -> f64 {
        let step = 1e-4;
        let total = |step: f64| -> f64 {
            let mut moved = self.learned.clone();
            for (value, along) in moved.get_mut(name).expect("a parameter").iter_mut().zip(direction) {
                *value += step * along;
            }
            self.reference.losses(&moved, &self.batch).iter().sum()
        };
        (total(step) - total(-step)) / (2.0 * step)
    }

    /// Asserts that losses and gradients of the device are those of float64.
    #[track_caller]
    fn agrees(&self) {
        let (losses, gradients) = self.trainer.gradients(&self.batch).expect("gradients");
        let wanted = self.reference.losses(&self.learned, &self.batch);
        for (what, found, wanted) in [("image", losses.image, wanted[0]), ("local", losses.local, wanted[1])]
        {
            let error = (f64::from(found) - wanted).abs() / wanted.abs();
            println!("{error:.1e}  {what} loss {wanted}");
            assert!(error < LOSSES, "the {what} loss is {found}, not {wanted}");
        }
        assert!(self.learned.keys().eq(gradients.tensors.keys()), "a gradient for every parameter");
        let mut random = Pcg64Mcg::seed_from_u64(4);
        for (name, gradient) in &gradients.tensors {
            let gradient: Row = gradient.data.iter().copied().map(f64::from).collect();
            let norm = dot(&gradient, &gradient).sqrt();
            let any = unit(&gradient.iter().map(|_| random.random_range(-1.0..1.0)).collect::<Row>());
            // A random direction sees an error anywhere, the gradient's own one of its size.
            for (which, direction) in [("random", any), ("its own", unit(&gradient))] {
                let (found, wanted) = (dot(&gradient, &direction), self.slope(name, &direction));
                println!("{:.1e}  {name}, {which} direction: {wanted:.3e}", (found - wanted).abs() / norm);
                assert!((found - wanted).abs() < GRADIENTS * norm + 1e-12, "{name}: {found}, not {wanted}");
            }
        }
    }
}

#[test]
fn the_defaults_are_float64s() {
    pair(|_| ()).agrees();
}

#[test]
fn causal_prompts_read_at_their_end_are_float64s() {
    pair(|config| (config.text_mask, config.pooling) = (TextMask::Causal, Pooling::Eot)).agrees();
}

/// Text loses its tokens after the block that follows the last one with a layer of its own, be it the last
/// block; then the end of text is where it was. An image keeps them as they come. More of a token survives a
/// block than by default, so that its way weighs more.
#[test]
fn layers_fewer_than_blocks_are_float64s() {
    for depth in [BLOCKS - 2, BLOCKS - 1] {
        pair(|config| {
            (config.text_depth, config.visual_depth) = (Some(depth), Some(depth));
            (config.alpha, config.pooling) = (0.25, Pooling::Eot);
        })
        .agrees();
    }
}
