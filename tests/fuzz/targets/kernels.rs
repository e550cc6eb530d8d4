//! What names kernels, cases and sizes, and reports of benchmarks.

use dapo_wgpu::gpu::capabilities::DeviceLimits;
use dapo_wgpu::gpu::{AdapterSummary, Capabilities, Clock, DeviceClass, ShaderMode, SubgroupRange};
use dapo_wgpu::kernels::Cost;
use dapo_wgpu::kernels::registry::Registry;
use dapo_wgpu::lab::Device;
use dapo_wgpu::lab::bench::formats::Format;
use dapo_wgpu::lab::bench::request::{Variants, of_kernels, resized, swept};
use dapo_wgpu::lab::bench::sensors::Sensors;
use dapo_wgpu::lab::bench::sweep::Sweep;
use dapo_wgpu::lab::bench::{
    BenchReport, Bound, Ceilings, Comparison, KernelError, Kind, RunCounts, SCHEMA, Spread, Timing,
};

use super::{Desk, Form, Target, plain};

pub fn targets() -> Vec<Target> {
    vec![
        plain("case", Form::Text, cases, case),
        plain("sweep", Form::Text, sweeps, sweep),
        plain("bench_json", Form::Json, reports, report),
    ]
}

fn capabilities() -> Capabilities {
    Capabilities {
        class: DeviceClass::Gpu,
        f16: true,
        subgroups: Some(SubgroupRange { min: 32, max: 32 }),
        timestamps: false,
        immediates: 128,
        cooperative_matrix: Vec::new(),
        storage_texture_size: 8192,
        cores: Some(4),
        limits: DeviceLimits {
            storage_binding: 1 << 30,
            buffer: 1 << 30,
            workgroup_memory: 32 << 10,
            invocations: 1024,
            workgroups: 65_535,
            storage_buffers: 8,
        },
        paths: Vec::new(),
    }
}

/// A case is read and planned, for a device that has everything, and for one that has nothing.
fn case(input: &[u8], _: &Desk) -> bool {
    let text = String::from_utf8_lossy(input);
    let registry = Registry::builtin();
    let Ok(case) = registry.parse(&text, &[]) else { return false };
    let again = registry.parse(&case.label(), &[]).expect("a printed label");
    assert_eq!(again.label(), case.label());
    let weak = Capabilities {
        class: DeviceClass::SimdCpu,
        f16: false,
        subgroups: None,
        immediates: 0,
        storage_texture_size: 0,
        ..capabilities()
    };
    for of in [capabilities(), weak] {
        let _ = case.variants(&of).len();
    }
    let _ = (case.inputs(), case.outputs(), case.cost(), case.derivative().is_some());
    true
}

fn cases() -> Vec<Vec<u8>> {
    let registry = Registry::builtin();
    let mut kernels = Vec::new();
    let all = registry.conformance(dapo_wgpu::kernels::registry::Tier::Small);
    let labels = all.iter().filter(|case| {
        let is_new = kernels.iter().filter(|kernel| **kernel == case.kernel()).count() < 3;
        kernels.push(case.kernel());
        is_new
    });
    labels.map(|case| case.label().into_bytes()).collect()
}

/// A line each: a range, a change of a size, a variant.
fn sweep(input: &[u8], _: &Desk) -> bool {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let [range, change, variant] = std::array::from_fn(|_| lines.next().unwrap_or_default().to_owned());
    let registry = Registry::builtin();
    let selected = || {
        let labels = ["matmul f32 m=1 n=2 k=3", "softmax f32 rows=4 width=8 scale=1"];
        labels.map(|label| registry.parse(label, &[]).expect("a case")).into_iter().collect::<Vec<_>>()
    };
    let range = range.parse::<Sweep>();
    let valid = range.is_ok();
    if let Ok(range) = range {
        assert!(range.values.len() < 1100);
        if range.values.len() < 50 {
            let _ = swept(&registry, &selected(), &range);
        }
    }
    let _ = resized(&registry, selected(), &[change]);
    let _ = of_kernels(&registry, selected(), std::slice::from_ref(&variant));
    if let Ok(variants) = Variants::parse(&registry, &[variant]) {
        let _ = variants.check(&selected(), &capabilities());
    }
    valid
}

fn sweeps() -> Vec<Vec<u8>> {
    ["m=64..2048\nk=9\nmatmul=naive", "width=1..99:7\nscale=0.5\nall", "k=1..10:4\nrows=none\nsoftmax=all"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

fn report(input: &[u8], desk: &Desk) -> bool {
    let Ok(old) = BenchReport::load(&desk.file("old.json", input)) else { return false };
    let mut new = read_report(desk);
    new.comparison = Some(Comparison::new(&old, &new, "old.json".into(), 0.05));
    for format in [Format::Table, Format::Markdown, Format::Csv, Format::Json] {
        let _ = (old.render(format), new.render(format));
    }
    if let Ok(sweep) = "m=1..9".parse::<Sweep>() {
        let _ = sweep.rows(&old).len();
    }
    true
}

fn read_report(desk: &Desk) -> BenchReport {
    BenchReport::load(&desk.file("new.json", &reports()[0])).expect("a report")
}

fn reports() -> Vec<Vec<u8>> {
    let adapter = AdapterSummary {
        index: 0,
        name: "llvmpipe".into(),
        backend: "vulkan".into(),
        kind: "cpu (software)".into(),
        software: true,
        driver: "llvmpipe".into(),
        driver_info: "Mesa".into(),
        vendor: 1,
        device: 2,
        pci_bus: String::new(),
        vulkan: None,
    };
    let device = Device {
        adapter,
        capabilities: capabilities(),
        mode: ShaderMode::Trusted,
        version: "0.1.0".into(),
        notes: vec!["a note".into()],
    };
    let ceilings = Ceilings {
        multiply_add: 1e12,
        copy: 1e11,
        read: 5e10,
        cache: Some(4e11),
        workgroup: None,
        matrix: Vec::new(),
        launch: 1e-5,
        submit: 1e-4,
    };
    let timing = |kind, case: &str, run, error| Timing {
        kind,
        kernel: "matmul".into(),
        case: case.into(),
        variant: "tile".into(),
        clock: Clock::Wall,
        work: Cost { flops: 1e9, bytes: 1e6 },
        spread: Spread::of(&[1e-3, 2e-3, 3e-3]),
        gflops: 500.0,
        gbytes: 0.5,
        roofline: 0.5,
        bound: Bound::Arithmetic,
        compile: 0.25,
        cold: 0.5,
        run,
        error,
    };
    let counts = RunCounts {
        items: 2,
        unit: "images".into(),
        per_second: 20.0,
        launches: 90,
        submits: 3,
        host: Some(1e-3),
    };
    let error = KernelError { of_bound: 0.5, units: Some(0.25) };
    let timings = vec![
        timing(Kind::Kernel, "matmul f32 m=4 n=2 k=3", None, Some(error)),
        timing(Kind::Model, "vision vit-b-16 image=224 batch=2", Some(counts), None),
    ];
    let sensors = Sensors { source: "hwmon".into(), clock: Some((1.0, 2.0)), power: None };
    let report = BenchReport {
        origin: None,
        ceilings_after: None,
        partial: false,
        schema: SCHEMA.into(),
        device,
        ceilings,
        sensors: Some(sensors),
        timings,
        comparison: None,
    };
    vec![serde_json::to_vec(&report).expect("JSON")]
}
