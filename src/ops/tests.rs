//! Ops against each other and against their shape rules, on the device.

use super::*;
use crate::gpu::{Gpu, GpuOptions, ShaderMode};
use crate::kernels::matmul::{attention_scores, attention_values};
use crate::kernels::softmax::Softmax;

fn gpu() -> Gpu {
    Gpu::open(&GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() }).expect("a device")
}

fn wave(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.37).sin() * 2.0).collect()
}

/// The fused kernel and the path through the score matrix are different programs for one function.
#[test]
fn fused_attention_equals_the_unfused_path() {
    let gpu = gpu();
    let (images, tokens, heads, dim) = (2, 50, 2, 16);
    for causal in [false, true] {
        let qkv = Tensor::upload(
            &gpu,
            &wave(images * tokens * 3 * heads * dim),
            &[images, tokens, 3 * heads * dim],
        )
        .unwrap();
        let fused = attention(&gpu, &qkv, heads, causal).unwrap().read(&gpu).unwrap();
        let shape = vec![images * heads * tokens, tokens];
        let scores =
            launch(&gpu, &attention_scores(images, heads, tokens, dim), &[qkv.buffer()], shape.clone());
        assert!(scores.is_err(), "q and k are two bindings of one buffer");
        let scores = launch(
            &gpu,
            &attention_scores(images, heads, tokens, dim),
            &[qkv.buffer(), qkv.buffer()],
            shape.clone(),
        )
        .unwrap();
        let softmax = Softmax { rows: shape[0], width: tokens, scale: 1.0, causal: causal.then_some(tokens) };
        let p = launch(&gpu, &softmax, &[scores.buffer()], shape).unwrap();
        let out = launch(
            &gpu,
            &attention_values(images, heads, tokens, dim),
            &[p.buffer(), qkv.buffer()],
            vec![images, tokens, heads * dim],
        )
        .unwrap();
        let unfused = out.read(&gpu).unwrap();
        // Values are within ±2, scores within ±64: float32 leaves about 64·2⁻²⁴ relative in exp.
        let worst = fused.iter().zip(&unfused).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 2e-5, "causal {causal}: {worst}");
        assert!(fused.iter().any(|v| v.abs() > 0.1), "the result must not be trivial");
    }
}

#[test]
fn wrong_shapes_are_typed_errors() {
    let gpu = gpu();
    let x = Tensor::upload(&gpu, &wave(12), &[3, 4]).unwrap();
    let linear = Linear::upload(&gpu, &wave(10), None, (2, 5), Element::F32).unwrap();
    let error = linear.forward(&gpu, &x, None, None).unwrap_err();
    assert!(matches!(error, OpError::Shape { op: "linear", .. }), "{error}");
    assert!(Tensor::upload(&gpu, &wave(11), &[3, 4]).is_err());
    assert!(attention(&gpu, &x, 2, false).is_err());
    assert!(x.reshape(&[5]).is_err());
    assert_eq!(x.reshape(&[12]).unwrap().read(&gpu).unwrap(), wave(12));
}

/// Shaders run without bounds checks: what they would read or write out of bounds is refused before.
#[test]
fn buffers_and_shapes_that_a_kernel_does_not_expect_are_refused() {
    let gpu = gpu();
    let x = Tensor::upload(&gpu, &wave(12), &[3, 4]).unwrap();
    let softmax = |rows| Softmax { rows, width: 4, scale: 1.0, causal: None };
    let refused = |rows, inputs: &[&Tensor], shape: &[usize]| {
        let inputs: Vec<_> = inputs.iter().map(|t| t.buffer()).collect();
        matches!(
            launch(&gpu, &softmax(rows), &inputs, shape.to_vec()),
            Err(OpError::Shape { op: "softmax", .. })
        )
    };
    assert!(refused(4, &[&x], &[4, 4]), "the input is too short");
    assert!(refused(3, &[&x], &[3, 5]), "the output is too long");
    assert!(refused(3, &[&x, &x], &[3, 4]), "an input too many");
    assert!(!refused(3, &[&x], &[12]), "another shape of the same length");
    assert!(!refused(2, &[&x], &[2, 4]), "a part of the input");
}

/// A buffer that is dropped and handed out again must not disturb work recorded before.
#[test]
fn recycled_buffers_keep_recorded_work_intact() {
    let gpu = gpu();
    let expected: Vec<f32> = {
        let x = Tensor::upload(&gpu, &wave(64), &[1, 64]).unwrap();
        softmax(&gpu, &x, 1.0).unwrap().read(&gpu).unwrap()
    };
    let x = Tensor::upload(&gpu, &wave(64), &[1, 64]).unwrap();
    let pending = softmax(&gpu, &x, 1.0).unwrap();
    drop(x); // its buffer goes back to the pool, and the upload below takes it
    let other = Tensor::upload(&gpu, &[9.0; 64], &[1, 64]).unwrap();
    assert_eq!(pending.read(&gpu).unwrap(), expected);
    assert_eq!(other.read(&gpu).unwrap(), [9.0; 64]);
}
