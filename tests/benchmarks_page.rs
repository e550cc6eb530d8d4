//! `docs/benchmarks.md` and its chart against the results in `docs/results`: each of these follows the schema of `bench`,
//! and the page is what they say, to the letter. `make benchmarks-page` writes it anew.

#[path = "benchmarks_page/chart.rs"]
mod chart;
#[path = "benchmarks_page/page.rs"]
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use dapo_wgpu::lab::bench::BenchReport;

/// What somebody measured on a device.
struct DeviceResult {
    /// The name of its file, `DEVICE` of `docs/results/DEVICE.json`.
    file: String,
    report: BenchReport,
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// All results, by the names of their files.
fn results() -> Vec<DeviceResult> {
    let mut paths: Vec<PathBuf> = fs::read_dir(docs("results"))
        .expect("docs/results")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    let read = |path: PathBuf| DeviceResult {
        file: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        report: BenchReport::load(&path).unwrap_or_else(|e| panic!("{e}")),
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn each_result_is_a_whole_run_that_says_where_it_comes_from() {
    let results = results();
    assert!(!results.is_empty());
    for DeviceResult { file, report } in &results {
        let path = docs("results").join(format!("{file}.json"));
        let text = fs::read_to_string(&path).expect("readable");
        let schema = fs::read_to_string(docs("schemas/bench-1.json")).expect("the schema");
        let [document, schema] = [text, schema].map(|text| serde_json::from_str(&text).expect("JSON"));
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let problems: Vec<_> =
            validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(problems.is_empty(), "{file}: {problems:#?}");

        assert!(!report.partial, "{file}: the run was stopped");
        assert!(
            report.origin.is_some(),
            "{file}: of an older version, which does not say what it comes from"
        );
        let build = &report.origin.as_ref().expect("there").build;
        assert_eq!(build.profile, "release", "{file}");
        assert!(
            report.warnings().is_empty(),
            "{file}: {:?}; repeat it on a quiet machine",
            report.warnings()
        );
        for label in page::CASES {
            assert!(report.timings.iter().any(|timing| timing.case == *label), "{file} lacks {label}");
        }
    }
}

#[test]
fn the_page_and_its_chart_are_those_of_the_results() {
    let results = results();
    let write = std::env::var_os("DAPO_WRITE_BENCHMARKS").is_some();
    for (name, text) in
        [("benchmarks.md", page::markdown(&results)), ("images/benchmarks.svg", chart::svg(&results))]
    {
        if write {
            fs::write(docs(name), &text).expect("write");
        }
        let found = fs::read_to_string(docs(name)).unwrap_or_default();
        assert!(found == text, "docs/{name} does not show docs/results: make benchmarks-page");
    }
}
