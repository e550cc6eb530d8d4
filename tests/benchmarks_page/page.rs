//! The page in Markdown.

use dapo_wgpu::lab::bench::Timing;

use crate::DeviceResult;

/// What is compared between devices: the launches of CLIP's towers at the sizes of real models, and a whole tower.
pub const CASES: &[&str] = &[
    "matmul f32 m=197 n=768 k=768",
    "matmul f32 m=577 n=4096 k=1024 +bias +quickgelu",
    "matmul f32 m=1370 n=4096 k=1024",
    "attention f32 images=1 tokens=197 heads=12 dim=64",
    "attention f32 images=1 tokens=1370 heads=16 dim=64",
    "nearest f32 queries=1369 bank=8192 width=1024 k=1 parts=1",
    "layernorm f32 rows=1370 width=1024",
    "softmax f32 rows=9232 width=577 scale=1",
    "activation f32 n=2363392 quickgelu",
    "l2norm f32 rows=1369 width=768",
];

const HEAD: &str = "\
# Benchmarks by device

What people have measured with this program: a file for each device in [`results`](results), drawn and listed here. The page
is made of these files by `make benchmarks-page`; a test says when it does not show them. Rates are useful operations (2·m·n·k
of a product) or bytes that must be read and written, by the median; *of the roofline* is the least possible time by the
peak speed of the same device, measured in the same run, over the median. How it is timed: [laboratory.md](laboratory.md).
Comparisons with other programs on one device are in [peers.md](peers.md).

## Add your device

```sh
make benchmarks              # minutes; nothing else should run. NAME=my-card names the file
```

writes `docs/results/DEVICE.json` and this page. The file says adapter, driver, operating system, version and
command, and nothing else of your machine: look at it, and send both in a pull request.

## All devices

![Rates of the kernels on each device, on a logarithmic axis](images/benchmarks.svg)
";

/// The timing of a case; of several variants the fastest.
pub fn timing<'r>(result: &'r DeviceResult, case: &str) -> Option<&'r Timing> {
    let of_case = result.report.timings.iter().filter(|timing| timing.case == case);
    of_case.min_by(|a, b| a.spread.median.total_cmp(&b.spread.median))
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", 1e3 * s),
        s => format!("{:.1} µs", 1e6 * s),
    }
}

fn row(cells: impl IntoIterator<Item = String>) -> String {
    format!("| {} |\n", cells.into_iter().collect::<Vec<_>>().join(" | "))
}

/// Medians of all devices, a column each.
fn together(results: &[DeviceResult]) -> String {
    let names = std::iter::once("case".to_owned()).chain(results.iter().map(|r| r.file.clone()));
    let mut text = row(names) + &"|---".repeat(1 + results.len()) + "|\n";
    for case in CASES {
        let time = |result: &DeviceResult| {
            timing(result, case).map_or_else(|| "–".to_owned(), |timing| duration(timing.spread.median))
        };
        text += &row(std::iter::once(format!("`{case}`")).chain(results.iter().map(time)));
    }
    text
}

fn device(result: &DeviceResult) -> String {
    let DeviceResult { file, report } = result;
    let adapter = &report.device.adapter;
    let software = if adapter.software { ": a software device, no GPU" } else { "" };
    let mut text =
        format!("\n## {file}\n\n{} · {} · {}{software}  \n", adapter.name, adapter.backend, adapter.kind);
    text += &format!("driver {} {}  \n", adapter.driver, adapter.driver_info);
    if let Some(origin) = &report.origin {
        let build = &origin.build;
        text += &format!(
            "{}, {}; dapo-wgpu {}, wgpu {}; {}  \n",
            origin.system, origin.architecture, build.version, build.wgpu, origin.date
        );
    }
    let peak = &report.ceilings;
    text += &format!(
        "peak, measured: {:.1} GFLOP/s multiply-add, {:.1} GB/s copy, {:.1} GB/s read, {:.1} µs a launch, {:.1} µs a submit\n\n",
        1e-9 * peak.multiply_add,
        1e-9 * peak.copy,
        1e-9 * peak.read,
        1e6 * peak.launch,
        1e6 * peak.submit
    );
    text += "| case | variant | median | GFLOP/s | GB/s | of the roofline |\n|---|---|---|---|---|---|\n";
    for timing in &report.timings {
        text += &row([
            format!("`{}`", timing.case),
            timing.variant.clone(),
            duration(timing.spread.median),
            format!("{:.1}", timing.gflops),
            format!("{:.1}", timing.gbytes),
            format!("{:.0} %", 100.0 * timing.roofline),
        ]);
    }
    text
}

pub fn markdown(results: &[DeviceResult]) -> String {
    let devices: String = results.iter().map(device).collect();
    format!("{HEAD}\n{}{devices}", together(results))
}
