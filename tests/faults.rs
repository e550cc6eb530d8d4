//! A wrong kernel is caught: faults are planted in copies of the shaders, one at a time, and the
//! conformance cases of the registry must find each. A fault that survives means that a case is
//! missing.
//!
//! To add a fault, add a line to the list of its shader in `tests/faults/`.

use std::collections::BTreeSet;
use std::path::Path;

use dapo_wgpu::gpu::{Gpu, GpuOptions, ShaderMode};
use dapo_wgpu::kernels::registry;

#[path = "faults/attention.rs"]
mod attention;
#[path = "faults/attention_backward.rs"]
mod attention_backward;
#[path = "faults/hunt.rs"]
mod hunt;
#[path = "faults/matmul.rs"]
mod matmul;
#[path = "faults/pixels.rs"]
mod pixels;
#[path = "faults/plant.rs"]
mod plant;
#[path = "faults/pointwise.rs"]
mod pointwise;
#[path = "faults/resample.rs"]
mod resample;
#[path = "faults/row_gradients.rs"]
mod row_gradients;
#[path = "faults/rows.rs"]
mod rows;
#[path = "faults/similarity.rs"]
mod similarity;
#[path = "faults/structure.rs"]
mod structure;

use hunt::hunt;
use plant::{Bed, occurs_once};

/// Every list.
fn beds() -> impl Iterator<Item = &'static Bed> {
    let lists = [
        attention::BEDS,
        attention_backward::BEDS,
        matmul::BEDS,
        pixels::BEDS,
        pointwise::BEDS,
        resample::BEDS,
        rows::BEDS,
        similarity::BEDS,
        structure::BEDS,
        row_gradients::BEDS,
    ];
    lists.into_iter().flatten()
}

fn shaders() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

#[test]
fn check_finds_faults_in_attention() {
    hunt(attention::BEDS);
}

#[test]
fn check_finds_faults_in_the_gradient_of_attention() {
    hunt(attention_backward::BEDS);
}

#[test]
fn check_finds_faults_in_matmul() {
    hunt(matmul::BEDS);
}

#[test]
fn check_finds_faults_in_losses_of_pixels() {
    hunt(pixels::BEDS);
}

#[test]
fn check_finds_faults_in_pointwise_kernels() {
    hunt(pointwise::BEDS);
}

#[test]
fn check_finds_faults_in_resampling() {
    hunt(resample::BEDS);
}

#[test]
fn check_finds_faults_in_gradients_of_row_kernels() {
    hunt(row_gradients::BEDS);
}

#[test]
fn check_finds_faults_in_row_kernels() {
    hunt(rows::BEDS);
}

#[test]
fn check_finds_faults_in_similarity() {
    hunt(similarity::BEDS);
}

#[test]
fn check_finds_faults_in_sums_moves_and_updates() {
    hunt(structure::BEDS);
}

/// A shader that changes must keep its faults, or get new ones.
#[test]
fn every_fault_has_its_place() {
    let mut lost = Vec::new();
    let mut seen = BTreeSet::new();
    for bed in beds() {
        let text = std::fs::read_to_string(shaders().join(bed.file)).expect("a shader file");
        for fault in bed.faults {
            // Copies are told apart by these words.
            assert!(
                seen.insert((bed.file, fault.what)),
                "two faults '{}' in shaders/{}",
                fault.what,
                bed.file
            );
            if let Err(reason) = occurs_once(&text, fault) {
                lost.push(format!("shaders/{}: {reason}", bed.file));
            }
        }
    }
    assert!(lost.is_empty(), "tests/faults/ no longer fits the shaders:\n{}", lost.join("\n"));
}

/// Three at least in every shader file, and one in every variant that the registry knows.
#[test]
fn every_shader_and_variant_has_faults() {
    let files = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(shaders().join(folder)).expect("a folder");
        let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|n| n.ends_with(".wgsl")).map(|n| format!("{folder}{n}")).collect()
    };
    let mut missing = BTreeSet::new();
    for file in [files(""), files("common/")].concat() {
        let planted: usize = beds().filter(|b| b.file == file).map(|b| b.faults.len()).sum();
        if planted < 3 {
            missing.insert(format!("shaders/{file} has {planted} faults of three"));
        }
    }
    let gpu = open();
    for case in registry::cases() {
        for variant in case.variants(gpu.capabilities()) {
            let planted = |b: &'static Bed| b.kernels.contains(&(case.kernel(), variant.name));
            if !beds().any(planted) {
                missing.insert(format!("variant '{}' of {} has none", variant.name, case.kernel()));
            }
        }
    }
    let total: usize = beds().map(|b| b.faults.len()).sum();
    assert!(total >= 60, "only {total} faults");
    assert!(missing.is_empty(), "plant faults in tests/faults/:\n{}", Vec::from_iter(missing).join("\n"));
}

/// A device that runs shaders with their checks on: a fault may index out of bounds.
fn open() -> Gpu {
    let options = GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() };
    Gpu::open(&options).expect("a Vulkan device")
}
