//! Rules against differences of the forward pass, on the device and in float32: what a backward kernel
//! computes is proven elsewhere, here it is that the right kernels are put together in the right way.

use super::*;
use crate::gpu::{Gpu, GpuOptions, ShaderMode};
use crate::ops::{Activation, AdamSettings, Filter, Linear, Norm, OpError, Sampling, Tensor};

type Result<T> = std::result::Result<T, OpError>;

fn gpu() -> &'static Gpu {
    static GPU: std::sync::OnceLock<Gpu> = std::sync::OnceLock::new();
    let options = GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() };
    GPU.get_or_init(|| Gpu::open(&options).expect("a device"))
}

/// Numbers of about ±1 that follow no pattern of the shapes.
fn wave(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * i + 3 * i + 17 * seed) as f32 * 0.737).sin()).collect()
}

/// Compares the gradients of Σ y·w for a function of some tensors with differences along a direction each.
///
/// A difference of float32 results has an error of about ε·Σ|y·w|/h, and h² from the curvature; along a
/// whole direction the derivative is large enough for 2 % to tell every mistake of a rule.
#[track_caller]
fn agrees<'m>(shapes: &[&[usize]], function: impl Fn(&Tape<'m>, &[Var]) -> Result<Var>) {
    let len = |shape: &[usize]| shape.iter().product::<usize>();
    let points: Vec<Vec<f32>> = shapes.iter().enumerate().map(|(i, s)| wave(len(s), i)).collect();
    let upload = |values: &[f32], shape: &[usize]| Tensor::upload(gpu(), values, shape).unwrap();
    let tape = Tape::new(gpu());
    let leaves: Vec<Var> = points.iter().zip(shapes).map(|(p, s)| tape.leaf(upload(p, s))).collect();
    let y = function(&tape, &leaves).unwrap();
    let weights = wave(y.tensor().len(), 31);
    let seed = upload(&weights, y.shape());
    let mut gradients = tape.backward(vec![(&y, seed)]).unwrap();
    let value = |points: &[Vec<f32>]| -> f64 {
        let tape = Tape::inference(gpu());
        let vars: Vec<Var> = points.iter().zip(shapes).map(|(p, s)| Var::constant(upload(p, s))).collect();
        let y = function(&tape, &vars).unwrap().tensor().read(gpu()).unwrap();
        y.iter().zip(&weights).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum()
    };
    for (i, leaf) in leaves.iter().enumerate() {
        let gradient = gradients.take(leaf).expect("a gradient").read(gpu()).unwrap();
        assert_eq!(gradient.len(), points[i].len());
        // Along the gradient itself, so that the derivative is its norm.
        let norm = gradient.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        assert!(norm > 1e-3, "input {i}: the test must not be trivial");
        let h = 2e-2;
        let moved = |step: f64| {
            let mut points = points.clone();
            for (x, g) in points[i].iter_mut().zip(&gradient) {
                *x += (step * f64::from(*g) / norm) as f32;
            }
            value(&points)
        };
        let slope = (8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h))) / (12.0 * h);
        assert!((slope - norm).abs() < 0.02 * norm, "input {i}: {slope} by differences, {norm} by the tape");
    }
}

#[test]
fn learned_layers() {
    agrees(&[&[3, 5, 8], &[12, 8], &[12]], |tape, x| tape.affine(&x[0], &x[1], &x[2]));
    agrees(&[&[7, 5], &[3, 5], &[3]], |tape, x| tape.affine(&x[0], &x[1], &x[2]));
    for activation in [Activation::QuickGelu, Activation::Gelu] {
        agrees(&[&[5, 7]], |tape, x| tape.activate(&x[0], activation));
    }
}

#[test]
fn frozen_layers_pass_the_gradient_on() {
    let weight = wave(12 * 8, 5);
    let layer =
        Linear::upload_for_training(gpu(), &weight, Some(&wave(12, 6)), (12, 8), crate::ops::Element::F32)
            .unwrap();
    let norm = Norm::upload(gpu(), &wave(8, 7), &wave(8, 8), 1e-5).unwrap();
    agrees(&[&[5, 8], &[5, 12]], |tape, x| tape.linear(&tape.norm(&x[0], &norm)?, &layer, None, Some(&x[1])));
    agrees(&[&[5, 8]], |tape, x| tape.linear(&x[0], &layer, Some(Activation::QuickGelu), None));
}

#[test]
fn functions_of_rows() {
    agrees(&[&[5, 7]], |tape, x| tape.softmax(&x[0], 2.0));
    agrees(&[&[5, 7]], |tape, x| tape.l2_normalise(&x[0]));
    agrees(&[&[5, 8], &[3, 8]], |tape, x| tape.similarity(&x[0], &x[1], 1.5));
    agrees(&[&[6, 5]], |tape, x| tape.group_means(&x[0], 3));
    agrees(&[&[5, 7], &[5, 7]], |tape, x| tape.add(&x[0], &x[1]));
    agrees(&[&[2, 4, 4, 3]], |tape, x| {
        tape.resample(&x[0], (9, 7), Filter::Linear, Sampling::AlignCorners, true)
    });
}

#[test]
fn attention_with_and_without_a_mask() {
    for causal in [false, true] {
        agrees(&[&[2, 9, 3 * 16]], |tape, x| tape.attention(&x[0], 2, causal));
    }
}

#[test]
fn tokens_and_tables() {
    agrees(&[&[4, 6]], |tape, x| tape.gather(&x[0], &[3, 0, 3, 3, 1]));
    agrees(&[&[4, 6], &[2, 6]], |tape, x| tape.concat(&x[0], &x[1]));
    agrees(&[&[2, 5, 4], &[2, 4]], |tape, x| tape.insert_tokens(&x[0], &x[1]));
    agrees(&[&[2, 5, 4], &[2, 4]], |tape, x| tape.blend_tokens(&x[0], &x[1], 0.25));
    agrees(&[&[2, 6, 4]], |tape, x| tape.remove_tokens(&x[0], 2));
    let (position, class) = (wave(6 * 4, 9), wave(4, 10));
    let position = Tensor::upload(gpu(), &position, &[6, 4]).unwrap();
    let class = Tensor::upload(gpu(), &class, &[4]).unwrap();
    agrees(&[&[2, 5, 4]], |tape, x| tape.with_positions(&x[0], &position, Some(&class)));
    agrees(&[&[2, 6, 4]], |tape, x| tape.with_positions(&x[0], &position, None));
}

#[test]
fn losses() {
    agrees(&[&[3, 5]], |tape, x| tape.cross_entropy(&x[0], &[2, 0, 4], 0.5));
}

#[test]
fn a_value_used_twice_gets_both_gradients() {
    agrees(&[&[3, 4]], |tape, x| tape.add(&tape.softmax(&x[0], 1.0)?, &x[0]));
}

/// A part that is run again gives what it gave when everything was kept.
#[test]
fn a_checkpoint_changes_nothing_but_memory() {
    let weight = wave(8 * 8, 5);
    let layer = Linear::upload_for_training(gpu(), &weight, None, (8, 8), crate::ops::Element::F32).unwrap();
    let run = |checkpointed: bool| {
        let tape = Tape::new(gpu());
        let x = tape.leaf(Tensor::upload(gpu(), &wave(40, 1), &[5, 8]).unwrap());
        let body = |tape: &Tape<'_>, x: &Var| -> Result<Var> { tape.softmax(&tape.add(x, x)?, 1.0) };
        let h = tape.linear(&x, &layer, None, None).unwrap();
        let y = if checkpointed { tape.checkpoint(&h, body).unwrap() } else { body(&tape, &h).unwrap() };
        let seed = Tensor::upload(gpu(), &wave(40, 2), &[5, 8]).unwrap();
        tape.backward(vec![(&y, seed)]).unwrap().take(&x).unwrap().read(gpu()).unwrap()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn nothing_is_recorded_where_no_gradient_is_required() {
    let tape = Tape::new(gpu());
    let constant = Var::constant(Tensor::upload(gpu(), &wave(8, 1), &[2, 4]).unwrap());
    let y = tape.softmax(&constant, 1.0).unwrap();
    assert!(!y.requires_grad());
    let leaf = Tape::inference(gpu()).leaf(constant.tensor().clone());
    assert!(!leaf.requires_grad());
}

#[test]
fn a_wrong_seed_is_an_error() {
    let tape = Tape::new(gpu());
    let x = tape.leaf(Tensor::upload(gpu(), &wave(8, 1), &[2, 4]).unwrap());
    let seed = Tensor::upload(gpu(), &wave(8, 1), &[8]).unwrap();
    assert!(matches!(tape.backward(vec![(&x, seed)]), Err(OpError::Shape { .. })));
}

/// A small network with full weight gradients learns: the tape is not for prompts alone.
#[test]
fn adam_fits_a_layer() {
    let x = Tensor::upload(gpu(), &wave(64, 1), &[16, 4]).unwrap();
    let labels: Vec<u32> = wave(64, 1).chunks(4).map(|r| u32::from(r[0] + r[2] > 0.0)).collect();
    let named = |name: &str, len: usize, shape: &[usize]| {
        (name.to_owned(), Tensor::upload(gpu(), &wave(len, 3), shape).unwrap())
    };
    let values = vec![named("w", 8, &[2, 4]), named("b", 2, &[2])];
    let settings = AdamSettings { learning_rate: 0.1, ..AdamSettings::default() };
    let mut optimiser = Optimiser::new(gpu(), settings, values).unwrap();
    let mut losses = Vec::new();
    for _ in 0..40 {
        let tape = Tape::new(gpu());
        let leaves: Vec<Var> =
            optimiser.parameters().iter().map(|p| tape.leaf(p.state.value.clone())).collect();
        let logits = tape.affine(&Var::constant(x.clone()), &leaves[0], &leaves[1]).unwrap();
        let loss = tape.cross_entropy(&logits, &labels, 1.0 / 16.0).unwrap();
        losses.push(loss.tensor().read(gpu()).unwrap()[0]);
        let seeds = tape.ones([&loss]).unwrap();
        let mut gradients = tape.backward(seeds).unwrap();
        let gradients: Vec<_> = leaves.iter().map(|leaf| gradients.take(leaf)).collect();
        optimiser.step(gpu(), &gradients).unwrap();
    }
    assert_eq!(optimiser.steps(), 40);
    assert!(losses[39] < 0.3 * losses[0], "{losses:?}");
}
