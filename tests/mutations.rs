//! Mutation tests of the conformance cases: mistakes are made in copies of the shaders, one at a time, and
//! the cases of the registry must find each. A mutation that survives means that a case is missing.
//!
//! To add a mutation, add a line to the list of its shader in `tests/mutations/`.

use std::collections::BTreeSet;
use std::path::Path;

use dapo_wgpu::gpu::{Gpu, GpuOptions, ShaderMode};
use dapo_wgpu::kernels::registry;

#[path = "mutations/attention.rs"]
mod attention;
#[path = "mutations/attention_backward.rs"]
mod attention_backward;
#[path = "mutations/attention_cooperative.rs"]
mod attention_cooperative;
#[path = "mutations/farthest.rs"]
mod farthest;
#[path = "mutations/matmul.rs"]
mod matmul;
#[path = "mutations/matmul_cooperative.rs"]
mod matmul_cooperative;
#[path = "mutations/matmul_sliced.rs"]
mod matmul_sliced;
#[path = "mutations/mutation.rs"]
mod mutation;
#[path = "mutations/nearest.rs"]
mod nearest;
#[path = "mutations/pixels.rs"]
mod pixels;
#[path = "mutations/pointwise.rs"]
mod pointwise;
#[path = "mutations/registers.rs"]
mod registers;
#[path = "mutations/resample.rs"]
mod resample;
#[path = "mutations/row_gradients.rs"]
mod row_gradients;
#[path = "mutations/rows.rs"]
mod rows;
#[path = "mutations/run.rs"]
mod run;
#[path = "mutations/similarity.rs"]
mod similarity;
#[path = "mutations/structure.rs"]
mod structure;

use mutation::{Target, occurs_once};
use run::run;

/// Every list.
fn targets() -> impl Iterator<Item = &'static Target> {
    let lists = [
        attention::TARGETS,
        attention_backward::TARGETS,
        attention_cooperative::TARGETS,
        farthest::TARGETS,
        matmul::TARGETS,
        matmul_cooperative::TARGETS,
        matmul_sliced::TARGETS,
        nearest::TARGETS,
        pixels::TARGETS,
        pointwise::TARGETS,
        registers::TARGETS,
        resample::TARGETS,
        rows::TARGETS,
        similarity::TARGETS,
        structure::TARGETS,
        row_gradients::TARGETS,
    ];
    lists.into_iter().flatten()
}

fn shaders() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

#[test]
fn check_kills_mutations_of_attention() {
    run(attention::TARGETS);
}

#[test]
fn check_kills_mutations_of_attention_by_matrices() {
    run(attention_cooperative::TARGETS);
}

#[test]
fn check_kills_mutations_of_the_gradient_of_attention() {
    run(attention_backward::TARGETS);
}

#[test]
fn check_kills_mutations_of_matmul() {
    run(matmul::TARGETS);
    run(matmul_sliced::TARGETS);
}

#[test]
fn check_kills_mutations_of_matmul_by_matrices() {
    run(matmul_cooperative::TARGETS);
}

#[test]
fn check_kills_mutations_of_the_search_for_neighbours() {
    run(nearest::TARGETS);
}

#[test]
fn check_kills_mutations_of_the_choice_of_the_farthest() {
    run(farthest::TARGETS);
}

#[test]
fn check_kills_mutations_of_losses_of_pixels() {
    run(pixels::TARGETS);
}

#[test]
fn check_kills_mutations_of_pointwise_kernels() {
    run(pointwise::TARGETS);
}

#[test]
fn check_kills_mutations_of_row_kernels_in_registers() {
    run(registers::TARGETS);
}

#[test]
fn check_kills_mutations_of_resampling() {
    run(resample::TARGETS);
}

#[test]
fn check_kills_mutations_of_gradients_of_row_kernels() {
    run(row_gradients::TARGETS);
}

#[test]
fn check_kills_mutations_of_row_kernels() {
    run(rows::TARGETS);
}

#[test]
fn check_kills_mutations_of_similarity() {
    run(similarity::TARGETS);
}

#[test]
fn check_kills_mutations_of_sums_moves_and_updates() {
    run(structure::TARGETS);
}

/// A shader that changes must keep its mutations, or get new ones.
#[test]
fn every_mutation_applies() {
    let mut lost = Vec::new();
    let mut seen = BTreeSet::new();
    for target in targets() {
        let text = std::fs::read_to_string(shaders().join(target.file)).expect("a shader file");
        for mutation in target.mutations {
            // The names of the copies contain these words.
            assert!(
                seen.insert((target.file, mutation.what)),
                "two mutations '{}' in shaders/{}",
                mutation.what,
                target.file
            );
            if let Err(reason) = occurs_once(&text, mutation) {
                lost.push(format!("shaders/{}: {reason}", target.file));
            }
        }
    }
    assert!(lost.is_empty(), "tests/mutations/ no longer fits the shaders:\n{}", lost.join("\n"));
}

/// Three at least in every shader file, and one in every variant that the registry knows.
#[test]
fn every_shader_and_variant_has_mutations() {
    let files = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(shaders().join(folder)).expect("a folder");
        let names = entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|n| n.ends_with(".wgsl")).map(|n| format!("{folder}{n}")).collect()
    };
    let mut missing = BTreeSet::new();
    for file in [files(""), files("common/")].concat() {
        let count: usize = targets().filter(|b| b.file == file).map(|b| b.mutations.len()).sum();
        if count < 3 {
            missing.insert(format!("shaders/{file} has {count} mutations of three"));
        }
    }
    let gpu = open();
    for case in registry::cases() {
        for variant in case.variants(gpu.capabilities()) {
            let concerns = |b: &'static Target| b.kernels.contains(&(case.kernel(), variant.name));
            if !targets().any(concerns) {
                missing.insert(format!("variant '{}' of {} has none", variant.name, case.kernel()));
            }
        }
    }
    let total: usize = targets().map(|b| b.mutations.len()).sum();
    println!("{total} mutations");
    assert!(total >= 60, "only {total} mutations");
    assert!(missing.is_empty(), "add mutations to tests/mutations/:\n{}", Vec::from_iter(missing).join("\n"));
}

/// A device that runs shaders with their checks on: a mutation may index out of bounds.
fn open() -> Gpu {
    let options = GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() };
    Gpu::open(&options).expect("a Vulkan device")
}
