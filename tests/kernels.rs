//! Every variant of every case that this device can run, against the float64 reference, with the
//! shaders' run-time checks on.

use dapo_wgpu::gpu::{Gpu, GpuOptions, ShaderMode};
use dapo_wgpu::kernels::registry;
use dapo_wgpu::kernels::{Outcome, check};

#[test]
fn every_variant_of_every_case_is_within_its_error_bound() {
    let options = GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() };
    let gpu = Gpu::open(&options).expect("a Vulkan device");
    println!("{}", gpu.adapter().line());
    let (mut ran, mut wrong) = (0, Vec::new());
    let only = std::env::var("DAPO_CASE").unwrap_or_default();
    for problem in registry::cases() {
        if !problem.label().contains(&only) {
            continue;
        }
        let started = std::time::Instant::now();
        for outcome in check(&gpu, problem.as_ref(), 1).expect("the device works") {
            ran += 1;
            println!(
                "{:8.4} {:8} {:8?} {:?} {} {:.0?}",
                outcome.worst,
                outcome.variant,
                outcome.inputs,
                outcome.special_values_kept,
                outcome.case,
                started.elapsed()
            );
            if !outcome.passed() {
                let Outcome { case, variant, inputs, failures, .. } = outcome;
                wrong.push(format!("{case} [{variant}, {inputs:?} inputs]: {}", failures.join("; ")));
            }
        }
    }
    // The weakest device runs fewer variants: 3243 today.
    let least = if only.is_empty() { 3000 } else { 1 };
    assert!(ran >= least, "only {ran} variants ran");
    assert!(wrong.is_empty(), "{} of {ran} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
