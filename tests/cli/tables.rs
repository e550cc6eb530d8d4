//! `table`: figures of evaluations to paste.

use std::fs;

use serde_json::json;

use crate::Place;

/// A run in `name` with this AUROC.
fn run(place: &Place, name: &str, auroc: f64) {
    let metrics = json!({
        "schema": "dapo-wgpu/metrics/1",
        "program": {"name": "dapo-wgpu", "version": "0.1.0"},
        "method": "clip",
        "data": {"name": "my_parts", "layout": "mvtec", "images": 2, "list_sha256": "ab"},
        "mean": {"image_auroc": auroc},
        "products": {"nut": {"image_auroc": auroc, "images": 2, "defective": 1}},
    });
    fs::create_dir_all(place.path(name)).expect("a folder");
    place.write(&format!("{name}/metrics.json"), metrics.to_string().as_bytes());
}

#[test]
fn runs_are_averaged_in_every_format() {
    let place = Place::new();
    run(&place, "a", 0.8);
    run(&place, "b", 0.9);
    // Mean 0.85; squares 0.0025 twice, divided by 1: 0.0707.
    let markdown = place.run(&["table", "a", "b/metrics.json"]).succeeds().stdout;
    assert!(markdown.contains("| my\\_parts | clip | – | 2 | 85.0 ± 7.1 | – |"), "{markdown}");
    let latex = place.run(&["table", "a", "b", "--format", "latex", "--products"]).succeeds().stdout;
    let row =
        "\\texttt{my\\_parts} & \\texttt{clip} & \\texttt{–} & \\texttt{nut} & 2 & 85.0 $\\pm$ 7.1 & -- &";
    assert!(latex.contains(row), "{latex}");
    let csv = place.run(&["table", "a", "b", "--format", "csv"]).succeeds().stdout;
    assert!(csv.starts_with("data,method,model,runs,image_auroc,image_auroc_std,image_auroc_runs,"), "{csv}");
    assert!(csv.contains("\nmy_parts,clip,–,2,0.85"), "{csv}");
}

#[test]
fn what_is_no_run_is_named() {
    let place = Place::new();
    run(&place, "a", 0.8);
    place.run(&["table", "a", "a/metrics.json"]).fails_with(&["'a/metrics.json' is given twice"]);
    place.run(&["table", "a", "missing"]).fails_with(&["cannot read 'missing'", "metrics.json"]);
    place.write("a/metrics.json", br#"{"schema": "dapo-wgpu/results/1"}"#);
    place.run(&["table", "a"]).fails_with(&["a/metrics.json", "dapo-wgpu/results/1", "dapo-wgpu/metrics/1"]);
}
