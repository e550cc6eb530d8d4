//! A network with the activation of `isru.rs`, trained to compute XOR.

use dapo_wgpu::autograd::{Optimiser, Tape, Var};
use dapo_wgpu::gpu::Gpu;
use dapo_wgpu::ops::{AdamSettings, OpError, Tensor};

/// Neurons of the hidden layer.
const HIDDEN: usize = 8;
/// The four inputs of XOR, and the class of each.
const X: [f32; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
const LABELS: [u32; 4] = [0, 1, 1, 0];

/// affine → isru → affine: the logits [rows, 2] of x [rows, 2].
pub fn forward(tape: &Tape<'_>, x: &Tensor, parameters: &[Var]) -> Result<Var, OpError> {
    let [w1, b1, w2, b2] = parameters else { unreachable!("four parameters") };
    let hidden = tape.affine(&Var::constant(x.clone()), w1, b1)?;
    tape.affine(&crate::isru::isru_with_gradient(tape, &hidden)?, w2, b2)
}

/// Trains for so many steps of Adam; returns the loss before each, and the logits at the end.
pub fn train(gpu: &Gpu, steps: usize) -> Result<(Vec<f32>, Vec<f32>), OpError> {
    // Numbers between -1 and 1 without a pattern.
    let noise = |n: usize| (0..n).map(|i| ((i * i + 1) as f32 * 0.737).sin()).collect::<Vec<_>>();
    let named = |name: &str, values: &[f32], shape: &[usize]| -> Result<(String, Tensor), OpError> {
        Ok((name.to_owned(), Tensor::upload(gpu, values, shape)?))
    };
    let values = vec![
        named("w1", &noise(HIDDEN * 2), &[HIDDEN, 2])?,
        named("b1", &[0.0; HIDDEN], &[HIDDEN])?,
        named("w2", &noise(2 * HIDDEN), &[2, HIDDEN])?,
        named("b2", &[0.0; 2], &[2])?,
    ];
    let settings = AdamSettings { learning_rate: 0.05, beta1: 0.9, ..AdamSettings::default() };
    let mut optimiser = Optimiser::new(gpu, settings, values)?;
    let x = Tensor::upload(gpu, &X, &[4, 2])?;
    let mut losses = Vec::new();
    for _ in 0..steps {
        let tape = Tape::new(gpu);
        let leaves: Vec<Var> =
            optimiser.parameters().iter().map(|p| tape.leaf(p.state.value.clone())).collect();
        let logits = forward(&tape, &x, &leaves)?;
        let loss = tape.cross_entropy(&logits, &LABELS, 0.25)?;
        losses.push(loss.tensor().read(gpu)?[0]);
        let seeds = tape.ones([&loss])?;
        let mut gradients = tape.backward(seeds)?;
        let gradients: Vec<Option<Tensor>> = leaves.iter().map(|leaf| gradients.take(leaf)).collect();
        optimiser.step(gpu, &gradients)?;
    }
    // The same function without a tape's records: inference.
    let constants: Vec<Var> =
        optimiser.parameters().iter().map(|p| Var::constant(p.state.value.clone())).collect();
    let logits = forward(&Tape::inference(gpu), &x, &constants)?;
    Ok((losses, logits.tensor().read(gpu)?))
}
