//! The JSON Schemas in `docs/schemas`, generated from the types of every JSON document that the program writes.
//!
//! `make schemas` writes them; the test says when one is out of date. What the program really writes is validated
//! against them by the tests of its commands.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::{detect, devices, doctor, import, train, watch};
use crate::report::ledger::First;
use crate::report::metrics::{ImageRecord, Metrics};
use crate::{dapo, data, eval, lab, report};

/// The schema of what is written of a type: fields that are always written are required.
fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

/// The schema of a document, whose field `schema` has its name.
fn document<T: JsonSchema>(name: &str) -> (String, Value) {
    let mut schema = schema::<T>().to_value();
    schema["properties"]["schema"]["const"] = json!(format!("dapo-wgpu/{name}"));
    titled(name, schema)
}

/// The schema of each line of a ledger: the first, and the others.
fn lines<H: JsonSchema, T: JsonSchema>(name: &str) -> (String, Value) {
    let (_, first) = document::<First<H>>(name);
    let parts = [first, schema::<T>().to_value()];
    let mut definitions = BTreeMap::new();
    let parts = parts.map(|mut part| {
        let part = part.as_object_mut().expect("an object");
        part.remove("$schema");
        part.remove("title");
        if let Some(Value::Object(own)) = part.remove("$defs") {
            definitions.extend(own);
        }
        Value::Object(part.clone())
    });
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "A line: the first says what the others were made with.",
        "anyOf": parts,
        "$defs": definitions,
    });
    titled(name, schema)
}

fn titled(name: &str, mut schema: Value) -> (String, Value) {
    schema["title"] = json!(format!("dapo-wgpu/{name}"));
    (name.replace('/', "-") + ".json", schema)
}

fn all() -> BTreeMap<String, Value> {
    let records = ("image-record.json".to_owned(), schema::<ImageRecord>().to_value());
    let steps = ("training-step.json".to_owned(), schema::<train::files::Step>().to_value());
    BTreeMap::from([
        document::<dapo::Alarm>("alarm/1"),
        document::<lab::bench::BenchReport>("bench/1"),
        document::<lab::check::CheckReport>("check/1"),
        document::<data::sets::inspect::Inspection>("data/1"),
        lines::<detect::progress::Header, detect::progress::Entry>("detection/1"),
        document::<devices::Report>("devices/1"),
        document::<doctor::findings::Report>("doctor/1"),
        document::<eval::Settings>("evaluation/2"),
        document::<import::summary::Imported<'static>>("import/1"),
        document::<lab::isa::IsaReport>("isa/1"),
        document::<lab::dump::LaunchFacts<'static>>("launch/1"),
        document::<dapo::learner::Description>("learner/1"),
        document::<Metrics>("metrics/1"),
        document::<lab::profile::ProfileReport>("profile/1"),
        document::<report::Results>("results/1"),
        document::<report::shots::ShotMetrics>("shots/1"),
        document::<lab::tune::store::Tuning>("tuning/1"),
        lines::<watch::line::Header, watch::line::Line>("watch/1"),
        records,
        steps,
    ])
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

#[test]
fn the_schemas_in_the_docs_are_those_of_the_types() {
    let write = std::env::var_os("DAPO_WRITE_SCHEMAS").is_some();
    let all = all();
    for (name, schema) in &all {
        let text = serde_json::to_string_pretty(schema).expect("JSON") + "\n";
        let path = folder().join(name);
        if write {
            fs::write(&path, &text).expect("write");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "docs/schemas/{name} is out of date: make schemas");
    }
    let found =
        fs::read_dir(folder()).expect("docs/schemas").map(|entry| entry.expect("an entry").file_name());
    let unknown: Vec<_> = found.filter(|name| !all.contains_key(&*name.to_string_lossy())).collect();
    assert!(unknown.iter().all(|name| name == "README.md"), "of no type: {unknown:?}");
}
