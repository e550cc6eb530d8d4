//! Criterion benchmarks of the registry's bench cases: `cargo bench`. `DAPO_CASE` selects as `bench --case`
//! does (a printed case, a part of one, or a new case in the same words), and criterion's own filter works
//! on `case/variant`. Each sample is a launch and a wait for it, so a submit's overhead is included;
//! compare variants and machines, not absolute rates. The adapter is printed first.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dapo_wgpu::gpu::{Gpu, GpuOptions};
use dapo_wgpu::kernels::registry::Registry;
use dapo_wgpu::kernels::variants;
use dapo_wgpu::lab::bench::prepared::Prepared;
use dapo_wgpu::lab::check::select;

fn kernels(c: &mut Criterion) {
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    println!("adapter: {}", gpu.adapter().line());
    let registry = Registry::builtin();
    let wanted: Vec<String> = std::env::var("DAPO_CASE").into_iter().collect();
    let cases = select(&registry, registry.bench(), &wanted).expect("DAPO_CASE names a case");
    for case in &cases {
        let mut group = c.benchmark_group(case.label());
        let cost = case.cost();
        // A kernel that only moves data is measured by its bytes.
        let throughput = match cost.flops > 0.0 {
            true => Throughput::Elements(cost.flops as u64),
            false => Throughput::Bytes(cost.bytes as u64),
        };
        group.sample_size(10).throughput(throughput);
        for variant in variants(&gpu, case.as_ref()) {
            // The naive product is there to be right; timing it would take longer than all others.
            if !variant.usable() || variant.name == "naive" {
                continue;
            }
            group.bench_function(variant.name, |b| {
                // Here and not before: criterion's filter decides whether this runs at all.
                let prepared =
                    Prepared::new(&gpu, case.as_ref(), Some(variant.name)).expect("a usable variant");
                let mut turns = 0..;
                b.iter(|| {
                    prepared.record(&gpu, turns.next().unwrap_or(0)).expect("a launch");
                    gpu.wait().expect("the device works");
                });
            });
        }
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
