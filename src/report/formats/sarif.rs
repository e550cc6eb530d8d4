//! Results as SARIF 2.1.0, the Static Analysis Results Interchange Format of OASIS.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::finding::finding;
use crate::report::results::{DefectBox, ImageResult, Results, ScoredImage, Verdict};

/// What a path keeps in a URI (RFC 3986: unreserved characters, and `/` between segments).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// See [`Format::Sarif`](super::Format::Sarif).
pub(super) fn sarif(results: &Results) -> String {
    let rules: Vec<Value> = results.defects.iter().map(|defect| rule(defect, &results.object)).collect();
    let defective = |image: &&ScoredImage| image.verdict == Some(Verdict::Defective);
    let found: Vec<Value> = results
        .images
        .iter()
        .filter_map(ImageResult::scored)
        .filter(defective)
        .map(|image| result(image, results))
        .collect();
    let unread: Vec<Value> = results.images.iter().filter_map(notification).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": results.program.name,
                "semanticVersion": results.program.version,
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "invocations": [{
                "executionSuccessful": unread.is_empty(),
                "toolExecutionNotifications": unread,
            }],
            "results": found,
        }],
    });
    format!("{document:#}\n")
}

fn rule(defect: &str, object: &str) -> Value {
    json!({
        "id": defect,
        "shortDescription": { "text": format!("{defect} on a {object}") },
        "defaultConfiguration": { "level": "error" },
    })
}

fn result(image: &ScoredImage, results: &Results) -> Value {
    let rectangles: Vec<Value> = image.boxes.iter().map(rectangle).collect();
    let mut result = json!({
        "ruleId": image.defect_type,
        "ruleIndex": results.defects.iter().position(|defect| *defect == image.defect_type),
        "kind": "fail",
        "level": "error",
        "message": { "text": finding(image) },
        "locations": [location(&image.path)],
        "rank": (1000.0 * f64::from(image.score)).round() / 10.0,
        "properties": { "score": image.score, "typeProbability": image.type_probability },
    });
    if !rectangles.is_empty() {
        result["attachments"] = json!([{
            "artifactLocation": { "uri": uri(&image.path) },
            "rectangles": rectangles,
        }]);
    }
    result
}

/// In pixels from the top left.
fn rectangle(found: &DefectBox) -> Value {
    let (x, y) = (f64::from(found.x), f64::from(found.y));
    json!({
        "left": x,
        "top": y,
        "right": x + f64::from(found.width),
        "bottom": y + f64::from(found.height),
        "message": { "text": format!("{}, {:.3}", found.defect_type, found.score) },
    })
}

fn notification(image: &ImageResult) -> Option<Value> {
    match image {
        ImageResult::Scored(_) => None,
        ImageResult::Failed(image) => Some(json!({
            "level": "error",
            "message": { "text": image.error },
            "locations": [location(&image.path)],
        })),
    }
}

fn location(path: &str) -> Value {
    json!({ "physicalLocation": { "artifactLocation": { "uri": uri(path) } } })
}

fn uri(path: &str) -> String {
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let escaped = utf8_percent_encode(&path, ESCAPED).to_string();
    if escaped.starts_with('/') { format!("file://{escaped}") } else { escaped }
}
