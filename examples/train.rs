//! Trains a small DAPO learner on the embedded model for a few steps: `cargo run --example train [learner.safetensors]`.

use dapo_wgpu::clip::{Clip, ClipOptions, embedded};
use dapo_wgpu::dapo::learner::train::AdamSettings;
use dapo_wgpu::dapo::learner::{Batch, LearnerConfig, Parameters, Snapshot, Trainer};
use dapo_wgpu::gpu::{Gpu, GpuOptions};

/// A plain good image and one with a dark scratch, normalised; the mask marks the scratch.
fn batch(size: usize) -> Batch {
    let scratch = |i: usize| i / size == size / 2 && i % size > size / 4;
    let mask: Vec<f32> = (0..size * size).map(|i| f32::from(u8::from(scratch(i)))).collect();
    let good = vec![0.5; 3 * size * size];
    let scratched: Vec<f32> = mask.iter().map(|inside| 0.5 - 2.0 * inside).collect();
    Batch {
        pixels: [good, scratched.repeat(3)].concat(),
        classes: vec![0, 1],
        masks: [vec![0.0; size * size], mask].concat(),
    }
}

/// Takes a few steps; the loss of each, and the learner's file.
pub fn train(steps: usize) -> Result<(Vec<f32>, Vec<u8>), Box<dyn std::error::Error>> {
    let gpu = Gpu::open(&GpuOptions::default())?;
    let clip =
        Clip::open(&gpu, &embedded::unpack()?, ClipOptions { training: true, ..ClipOptions::default() })?;
    let batch = batch(clip.vision().image_size());
    let defects = ["scratch".to_owned()];
    let config =
        LearnerConfig { prompt_sets: 2, context_length: 4, ..LearnerConfig::default() }.resolved(&clip)?;
    let start = Snapshot { values: Parameters::init(&config, &clip, 42)?, ..Snapshot::default() };
    let mut trainer = Trainer::new(clip, config, &defects, AdamSettings::default(), &start, 2)?;
    let mut losses = Vec::new();
    for _ in 0..steps {
        losses.push(trainer.step(&batch)?.losses.total());
    }
    Ok((losses, trainer.learner_file(&defects)?.to_bytes()?))
}

#[allow(dead_code)] // a test calls `train` alone
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (losses, learner) = train(4)?;
    println!("losses {losses:?}");
    if let Some(path) = std::env::args_os().nth(1) {
        std::fs::write(path, learner)?;
    }
    Ok(())
}
