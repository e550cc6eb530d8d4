//! How much device memory training takes: slow, so run by `make memory`.

use dapo_wgpu::clip::{Architecture, Clip, ClipOptions};
use dapo_wgpu::dapo::learner::memory::Estimate;
use dapo_wgpu::dapo::learner::train::AdamSettings;
use dapo_wgpu::dapo::learner::{Batch, LearnerConfig, Parameters, Snapshot, Trainer};
use dapo_wgpu::gpu::{Gpu, GpuOptions};

/// The paper's model and batch, with random weights: one step.
#[test]
#[ignore = "minutes to an hour on a CPU, 12 GB of memory: run by `make memory`"]
fn vit_l_14_at_518_pixels_trains_in_six_gigabytes() {
    const SIZE: usize = 518;
    const IMAGES: usize = 8;
    let gpu = Gpu::open(&GpuOptions::default()).expect("a device");
    println!("{}", gpu.adapter().line());
    let found = Architecture::find("vit-l-14-336").expect("the architecture");
    let options = ClipOptions { image_size: Some(SIZE), training: true, ..ClipOptions::default() };
    let clip = Clip::random(&gpu, found.config(), 1, options).expect("a model");
    let config = LearnerConfig::default().resolved(&clip).expect("settings");
    let words = ["scratch", "hole", "crack", "bent", "cut", "missing", "rough", "thread", "glue", "color"];
    let defects: Vec<String> = words.iter().flat_map(|w| [(*w).to_owned(), format!("{w} mark")]).collect();
    assert_eq!(defects.len(), 20, "as many as MVTec-AD has");
    let weights = gpu.memory().live.weights;
    let estimate = weights + Estimate::new(&clip, &config, defects.len(), 1).total();
    let values = Parameters::init(&config, &clip, 1).expect("values");
    let start = Snapshot { values, ..Snapshot::default() };
    let mut trainer =
        Trainer::new(clip, config, &defects, AdamSettings::default(), &start, 1).expect("a trainer");
    let pixels = |n: usize| (0..n).map(|i| ((i * 7919 % 1000) as f32 / 500.0) - 1.0).collect();
    let mask = |i: usize| (0..SIZE * SIZE).map(move |at| f32::from(u8::from(i > 0 && at % 5 == 0)));
    let batch = Batch {
        pixels: pixels(IMAGES * 3 * SIZE * SIZE),
        classes: (0..IMAGES as u32).collect(),
        masks: (0..IMAGES).flat_map(mask).collect(),
    };
    let began = std::time::Instant::now();
    let report = trainer.step(&batch).expect("a step");
    let memory = gpu.memory();
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    println!(
        "one step in {:.0} s, loss {:.4}; peak {:.2} GB in use, {:.2} GB with what is kept for reuse (weights {:.2} GB); \
         estimated {:.2} GB",
        began.elapsed().as_secs_f64(),
        report.losses.total(),
        gigabytes(memory.peak_total),
        gigabytes(memory.held()),
        gigabytes(weights),
        gigabytes(estimate)
    );
    assert!(memory.peak_total < 6_000_000_000 && memory.held() < 6_000_000_000, "{memory:?}");
    let ratio = estimate as f64 / memory.peak_total as f64;
    assert!((0.8..1.3).contains(&ratio), "the estimate is {ratio:.2} of the peak");
}
