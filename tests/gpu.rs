//! The device layer on a real device: memory, recording, errors.

use std::fs;
use std::path::{Path, PathBuf};

use dapo_wgpu::gpu::{
    AdapterChoice, Dispatch, Gpu, GpuError, GpuOptions, LaunchLabel, Purpose, ShaderMode, ShaderSpec, Work,
};

fn gpu() -> Gpu {
    Gpu::open(&GpuOptions { mode: ShaderMode::Checked, ..GpuOptions::default() }).expect("a device")
}

fn spec(text: &'static str) -> ShaderSpec {
    ShaderSpec { file: "test.wgsl", text, defines: Vec::new(), includes: |_| None }
}

const ADD: &str = "struct Params { count: u32, value: f32 }
#params
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < params.count { x[id.x] += params.value; }
}";

#[test]
fn bytes_of_any_length_come_back() {
    let gpu = gpu();
    for length in [1usize, 2, 3, 4, 255, 257, 100_003] {
        let bytes: Vec<u8> = (0..length).map(|i| (i * 7) as u8).collect();
        let buffer = gpu.upload(&bytes, "bytes").unwrap();
        assert_eq!(gpu.read(&buffer).unwrap()[..length], bytes[..]);
    }
}

#[test]
fn recorded_work_runs_in_order_in_one_submit() {
    let gpu = gpu();
    let buffer = gpu.upload(bytemuck::cast_slice(&[1.0f32; 100]), "x").unwrap();
    let before = gpu.record_stats();
    let shader = spec(ADD);
    for value in [1.0f32, 2.0, 4.0] {
        let params = [100u32, value.to_bits()];
        gpu.dispatch(&Dispatch {
            shader: &shader,
            buffers: &[(&buffer, 0)],
            params: bytemuck::cast_slice(&params),
            grid: [2, 1, 1],
            work: Work::default(),
            label: &LaunchLabel::default,
        })
        .unwrap();
    }
    let found: Vec<f32> = bytemuck::pod_collect_to_vec(&gpu.read(&buffer).unwrap());
    assert_eq!(found, [8.0; 100]);
    let after = gpu.record_stats();
    assert_eq!((after.dispatches - before.dispatches, after.submits - before.submits), (3, 1));
}

#[test]
fn dropped_buffers_are_reused() {
    let gpu = gpu();
    drop(gpu.alloc(1 << 20, "first").unwrap());
    let idle = gpu.memory().idle;
    assert!(idle >= 1 << 20);
    let again = gpu.alloc(1 << 20, "second").unwrap();
    assert!(gpu.memory().idle < idle && gpu.memory().live.activations >= 1 << 20);
    drop(again);
    assert_eq!(gpu.memory().live.total(), 0);
}

/// Sizes are powers of two, so that each is its own size class.
#[test]
fn memory_is_counted_by_purpose() {
    const MIB: u64 = 1 << 20;
    let gpu = gpu();
    let weights = gpu.upload_for(Purpose::Weights, &vec![0; 4 << 20], "weights").expect("memory");
    assert_eq!(gpu.memory().live.staging, 4 * MIB, "staged until it is submitted");
    gpu.wait().expect("the device works");
    let input = gpu.upload(&vec![0; 1 << 20], "input").expect("memory");
    let result = gpu.alloc(2 * MIB, "result").expect("memory");
    assert_eq!(gpu.read(&result).expect("the device works").len(), 2 << 20);
    let stats = gpu.memory();
    assert_eq!((stats.live.weights, stats.live.inputs, stats.live.activations), (4 * MIB, MIB, 2 * MIB));
    drop((input, result));
    let again = gpu.upload_for(Purpose::Weights, &vec![0; 2 << 20], "more weights").expect("memory");
    gpu.wait().expect("the device works");
    let stats = gpu.memory();
    assert_eq!(stats.live.weights, 6 * MIB, "the free list is shared");
    assert_eq!(stats.idle, MIB);
    assert_eq!((stats.live.staging, stats.live.inputs, stats.live.activations), (0, 0, 0));
    assert_eq!((stats.peak.weights, stats.peak.inputs, stats.peak.activations), (6 * MIB, MIB, 2 * MIB));
    // When the result was read: both kept buffers, the result, the read-back, and the input's staged copy.
    assert_eq!(stats.peak_total, 10 * MIB);
    drop((weights, again));
    assert_eq!(gpu.memory().live.total(), 0);
}

#[test]
fn impossible_requests_are_typed_errors() {
    let gpu = gpu();
    let limits = &gpu.capabilities().limits;
    let error = gpu.alloc(limits.buffer + 1, "a huge buffer").unwrap_err();
    assert!(
        matches!(error, GpuError::TooLarge { .. }) && error.to_string().contains("a huge buffer"),
        "{error}"
    );

    let buffer = gpu.alloc(256, "x").unwrap();
    let launch = |text, grid| {
        gpu.dispatch(&Dispatch {
            shader: &spec(text),
            buffers: &[(&buffer, 0)],
            params: &[0; 8],
            grid,
            work: Work::default(),
            label: &LaunchLabel::default,
        })
    };
    let too_wide = launch(ADD, [limits.workgroups + 1, 1, 1]).unwrap_err();
    assert!(matches!(too_wide, GpuError::TooLarge { limit_name: "maxComputeWorkgroupsPerDimension", .. }));
    gpu.wait().expect("a refused launch leaves the device usable");
}

#[test]
fn a_wrong_shader_names_its_file_and_line() {
    let gpu = gpu();
    let buffer = gpu.alloc(256, "x").unwrap();
    let text = "struct Params { count: u32 }\n#params\n\
                @group(0) @binding(0) var<storage, read_write> x: array<f32>;\n\
                @compute @workgroup_size(1)\nfn main() { x[0] = undefined_name; }";
    gpu.dispatch(&Dispatch {
        shader: &spec(text),
        buffers: &[(&buffer, 0)],
        params: &[],
        grid: [1, 1, 1],
        work: Work::default(),
        label: &LaunchLabel::default,
    })
    .expect("the compiler is still at work");
    let error = gpu.wait().unwrap_err();
    assert!(matches!(error, GpuError::Shader { .. }));
    let message = error.to_string();
    assert!(message.contains("undefined_name") && message.contains("shaders/test.wgsl:5"), "{message}");
    gpu.wait().expect("a refused shader leaves the device usable");
}

#[test]
fn an_adapter_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    for choice in [AdapterChoice::Index(99), AdapterChoice::Name("no such card".into())] {
        let options = GpuOptions { adapter: choice, ..GpuOptions::default() };
        let error = Gpu::open(&options).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, GpuError::AdapterNotFound { available, .. } if !available.is_empty()),
            "{error}"
        );
    }
}

#[test]
fn timestamps_are_believed_only_when_they_tick() {
    let gpu = gpu();
    let ticks = gpu.timestamps_tick().unwrap();
    assert!(gpu.capabilities().timestamps || !ticks, "what is not offered cannot tick");
    assert_eq!(gpu.timestamps_tick().unwrap(), ticks, "the answer is kept");
}

/// A profile has every launch, in order, with its own time; without a profile nothing is kept.
#[test]
fn a_profile_times_every_launch() {
    use dapo_wgpu::kernels::{Problem, activation, run};
    let gpu = gpu();
    let problem = activation::Activate { len: 4096, activation: activation::Activation::Gelu };
    let x = gpu.upload(&vec![0; 4 * 4096], "x").expect("memory");
    let y = gpu.alloc(4 * 4096, "y").expect("memory");
    assert!(gpu.end_profile().expect("the device works").is_none(), "no profile was started");
    gpu.start_profile().expect("the device works");
    for _ in 0..3 {
        run(&gpu, &problem, &[(&x, 0), (&y, 0)]).expect("a launch");
    }
    let profile = gpu.end_profile().expect("the device works").expect("a profile");
    assert_eq!(profile.spans.len(), 3);
    for pair in profile.spans.windows(2) {
        assert!(pair[1].start >= pair[0].start + pair[0].seconds, "launches follow each other: {pair:?}");
    }
    for span in &profile.spans {
        assert_eq!(span.label.case, problem.label());
        assert!(span.seconds > 0.0 && span.start + span.seconds <= profile.wall, "{span:?}");
    }
}

/// Compiled pipelines are kept for the next process, and a damaged file costs only the time to compile again.
#[test]
fn compiled_pipelines_are_kept_in_a_file() {
    use dapo_wgpu::kernels::{activation, run};
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("driver-cache");
    let _ = fs::remove_dir_all(&folder);
    let double = || {
        let options = GpuOptions { driver_cache: Some(folder.clone()), ..GpuOptions::default() };
        let gpu = Gpu::open(&options).expect("a device");
        let problem = activation::Activate { len: 4, activation: activation::Activation::QuickGelu };
        let x = gpu.upload(bytemuck::cast_slice(&[0.0f32, 1.0, -1.0, 50.0]), "x").expect("memory");
        let y = gpu.alloc(16, "y").expect("memory");
        run(&gpu, &problem, &[(&x, 0), (&y, 0)]).expect("a variant");
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(&gpu.read(&y).expect("the device works"));
        (words, gpu.adapter().backend == "vulkan")
    };
    let (first, vulkan) = double();
    let files = || -> Vec<PathBuf> {
        let entries = fs::read_dir(&folder).into_iter().flatten();
        entries.map(|entry| entry.expect("an entry").path()).collect()
    };
    assert_eq!(files().len(), usize::from(vulkan), "one file a driver, nothing temporary");
    assert_eq!(double().0, first);
    for file in files() {
        let good = fs::read(&file).expect("the file");
        let mut damaged = good.clone();
        damaged[good.len() / 2] ^= 1;
        fs::write(&file, &damaged).expect("a writable file");
        assert_eq!(double().0, first, "with a damaged file");
        assert_ne!(fs::read(&file).expect("the file"), damaged, "it is written anew");
    }
}
