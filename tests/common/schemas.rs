//! Whether what the program wrote follows the JSON Schemas in `docs/schemas`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::Value;

/// Asserts that a document with a field `schema` of this program follows it. Others are left alone.
#[track_caller]
pub fn assert_follows(document: &Value, what: &str) {
    if let Some(name) = schema_of(document) {
        assert_valid(&name, document, what);
    }
}

/// Asserts that each document and each line in a file that the program wrote follows its schema.
#[track_caller]
pub fn assert_file_follows(path: &Path) {
    let what = path.display().to_string();
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{what}: {e}"));
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{what}: {e}"));
    if path.extension().is_none_or(|extension| extension != "jsonl") {
        return assert_follows(&parse(&text), &what);
    }
    // A line is added at a time: only the last may be cut short.
    let lines = text.rsplit_once('\n').map_or("", |(whole, _)| whole).lines().map(parse);
    let mut lines = lines.peekable();
    let name = match path.file_name().and_then(|name| name.to_str()) {
        Some("images.jsonl") => Some("image-record".to_owned()),
        Some("steps.jsonl") => Some("training-step".to_owned()),
        _ => lines.peek().and_then(schema_of),
    };
    if let Some(name) = name {
        lines.for_each(|line| assert_valid(&name, &line, &what));
    }
}

/// `results-1` for `dapo-wgpu/results/1`.
fn schema_of(document: &Value) -> Option<String> {
    Some(document.get("schema")?.as_str()?.strip_prefix("dapo-wgpu/")?.replace('/', "-"))
}

#[track_caller]
fn assert_valid(name: &str, document: &Value, what: &str) {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas").join(format!("{name}.json"));
    let build = || {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let schema = serde_json::from_str(&text).expect("JSON");
        Arc::new(jsonschema::validator_for(&schema).unwrap_or_else(|e| panic!("{name}: {e}")))
    };
    let validator = VALIDATORS.lock().expect("no panic").entry(name.to_owned()).or_insert_with(build).clone();
    let problems: Vec<_> =
        validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(problems.is_empty(), "{what} does not follow {name}.json: {problems:#?}");
}
