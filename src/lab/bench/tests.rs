use std::path::Path;

use super::formats::Format;
use super::*;
use crate::gpu::capabilities::tests::minimal;
use crate::gpu::{AdapterSummary, Clock, DeviceClass, ShaderMode};
use crate::kernels::Cost;
use crate::lab::Device;

const CEILINGS: Ceilings = Ceilings {
    multiply_add: 1e12,
    copy: 1e11,
    read: 5e10,
    cache: Some(4e11),
    workgroup: Some(2e12),
    matrix: Vec::new(),
    launch: 1e-5,
    submit: 1e-4,
};

fn report(timings: Vec<Timing>) -> BenchReport {
    let adapter = AdapterSummary {
        index: 0,
        name: "llvmpipe".into(),
        backend: "vulkan".into(),
        kind: "cpu (software)".into(),
        software: true,
        driver: "llvmpipe".into(),
        driver_info: "Mesa 22.3.6".into(),
        vendor: 1,
        device: 2,
        pci_bus: String::new(),
        vulkan: None,
    };
    let device = Device {
        adapter,
        capabilities: minimal(DeviceClass::SimdCpu),
        mode: ShaderMode::Trusted,
        version: "0.1.0".into(),
        notes: Vec::new(),
    };
    BenchReport {
        origin: None,
        schema: SCHEMA.into(),
        device,
        ceilings: CEILINGS,
        ceilings_after: None,
        partial: false,
        sensors: None,
        timings,
        comparison: None,
    }
}

/// A row whose times are these, in milliseconds.
fn row(case: &str, times: &[f64]) -> Timing {
    let seconds: Vec<f64> = times.iter().map(|ms| ms * 1e-3).collect();
    let (spread, work) = (Spread::of(&seconds), Cost { flops: 1e9, bytes: 1e6 });
    Timing {
        kind: Kind::Kernel,
        kernel: "matmul".into(),
        case: case.into(),
        variant: "tile".into(),
        clock: Clock::Timestamps,
        work,
        spread,
        gflops: work.flops / spread.median * 1e-9,
        gbytes: work.bytes / spread.median * 1e-9,
        roofline: CEILINGS.floor(work).seconds / spread.median,
        bound: Bound::Arithmetic,
        compile: 0.25,
        cold: 0.5,
        run: None,
        error: None,
    }
}

/// Times around a median, 2 % apart.
fn around(ms: f64) -> Vec<f64> {
    [0.96, 0.98, 1.0, 1.02, 1.04].map(|f| f * ms).to_vec()
}

fn model_row() -> Timing {
    let run = RunCounts {
        items: 2,
        unit: "images".into(),
        per_second: 20.0,
        launches: 90,
        submits: 3,
        host: Some(0.0009),
    };
    Timing {
        kind: Kind::Model,
        kernel: "vision".into(),
        clock: Clock::Wall,
        run: Some(run),
        ..row("vision vit-b-16 image=224 batch=2", &around(100.0))
    }
}

#[test]
fn the_floor_is_set_by_the_scarcest_resource() {
    let floor = |flops, bytes| {
        let floor = CEILINGS.floor(Cost { flops, bytes });
        (floor.seconds, floor.bound)
    };
    assert_eq!(floor(1e9, 1e3), (1e-3, Bound::Arithmetic));
    assert_eq!(floor(1e3, 1e8), (1e-3, Bound::Memory));
    assert_eq!(floor(1.0, 4.0), (1e-5, Bound::Launch));
}

#[test]
fn the_floor_of_launches_is_the_sum_of_theirs() {
    // 1 ms of arithmetic, then 2 × 0.7 ms of memory: together 2.4 ms, most of them memory.
    let memory = Cost { flops: 1e3, bytes: 7e7 };
    let floor = CEILINGS.floor_of_all([Cost { flops: 1e9, bytes: 1e3 }, memory, memory].into_iter());
    assert!((floor.seconds - 2.4e-3).abs() < 1e-12, "{floor:?}");
    assert_eq!(floor.bound, Bound::Memory);
}

#[test]
fn quantiles_lie_between_times_where_they_must() {
    let odd = Spread::of(&[5.0, 1.0, 3.0, 2.0, 4.0]);
    assert_eq!((odd.median, odd.quartiles, odd.best, odd.repetitions), (3.0, (2.0, 4.0), 1.0, 5));
    assert_eq!(Spread::of(&[1.0, 2.0]).median, 1.5);
    let one = Spread::of(&[7.0]);
    assert_eq!((one.median, one.quartiles), (7.0, (7.0, 7.0)));
}

#[test]
fn implausible_timestamps_are_detected() {
    assert!(measure::plausible(1e-3, 2e-3));
    assert!(!measure::plausible(0.0, 2e-3), "a clock that stands still");
    assert!(!measure::plausible(3e-3, 2e-3), "more than passed on the host");
    assert!(!measure::plausible(f64::NAN, 2e-3));
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json");
    let report = report(vec![row("a", &around(10.0)), model_row()]);
    std::fs::write(&path, report.render(Format::Json).unwrap()).unwrap();
    let loaded = BenchReport::load(&path).unwrap();
    assert_eq!(loaded.device, report.device);
    // The JSON reader may miss a number's last bit; no figure of the table shows it.
    assert_eq!(loaded.render(Format::Table), report.render(Format::Table));
}

#[test]
fn files_that_are_not_reports_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.json");
    let json = report(vec![row("a", &around(10.0))]).render(Format::Json).unwrap();
    let message = |text: &str| {
        std::fs::write(&path, text).unwrap();
        BenchReport::load(&path).unwrap_err().to_string()
    };
    for (text, words) in [
        (&json[..json.len() / 2], "cut short"),
        ("", "cut short"),
        ("[1, 2]", "schema is missing"),
        (&json.replace("bench/1", "bench/9"), "dapo-wgpu/bench/9"),
        (&json.replace("dapo-wgpu/bench/1", "dapo-wgpu/check/1"), "not dapo-wgpu/bench/1"),
        (&json.replace("\"gflops\"", "\"flops\""), "gflops"),
        (&json.replace("\"median\": 0.01,", "\"median\": -1.0,"), "times of 'a'"),
    ] {
        let message = message(text);
        assert!(message.contains(words) && message.contains("old.json"), "{message}");
    }
    let missing = BenchReport::load(&folder.path().join("none.json")).unwrap_err().to_string();
    assert!(missing.contains("none.json: cannot read"), "{missing}");
}

fn compare(old: &BenchReport, new: &BenchReport) -> Comparison {
    Comparison::new(old, new, "old.json".into(), DEFAULT_THRESHOLD)
}

/// The change of one row with these times.
fn change(old: &[f64], new: &[f64]) -> Change {
    compare(&report(vec![row("a", old)]), &report(vec![row("a", new)])).rows[0].change
}

#[test]
fn a_change_counts_beyond_noise_and_threshold() {
    assert_eq!(change(&around(10.0), &around(10.0)), Change::Same);
    assert_eq!(change(&around(10.0), &around(12.0)), Change::Slower);
    assert_eq!(change(&around(12.0), &around(10.0)), Change::Faster);
    // Quartiles 2 % from the median: 4.05 % lie outside of the noise, but below the threshold of 5 %.
    assert_eq!(change(&around(10.0), &around(10.45)), Change::Same);
    // 20 % slower, but the quartiles of such spreads overlap.
    let wide = |ms: f64| [0.6, 0.8, 1.0, 1.2, 1.4].map(|f| f * ms);
    assert_eq!(change(&wide(10.0), &wide(12.0)), Change::Same);
    assert_eq!(change(&wide(10.0), &wide(16.0)), Change::Slower);
}

#[test]
fn few_repetitions_do_not_make_noise_small() {
    // Quartiles of one time are that time: without a least noise every change of 5 % would count.
    for few in [1, 2, 4] {
        let times = |ms: f64| vec![ms; few];
        assert_eq!(change(&times(10.0), &times(14.0)), Change::Same, "{few}");
        assert_eq!(change(&around(10.0), &times(7.9)), Change::Same, "{few}");
        assert_eq!(change(&times(10.0), &times(20.0)), Change::Slower, "{few}");
        assert_eq!(change(&times(20.0), &times(10.0)), Change::Faster, "{few}");
    }
    assert_eq!(change(&[10.0; 5], &[14.0; 5]), Change::Slower);
}

#[test]
fn nothing_inside_of_its_own_interval_is_called_slower_or_faster() {
    for shift in 0..200 {
        let spread = [0.9, 0.95, 1.0, 1.02, 1.3];
        let new = spread.map(|f| f * (8.0 + 0.02 * f64::from(shift)));
        let old = report(vec![row("a", &spread.map(|f| 10.0 * f))]);
        let row = &compare(&old, &report(vec![row("a", &new)])).rows[0];
        let ratio = row.ratio.unwrap();
        if ratio.low <= 1.0 && ratio.high >= 1.0 {
            assert_eq!(row.change, Change::Same, "{ratio:?}");
        }
    }
}

#[test]
fn ceilings_that_moved_during_the_run_are_said_in_every_format() {
    let mut moved = report(vec![row("a", &around(10.0))]);
    assert!(moved.warnings().is_empty());
    moved.ceilings_after = Some(Ceilings { copy: CEILINGS.copy * 0.95, ..CEILINGS });
    assert!(moved.warnings().is_empty(), "5 % are within the noise");
    moved.ceilings_after = Some(Ceilings { multiply_add: CEILINGS.multiply_add * 0.7, ..CEILINGS });
    let warnings = moved.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("multiply-add rate was 0.70 times"), "{warnings:?}");
    for format in [Format::Table, Format::Markdown, Format::Json] {
        let text = moved.render(format).unwrap();
        assert!(text.contains("0.70 times") || text.contains("ceilings_after"), "{text}");
    }
}

#[test]
fn a_run_that_was_stopped_is_marked() {
    let stopped = BenchReport { partial: true, ..report(vec![row("a", &around(10.0))]) };
    assert!(stopped.render(Format::Table).unwrap().contains("PARTIAL"));
    assert!(stopped.render(Format::Markdown).unwrap().contains("PARTIAL"));
    assert!(stopped.render(Format::Json).unwrap().contains("\"partial\": true"));
    assert!(!report(Vec::new()).render(Format::Json).unwrap().contains("partial"));
}

#[test]
fn the_noise_is_made_of_both_quartiles() {
    let comparison = compare(&report(vec![row("a", &around(10.0))]), &report(vec![row("a", &around(20.0))]));
    let ratio = comparison.rows[0].ratio.unwrap();
    for (found, expected) in [(ratio.value, 2.0), (ratio.low, 19.6 / 10.2), (ratio.high, 20.4 / 9.8)] {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    assert!(comparison.regressed());
    assert!(comparison.warnings.is_empty(), "{:?}", comparison.warnings);
    assert!(comparison.summary().starts_with("REGRESSION: 1 slower, 0 faster"));
}

#[test]
fn rows_of_one_report_only_are_named_and_no_regression() {
    let old = report(vec![row("a", &around(10.0)), row("gone", &around(10.0))]);
    let new = report(vec![row("new", &around(10.0)), row("a", &around(10.0))]);
    let comparison = compare(&old, &new);
    let found: Vec<_> = comparison.rows.iter().map(|r| (&*r.case, r.change)).collect();
    assert_eq!(found, [("new", Change::OnlyNew), ("a", Change::Same), ("gone", Change::OnlyOld)]);
    assert!(!comparison.regressed() && !comparison.is_empty());
    // The same case in another variant is another row.
    let other = Timing { variant: "naive".into(), ..row("a", &around(99.0)) };
    assert!(compare(&report(vec![row("a", &around(10.0))]), &report(vec![other])).is_empty());
}

#[test]
fn other_differences_are_warned_of() {
    let old = report(vec![row("a", &around(10.0))]);
    let mut new = report(vec![Timing { clock: Clock::Wall, ..row("a", &around(10.0)) }]);
    new.device.adapter.name = "Radeon".into();
    new.device.adapter.driver_info = "Mesa 25".into();
    new.device.mode = ShaderMode::Checked;
    new.device.version = "0.2.0".into();
    new.ceilings.copy *= 0.8;
    new.ceilings.read *= 0.95;
    let warnings = compare(&old, &new).warnings;
    for words in [
        "another adapter: 'llvmpipe",
        "another driver",
        "shader mode: 'Trusted' then, 'Checked' now",
        "version",
        "copy rate is 0.80",
        "another clock",
    ] {
        assert!(warnings.iter().any(|w| w.contains(words)), "{words}: {warnings:?}");
    }
    assert!(!warnings.iter().any(|w| w.contains("read rate")), "5 % are within the noise: {warnings:?}");
    let few = report(vec![row("a", &[10.0, 10.0])]);
    assert!(compare(&old, &few).warnings.iter().any(|w| w.contains("1 row with fewer than 5")));
}

#[test]
fn the_table_says_where_and_how() {
    let alike = report(vec![row("matmul f32 m=1 n=2 k=3", &around(10.0))]);
    let text = alike.render(Format::Table).unwrap();
    assert!(
        text.contains("cpu (software)") && text.contains("Mesa 22.3.6") && text.contains("Trusted"),
        "{text}"
    );
    assert!(text.contains("device's timestamps") && !text.contains("clock "), "{text}");
    let line = text.lines().last().unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let expected =
        ["10.000", "9.800-10.200", "100.00", "0.10", "10.0%", "arithmetic", "0.250", "tile", "matmul"];
    assert_eq!(words[..9], expected, "{line}");

    let mixed = report(vec![row("a", &around(10.0)), model_row()]).render(Format::Table).unwrap();
    assert!(
        mixed.contains("device's timestamps") && mixed.contains("models and pipelines timed by the host"),
        "{mixed}"
    );
    assert!(mixed.lines().any(|l| l.contains(" timestamps  tile ")), "each row says its clock: {mixed}");
    let model = mixed.lines().last().unwrap();
    for words in ["20.000 images/s", " 90 ", " 3 ", " host ", "vision vit-b-16"] {
        assert!(model.contains(words), "{words}: {mixed}");
    }
}

#[test]
fn csv_has_one_whole_line_a_row() {
    let old = report(vec![row("a, \"quoted\"", &around(5.0))]);
    let mut new = report(vec![row("a, \"quoted\"", &around(10.0)), model_row()]);
    new.comparison = Some(compare(&old, &new));
    let text = new.render(Format::Csv).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    let cell = |row: usize, name: &str| {
        let at = headings.iter().position(|h| h == name).unwrap_or_else(|| panic!("no column {name}"));
        rows[row][at].to_owned()
    };
    assert_eq!(rows.len(), 2);
    assert_eq!(cell(0, "case"), "a, \"quoted\"");
    assert_eq!(cell(0, "median"), "0.01");
    assert_eq!((cell(0, "launches"), cell(0, "verdict")), (String::new(), "slower".into()));
    assert_eq!(cell(0, "ratio").parse::<f64>().unwrap(), 2.0);
    assert_eq!((cell(1, "launches"), cell(1, "verdict")), ("90".into(), "only-new".into()));
    assert_eq!((cell(1, "clock"), cell(1, "mode")), ("wall".into(), "trusted".into()));
    assert_eq!(cell(1, "driver"), "llvmpipe Mesa 22.3.6");
}

#[test]
fn markdown_tables_have_as_many_cells_in_every_line() {
    let mut new = report(vec![row("a", &around(10.0)), model_row()]);
    new.comparison = Some(compare(&report(vec![row("a", &around(10.0))]), &new));
    let text = new.render(Format::Markdown).unwrap();
    let mut tables = 0;
    for block in text.split("\n\n").filter(|block| block.starts_with('|')) {
        let bars: Vec<usize> =
            block.lines().filter(|l| l.starts_with('|')).map(|l| l.matches('|').count()).collect();
        assert!(bars.len() >= 3 && bars.iter().all(|&n| n == bars[0]), "{block}");
        tables += 1;
    }
    assert_eq!(tables, 3, "{text}");
    assert!(text.contains("### Models and pipelines") && text.contains("NO REGRESSION"), "{text}");
}

#[test]
fn formats_by_name_and_by_extension() {
    assert_eq!("markdown".parse(), Ok(Format::Markdown));
    assert!("xml".parse::<Format>().is_err());
    let of = |name: &str| Format::of_file(Path::new(name));
    assert_eq!(
        [of("a.csv"), of("a.MD"), of("a.json"), of("a")],
        [Format::Csv, Format::Markdown, Format::Json, Format::Json]
    );
}
