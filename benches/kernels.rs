//! Criterion benchmarks of the kernels that a ViT forward is made of, at the shapes of ViT-L/14@336
//! (577 tokens): `cargo bench`. Each sample is a launch and a wait for it, so a submit's overhead is
//! included; compare variants and machines, not absolute rates. The adapter is printed first.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dapo_wgpu::gpu::{Buffer, Gpu, GpuOptions};
use dapo_wgpu::kernels::activation::{Activate, Activation};
use dapo_wgpu::kernels::attention::Attention;
use dapo_wgpu::kernels::check::make_inputs;
use dapo_wgpu::kernels::layernorm::LayerNorm;
use dapo_wgpu::kernels::matmul::Matmul;
use dapo_wgpu::kernels::softmax::Softmax;
use dapo_wgpu::kernels::{Problem, run_variant, variants};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

fn problems() -> Vec<Box<dyn Problem>> {
    let gelu = Some(Activation::QuickGelu);
    let attention = Attention { images: 1, tokens: 577, heads: 16, head_dim: 64, causal: false, lse: false };
    vec![
        Box::new(Matmul { bias: true, ..Matmul::linear(577, 1024, 1024) }),
        Box::new(Matmul { bias: true, activation: gelu, ..Matmul::linear(577, 4096, 1024) }),
        Box::new(Matmul { bias: true, residual: true, ..Matmul::linear(577, 1024, 4096) }),
        Box::new(attention),
        Box::new(LayerNorm { rows: 577, width: 1024, epsilon: 1e-5 }),
        Box::new(Softmax { rows: 577, width: 577, scale: 1.0, causal: None }),
        Box::new(Activate { len: 577 * 4096, activation: Activation::QuickGelu }),
    ]
}

fn kernels(c: &mut Criterion) {
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    println!("adapter: {}", gpu.adapter().line());
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    for problem in problems() {
        let outputs: Vec<Buffer> =
            problem.outputs().iter().map(|&n| gpu.alloc(4 * n as u64, "output").expect("memory")).collect();
        let mut group = c.benchmark_group(problem.label());
        group.sample_size(10).throughput(Throughput::Elements(problem.cost().flops as u64));
        for variant in variants(&gpu, problem.as_ref()) {
            // The naive product is there to be right; timing it would take longer than all others.
            if variant.usable.is_err() || variant.name == "naive" {
                continue;
            }
            let inputs = make_inputs(&gpu, problem.as_ref(), variant.name, &mut rng).expect("memory");
            let buffers: Vec<(&Buffer, u64)> = inputs.iter().chain(&outputs).map(|b| (b, 0)).collect();
            group.bench_function(variant.name, |b| {
                b.iter(|| {
                    run_variant(&gpu, problem.as_ref(), &buffers, Some(variant.name)).expect("a launch");
                    gpu.wait().expect("the device works");
                });
            });
        }
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
