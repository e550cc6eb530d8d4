//! A training step of DAPO by burn's autodiff on its wgpu backend; autotune and fusion on. `train_step.py` writes the
//! case: what is learned, and how, is defined by `dapo_reference.py`.
//!
//! `peer-burn-step FOLDER STEPS` prints one line of JSON: who ran, the seconds of each step, and the losses of the
//! first.

mod clip;
mod learner;

use std::path::Path;
use std::time::Instant;

use burn::config::Config;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, DeviceKind, Tensor};
use peers::layers::tensor;
use peers::weights::Weights;
use peers::{Fault, version};

use clip::Clip;
use learner::{Batch, Learner};

/// case.json.
#[derive(Config, Debug)]
pub struct Case {
    /// Edges of an image and of a patch in pixels.
    size: usize,
    patch: usize,
    /// Prompts for each state, learned words of a prompt, learned tokens of a layer.
    sets: usize,
    words: usize,
    tokens: usize,
    /// The blocks, counted from 1, after which patches are taken.
    feature_layers: Vec<usize>,
    vision_heads: usize,
    text_heads: usize,
    /// QuickGELU in place of GELU.
    quick: bool,
    /// Token ids of each state's prompt, padded to the context; the normal state is the first.
    prompts: Vec<Vec<usize>>,
}

fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, steps] = words.as_slice() else { return Err("usage: peer-burn-step FOLDER STEPS".into()) };
    let steps: usize = steps.parse().map_err(|_| format!("STEPS must be a number, not {steps}"))?;
    let folder = Path::new(folder);
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    let name = device.identity().map_or_else(|| "unknown device".into(), |identity| identity.name);

    let case = Case::load(folder.join("case.json"))?;
    let clip = Clip::load(&Weights::read(&folder.join("clip.safetensors"))?, &case, &device)?;
    let mut learner =
        Learner::load(&Weights::read(&folder.join("init.safetensors"))?, &case, &clip, &device)?;
    let batch = read_batch(&Weights::read(&folder.join("batch.safetensors"))?, &case, &device)?;
    let mut adam = AdamConfig::new().with_beta_1(0.5).with_beta_2(0.999).with_epsilon(1e-8).init();
    device.sync().map_err(|e| format!("{e:?}"))?;

    let (mut seconds, mut losses) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let start = Instant::now();
        let [image, local] = learner.losses(&clip, &batch);
        let found = Tensor::cat(vec![image.clone(), local.clone()], 0).inner();
        let gradients = GradientsParams::from_grads((image + local).backward(), &learner);
        learner = adam.step(1e-3, learner, gradients);
        let data = found.try_into_data().map_err(|e| format!("{e:?}"))?;
        losses.push(data.try_to_vec::<f32>().map_err(|e| format!("{e:?}"))?);
        device.sync().map_err(|e| format!("{e:?}"))?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let [image, local] = losses.first().ok_or("STEPS must be at least 1")?[..] else {
        return Err("two losses were expected".into());
    };
    let hello = format!("burn {} (WGSL, autodiff, fusion, autotune); wgpu, {name}", version("burn"));
    println!(
        r#"{{"hello": {hello:?}, "seconds": {seconds:?}, "image_loss": {image:?}, "local_loss": {local:?}}}"#
    );
    Ok(())
}

/// Pixels [B, 3, S, S], classes [B] (0 is normal) and masks [B, S, S] of one step.
fn read_batch(file: &Weights, case: &Case, device: &Device) -> Result<Batch, Fault> {
    let classes = file.get("classes")?;
    let (count, size) = (classes.len(), case.size);
    Ok(Batch {
        pixels: tensor(&file.get("pixels")?, [count, 3, size, size], device),
        classes: tensor(&classes, [count], device),
        masks: tensor(&file.get("masks")?, [count, size, size], device),
    })
}
