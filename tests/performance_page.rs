//! `docs/performance.md` against the code: every table of the page is made anew from the kernels' own
//! costs, constants and grids, and must stand in the page to the letter. A failure prints what should be
//! there.

use dapo_wgpu::clip::{Architecture, Clip, ClipOptions};
use dapo_wgpu::gpu::{Gpu, GpuOptions};
use dapo_wgpu::kernels::Element;

#[path = "performance_page/block.rs"]
mod block;
#[path = "performance_page/cards.rs"]
mod cards;
#[path = "performance_page/forward.rs"]
mod forward;
#[path = "performance_page/tables.rs"]
mod tables;

use forward::Forward;

const PAGE: &str = include_str!("../docs/performance.md");

/// The list that the tables are made of is what the vision tower launches: shown on a small model,
/// whose launches differ from those of a large one in their sizes only.
#[test]
fn the_launches_are_those_of_the_vision_tower() {
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    let nano = Architecture::find("dapo-nano").expect("an architecture");
    let clip = Clip::random(&gpu, nano.config(), 1, ClipOptions::default()).expect("a model");
    let pixels = clip.upload_pixels(&vec![0.5; 3 * nano.image_size.pow(2)]).expect("pixels");
    gpu.start_profile().expect("the device works");
    clip.vision().forward(&gpu, &pixels, true, &[]).expect("a forward");
    let profile = gpu.end_profile().expect("the device works").expect("a profile");
    let found: Vec<_> = profile.spans.iter().map(|span| (span.label.case.clone(), span.work)).collect();
    let forward = Forward::new(&nano, nano.image_size, Element::F32);
    let listed: Vec<_> = forward.launches().map(|l| (l.problem.label(), l.problem.cost())).collect();
    assert_eq!(found, listed);
}

#[test]
fn the_tables_of_the_page_are_those_of_the_code() {
    let mut wrong = Vec::new();
    for (name, table) in tables::all() {
        if !PAGE.contains(&table) {
            wrong.push(format!("{name}:\n{table}"));
        }
    }
    assert!(wrong.is_empty(), "docs/performance.md should say\n\n{}", wrong.join("\n"));
}
