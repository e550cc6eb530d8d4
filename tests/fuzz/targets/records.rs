//! What the program itself writes and reads again.

use std::hash::{DefaultHasher, Hasher as _};

use dapo_wgpu::cli::fuzzing::{ledger, steps, trials};
use dapo_wgpu::dapo::Alarm;
use dapo_wgpu::eval::image_scores::table;
use dapo_wgpu::gpu::intact;
use dapo_wgpu::lab::tune::store::{Candidate, Choice, Status, Tuning};
use dapo_wgpu::report::Results;
use dapo_wgpu::report::tables::{TableFormat, metrics_csv, products_table, read_metrics, runs_table};
use serde_json::json;

use super::{Desk, Form, Target, models, plain};

pub fn targets() -> Vec<Target> {
    vec![
        plain("results", Form::Json, results, |input, desk| {
            let path = desk.file("results.json", input);
            Results::load(&path).map(|results| results.save(&path).expect("what was valid")).is_ok()
        }),
        plain("metrics", Form::Json, metrics, read_tables),
        plain("score_csv", Form::Text, score_tables, |input, desk| {
            table(&desk.file("scores.csv", input)).is_ok()
        }),
        plain("images_jsonl", Form::Text, journals, |input, desk| {
            table(&desk.file("images.jsonl", input)).is_ok()
        }),
        plain("ledger", Form::Text, ledgers, |input, desk| ledger(&desk.file("watch.jsonl", input))),
        plain("steps", Form::Text, step_lines, |input, desk| {
            let path = desk.file("run/steps.jsonl", input);
            steps(path.parent().expect("a folder"))
        }),
        plain("alarm", Form::Json, alarms, |input, _| Alarm::from_json(input).is_ok()),
        plain("tuning", Form::Json, tunings, tuning),
        plain("trials", Form::Json, trial_files, |input, desk| trials(&desk.file("trials.json", input))),
        Target { repair: Some(repair_cache), ..plain("driver_cache", Form::Binary, caches, cache) },
    ]
}

/// The example of docs/results.md.
fn results() -> Vec<Vec<u8>> {
    let text = include_str!("../../../docs/results.md");
    let start = text.find("```json").expect("an example") + "```json".len();
    let end = start + text[start..].find("```").expect("its end");
    vec![text[start..end].into()]
}

fn read_tables(input: &[u8], desk: &Desk) -> bool {
    let Ok(metrics) = read_metrics(&desk.file("metrics.json", input)) else { return false };
    let _ = metrics_csv(&metrics);
    let runs = [("a".to_owned(), metrics.clone()), ("b".to_owned(), metrics)];
    for format in [TableFormat::Markdown, TableFormat::Latex, TableFormat::Csv] {
        let _ = (runs_table(&runs, format), products_table(&runs, format));
    }
    true
}

fn metrics() -> Vec<Vec<u8>> {
    let figures = json!({"image_auroc": 0.9, "image_ap": 0.8, "pixel_auroc": 0.7, "aupro": 0.6,
        "undefined": {"multi_f1": "none"}, "bounds": {"aupro": 0.001}, "intervals": {"image_ap": [0.7, 0.9]}});
    let mut product = figures.clone();
    let fields = [
        ("images", json!(8)),
        ("defective", json!(4)),
        ("remarks", json!({"mask_vanished": 1})),
        ("types", json!({"bent": {"auroc": 0.5, "support": 7}})),
        ("pixel_confusion", json!({"names": ["normal", "bent"], "counts": [[1, 2], [3, 4]]})),
    ];
    for (name, value) in fields {
        product[name] = value;
    }
    let whole = json!({"schema": "dapo-wgpu/metrics/1", "program": {"name": "dapo-wgpu", "version": "0.1.0"},
        "method": "clip", "data": {"name": "set", "layout": "mvtec", "images": 8, "list_sha256": "00",
            "left_out": {"mask": {"count": 1, "first": ["a"]}}},
        "model": {"name": "nano", "path": "", "image_size": 128, "patch_size": 8, "embed_dim": 128,
            "demonstration": true},
        "defects": ["bent"], "settings": {"threshold": 0.5}, "mean": figures, "products": {"nut": product},
        "failed": [{"path": "x.png", "error": "gone"}]});
    vec![whole.to_string().into()]
}

fn score_tables() -> Vec<Vec<u8>> {
    vec![b"image,score\na/b.png,0.5\n\"c,d.png\",1e-3\n".to_vec(), b" Score ,IMAGE\n0.25,a.png\n".to_vec()]
}

fn journals() -> Vec<Vec<u8>> {
    vec![
        b"{\"index\":0,\"path\":\"a.png\",\"product\":\"nut\",\"score\":0.5}\n\
           {\"index\":1,\"path\":\"b.png\",\"product\":\"nut\",\"error\":\"gone\"}\n"
            .to_vec(),
    ]
}

fn ledgers() -> Vec<Vec<u8>> {
    vec![b"{\"bytes\":9,\"modified_ns\":1,\"path\":\"a.png\",\"error\":\"gone\"}\n{\"bytes\":9,\"modified_ns\":2,\
           \"path\":\"b.png\",\"width\":8,\"height\":8,\"score\":0.5,\"verdict\":\"good\",\"type\":\"hole\",\
           \"type_probability\":0.5,\"probabilities\":{\"normal\":0.5,\"hole\":0.5},\"boxes\":[]}\n"
        .to_vec()]
}

fn step_lines() -> Vec<Vec<u8>> {
    vec![
        b"{\"step\":0,\"image_loss\":1.5,\"local_loss\":0.5,\"total\":2.0,\"learning_rate\":1e-3,\
           \"gradient_norm\":0.25,\"seconds\":0.1}\n{\"step\":1"
            .to_vec(),
    ]
}

fn alarms() -> Vec<Vec<u8>> {
    vec![serde_json::to_vec(&models::alarm()).expect("JSON")]
}

fn tuning(input: &[u8], desk: &Desk) -> bool {
    let Ok(mut tuning) = Tuning::read(&desk.file("tuning.json", input)) else { return false };
    let again = tuning.choices.clone();
    tuning.add(again);
    let _ = (tuning.preferences(), tuning.text());
    true
}

fn tunings() -> Vec<Vec<u8>> {
    let candidate =
        |variant: &str, status| Candidate { variant: variant.into(), status, seconds: Some(1e-3), runs: 3 };
    let choice = Choice {
        case: "softmax f32 rows=4 width=8 scale=1".into(),
        variant: "row".into(),
        default: "naive".into(),
        gain: 1.5,
        candidates: vec![
            candidate("row", Status::Won),
            candidate("naive", Status::Lost { ratio: 1.5 }),
            candidate("x", Status::Wrong { fault: "2 is not 3".into() }),
            candidate("y", Status::Pruned { reason: "slow".into() }),
        ],
    };
    let whole = Tuning {
        schema: "dapo-wgpu/tuning/1".into(),
        device: "llvmpipe".into(),
        kernels: "0".into(),
        choices: vec![choice],
    };
    vec![serde_json::to_vec(&whole).expect("JSON")]
}

fn trial_files() -> Vec<Vec<u8>> {
    vec![b"{\"matmul f32 m=1 n=2 k=3 [naive]\":null,\"b\":\"2 is not 3\"}".to_vec()]
}

fn cache(input: &[u8], _: &Desk) -> bool {
    let data = intact(input.to_vec());
    assert!(data.as_ref().is_none_or(|data| data.len() + 8 == input.len()));
    data.is_some()
}

fn repair_cache(bytes: &mut Vec<u8>) {
    let data = bytes.split_off(bytes.len().min(8));
    let mut hasher = DefaultHasher::new();
    hasher.write(&data);
    *bytes = [&hasher.finish().to_le_bytes()[..], &data].concat();
}

fn caches() -> Vec<Vec<u8>> {
    let mut file = b"12345678compiled".to_vec();
    repair_cache(&mut file);
    vec![file]
}
