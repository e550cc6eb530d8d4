//! `docs/add-a-kernel.md` says what is true: its files are those of the crate beside this test, which
//! knows dapo-wgpu only from outside, and its kernels pass `check` and are timed by `bench`.

use std::ops::ControlFlow;

use dapo_wgpu::gpu::{Gpu, GpuOptions, ShaderMode};
use dapo_wgpu::kernels::registry::{Cases, Tier};
use dapo_wgpu::lab::bench::request::Variants;
use dapo_wgpu::lab::bench::{ceilings, measure};
use dapo_wgpu::lab::{check, tune};

/// The page's own program, compiled.
#[allow(dead_code)]
#[path = "add_a_kernel/src/main.rs"]
mod program;

macro_rules! files {
    ($($language:literal $file:literal),* $(,)?) => {
        [$(($language, $file, include_str!(concat!("add_a_kernel/", $file)))),*]
    };
}

#[test]
fn the_page_shows_the_files_that_are_compiled_here() {
    let page = include_str!("../docs/add-a-kernel.md");
    let files = files![
        "wgsl" "shaders/scale_shift.wgsl",
        "rust" "src/scale_shift.rs",
        "rust" "src/lib.rs",
        "rust" "src/main.rs",
        "wgsl" "shaders/isru.wgsl",
        "rust" "src/isru.rs",
        "rust" "src/network.rs",
        "wgsl" "shaders/activation_wide.wgsl",
        "rust" "src/activation_wide.rs",
    ];
    for (language, file, text) in files {
        assert!(page.contains(&format!("`{file}`")), "the page does not name {file}");
        let block = format!("```{language}\n{text}```\n");
        assert!(page.contains(&block), "docs/add-a-kernel.md and tests/add_a_kernel/{file} differ");
    }
}

/// The kernels that the crate adds or extends.
const FOREIGN: [&str; 4] = ["scale_shift", "isru", "isru_backward", "activation"];

fn open() -> Gpu {
    Gpu::open(&GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() }).expect("a Vulkan device")
}

fn of(cases: Cases, kernels: &[&str]) -> Cases {
    cases.into_iter().filter(|case| kernels.contains(&case.kernel())).collect()
}

#[test]
fn foreign_kernels_and_variants_are_checked_like_ours() {
    let cases = of(my_kernels::registry().conformance(Tier::Small), &FOREIGN);
    let report = check::run(&open(), &cases, Tier::Small, 1, &mut |_, _, _| ControlFlow::Continue(()))
        .expect("the device works");
    assert!(report.passed, "{}", report.text());
    // By name and cases: what ran, and what could not.
    let ran = |kernel: &str, variant: &str| {
        let of_kernel = |case: &str| case.split(' ').next() == Some(kernel);
        let runs = report.outcomes.iter().filter(|o| of_kernel(&o.case) && o.variant == variant);
        runs.map(|o| o.case.clone()).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!((ran("scale_shift", "vec4"), ran("scale_shift", "scalar")), (2, 6));
    assert_eq!(
        (ran("activation", "wide"), ran("activation", "vec4"), ran("activation", "scalar")),
        (6, 6, 8)
    );
    assert_eq!((ran("isru", "scalar"), ran("isru_backward", "scalar")), (4, 4));
    assert_eq!(ran("isru_backward", "differences"), 4, "the gradient is proven");
}

#[test]
fn a_network_with_a_foreign_kernel_learns() {
    let (losses, logits) = my_kernels::network::train(&open(), 100).expect("the device works");
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.1 * first, "{losses:?}");
    let classes: Vec<bool> = logits.chunks(2).map(|row| row[1] > row[0]).collect();
    assert_eq!(classes, [false, true, true, false], "{logits:?}");
}

#[test]
fn foreign_kernels_and_variants_are_timed_like_ours() {
    let registry = my_kernels::registry();
    let labels = ["scale_shift f32 rows=7 width=64", "activation f32 n=1024 gelu"];
    let cases: Cases = labels.map(|label| registry.parse(label, &[]).expect("a case")).into();
    let gpu = open();
    let ceilings =
        ceilings::ceilings(&gpu, 1, &mut |_, _, _| ControlFlow::Continue(())).expect("the device works");
    let all = Variants::parse(&registry, &["all".to_owned()]).expect("all variants");
    let timings =
        measure::kernels(&gpu, &ceilings, &cases, &all, 1, &mut |_, _, _| ControlFlow::Continue(()))
            .expect("it runs");
    let timed: Vec<(&str, &str)> = timings.iter().map(|t| (t.kernel.as_str(), t.variant.as_str())).collect();
    let (ours, theirs) = ("activation", "scale_shift");
    assert_eq!(
        timed,
        [(theirs, "vec4"), (theirs, "scalar"), (ours, "wide"), (ours, "vec4"), (ours, "scalar")]
    );
    assert!(timings.iter().all(|t| t.spread.median > 0.0), "{timings:?}");

    let choices =
        tune::run(&gpu, &cases, &ceilings, &mut |_, _, _| ControlFlow::Continue(())).expect("it runs");
    let raced: Vec<(&str, usize)> = choices.iter().map(|c| (c.case.as_str(), c.candidates.len())).collect();
    assert_eq!(raced, [(labels[0], 2), (labels[1], 3)], "foreign variants race with ours");
}

#[test]
fn every_foreign_label_reads_back() {
    let registry = my_kernels::registry();
    for case in of(registry.conformance(Tier::Full), &FOREIGN) {
        let again = registry.parse(&case.label(), &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(format!("{again:?}"), format!("{case:?}"));
    }
}
