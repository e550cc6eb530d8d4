//! Reading, writing and checking `results.json`; the schema itself is in [`super::results`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::atomic::{WriteError, write_atomic};
use super::results::{ImageResult, NORMAL, Results, SCHEMA, ScoredImage};
use crate::files::read_unmarked;

/// How far outside 0..=1 a value may lie: a sum of softmax terms in f32 can exceed 1 by a few 1e-7.
const ROUNDING: f32 = 1e-5;

/// Why results could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file could not be read.
    #[error("cannot read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file is not JSON of this schema.
    #[error("cannot read '{}': {source}; expected the results.json of 'dapo-wgpu detect'", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The error of the parser, with line and column.
        source: serde_json::Error,
    },
    /// The file has another schema or version.
    #[error("cannot read '{}': its schema is '{found}', this program reads '{SCHEMA}'", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The schema it states.
        found: String,
    },
    /// A value does not conform to the schema.
    #[error("results are inconsistent: {field} of '{image}' {problem}")]
    Inconsistent {
        /// Path of the image, or `"the run"`.
        image: String,
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
}

impl Results {
    /// Checks the rules of the schema: defect names are unique and not `"normal"`, all numbers are finite and in
    /// range, `type` names a defect, probabilities cover every class and sum to 1, boxes lie inside their image.
    ///
    /// # Errors
    /// [`ResultsError::Inconsistent`] naming the first image and field that break a rule.
    pub fn validate(&self) -> Result<(), ResultsError> {
        let names: BTreeSet<&str> = self.defects.iter().map(String::as_str).collect();
        let run = |field, problem: &str| {
            Err(ResultsError::Inconsistent { image: "the run".into(), field, problem: problem.into() })
        };
        if names.contains(NORMAL) || names.contains("") {
            return run("defects", "contains an empty name or \"normal\"; rename that defect");
        }
        if names.len() != self.defects.len() || names.is_empty() {
            return run("defects", "is empty or names a defect twice");
        }
        if ![self.timing.seconds, self.timing.images_per_second].iter().all(|t| t.is_finite() && *t >= 0.0) {
            return run("timing", "is negative or not finite");
        }
        self.images.iter().filter_map(ImageResult::scored).try_for_each(|image| {
            image.check(&names).map_err(|(field, problem)| ResultsError::Inconsistent {
                image: image.path.clone(),
                field,
                problem,
            })
        })
    }

    /// Checks and writes the results as indented JSON, in one step.
    ///
    /// # Errors
    /// [`ResultsError::Inconsistent`] or [`ResultsError::Write`]; an existing file is then untouched.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ResultsError> {
        let path = path.as_ref();
        let json = self.to_json(path)?;
        Ok(write_atomic(path, json.as_bytes())?)
    }

    /// Checks the results: indented JSON, as the file holds it; `path` stands for the file in errors.
    ///
    /// # Errors
    /// [`ResultsError::Inconsistent`].
    pub fn to_json(&self, path: &Path) -> Result<String, ResultsError> {
        self.validate()?;
        let json = |source| ResultsError::Json { path: path.into(), source };
        Ok(serde_json::to_string_pretty(self).map_err(json)? + "\n")
    }

    /// Reads and checks a results file.
    ///
    /// # Errors
    /// [`ResultsError`] if the file is missing, not JSON, of another schema or inconsistent.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ResultsError> {
        /// The one field that every version has.
        #[derive(Deserialize)]
        struct Header {
            schema: String,
        }
        let path = path.as_ref();
        let json = |source| ResultsError::Json { path: path.into(), source };
        let bytes = read_unmarked(path).map_err(|source| ResultsError::Read { path: path.into(), source })?;
        // First, so that a newer file is reported as newer and not by the first field that changed.
        let Header { schema } = serde_json::from_slice(&bytes).map_err(json)?;
        if schema != SCHEMA {
            return Err(ResultsError::Schema { path: path.into(), found: schema });
        }
        let results: Self = serde_json::from_slice(&bytes).map_err(json)?;
        results.validate()?;
        Ok(results)
    }
}

impl ScoredImage {
    /// Checks this image against the run's defect names; on failure the field and what is wrong with it.
    fn check(&self, names: &BTreeSet<&str>) -> Result<(), (&'static str, String)> {
        let unit = |field, value: f32| {
            if (-ROUNDING..=1.0 + ROUNDING).contains(&value) {
                Ok(())
            } else {
                Err((field, format!("is {value}, not within 0..=1")))
            }
        };
        let defect = |field, name: &str| {
            if names.contains(name) {
                Ok(())
            } else {
                Err((field, format!("is \"{name}\", which is not a defect of the run")))
            }
        };
        unit("score", self.score)?;
        unit("type_probability", self.type_probability)?;
        defect("type", &self.defect_type)?;
        for &name in names.iter().chain(&[NORMAL]) {
            let value = self.probabilities.get(name);
            unit("probabilities", *value.ok_or(("probabilities", format!("lacks \"{name}\"")))?)?;
        }
        if self.probabilities.len() != names.len() + 1 {
            return Err(("probabilities", "names a class that is not of the run".into()));
        }
        let sum: f32 = self.probabilities.values().sum();
        // A softmax in f32 is off by a few 1e-7; 1e-3 leaves room for values that were rounded for display.
        if (sum - 1.0).abs() > 1e-3 {
            return Err(("probabilities", format!("sum to {sum}, not to 1")));
        }
        let stated = self.probabilities.get(&self.defect_type).copied().unwrap_or_default();
        if (stated - self.type_probability).abs() > 1e-3 {
            return Err((
                "type_probability",
                format!("is {}, but in probabilities it is {stated}", self.type_probability),
            ));
        }
        for found in &self.boxes {
            defect("boxes.type", &found.defect_type)?;
            unit("boxes.score", found.score)?;
            let ends = |start: u32, length: u32, edge: u32| {
                length > 0 && start.checked_add(length).is_some_and(|end| end <= edge)
            };
            if !ends(found.x, found.width, self.width) || !ends(found.y, found.height, self.height) {
                return Err((
                    "boxes",
                    format!("has {found:?}, outside the {} x {} image", self.width, self.height),
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use super::*;
    use crate::report::results::*;

    /// A small, valid run: one scored image and one that failed.
    pub(in crate::report) fn example() -> Results {
        let scored = ScoredImage {
            path: "parts/a 1.png".into(),
            width: 640,
            height: 480,
            score: 0.875,
            verdict: Some(Verdict::Defective),
            defect_type: "scratch".into(),
            type_probability: 0.5,
            probabilities: [("normal", 0.125), ("scratch", 0.5), ("hole", 0.375)]
                .map(|(n, p)| (n.into(), p))
                .into(),
            unboxed: None,
            notes: Vec::new(),
            evidence: None,
            boxes: vec![DefectBox {
                x: 600,
                y: 0,
                width: 40,
                height: 480,
                score: 0.75,
                area: 1200,
                defect_type: "hole".into(),
                nearest: None,
            }],
            overlay: Some("overlays/a 1.png".into()),
            maps: Some(MapFiles { binary: Some("maps/a 1.npy".into()), multi: None }),
        };
        let failed = FailedImage {
            path: "parts/b.png".into(),
            error: "not an image".into(),
            hint: "convert it to PNG".into(),
        };
        Results {
            written: [("overlays/a 1.png".to_owned(), "2c26b46b68ffc68ff99b453c".to_owned())].into(),
            schema: SCHEMA.into(),
            program: Program { name: "dapo-wgpu".into(), version: "0.1.0".into() },
            adapter: Adapter {
                name: "llvmpipe".into(),
                backend: "vulkan".into(),
                kind: "cpu (software)".into(),
                driver: "Mesa".into(),
                software: true,
            },
            model: Model {
                name: "dapo-nano".into(),
                path: String::new(),
                image_size: 128,
                patch_size: 8,
                embed_dim: 128,
                precision: "f32".into(),
                demonstration: true,
                weights_sha256: None,
            },
            object: "metal nut".into(),
            method: "clip".into(),
            defects: vec!["scratch".into(), "hole".into()],
            settings: [("temperature".to_string(), serde_json::json!(0.07))].into(),
            timing: Timing { images: 1, seconds: 0.5, images_per_second: 2.0 },
            notes: Vec::new(),
            left_out: Default::default(),
            images: vec![ImageResult::Scored(scored), ImageResult::Failed(failed)],
        }
    }

    #[test]
    fn round_trip_with_the_documented_names() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("results.json");
        example().save(&path).expect("save");
        assert_eq!(Results::load(&path).expect("load"), example());

        let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("read")).expect("json");
        assert_eq!(json["schema"], "dapo-wgpu/results/1");
        assert_eq!(json["adapter"]["type"], "cpu (software)");
        assert_eq!(json["images"][0]["type"], "scratch");
        assert_eq!(json["images"][0]["boxes"][0]["type"], "hole");
        assert_eq!(json["images"][0]["maps"]["binary"], "maps/a 1.npy");
        assert_eq!(json["images"][1]["hint"], "convert it to PNG");
        assert!(json["model"].get("weights_sha256").is_none());
    }

    #[test]
    fn the_documented_example_is_the_real_thing() {
        let text = include_str!("../../docs/results.md");
        let start = text.find("```json\n").expect("example") + "```json\n".len();
        let end = text[start..].find("```").expect("end of the example") + start;
        let documented: Results = serde_json::from_str(&text[start..end]).expect("valid");
        assert_eq!(documented, example());
    }

    #[test]
    fn unknown_fields_are_ignored_and_other_schemas_named() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("results.json");
        let mut json = serde_json::to_value(example()).expect("json");
        json["later"] = serde_json::json!([1, 2]);
        json["images"][0]["later"] = serde_json::json!("x");
        fs::write(&path, json.to_string()).expect("write");
        assert_eq!(Results::load(&path).expect("load"), example());

        fs::write(&path, r#"{"schema": "dapo-wgpu/results/2"}"#).expect("write");
        let error = Results::load(&path).expect_err("newer");
        assert!(matches!(&error, ResultsError::Schema { found, .. } if found.ends_with("/2")), "{error}");
        fs::write(&path, "{").expect("write");
        assert!(matches!(Results::load(&path), Err(ResultsError::Json { .. })));
        assert!(matches!(Results::load(folder.path().join("none")), Err(ResultsError::Read { .. })));
    }

    #[test]
    fn broken_rules_are_found() {
        type Damage = fn(&mut Results, &mut ScoredImage);
        let cases: [(&str, Damage); 9] = [
            ("defects", |run, _| run.defects.push("normal".into())),
            ("defects", |run, _| run.defects.push("hole".into())),
            ("timing", |run, _| run.timing.images_per_second = f64::INFINITY),
            ("score", |_, image| image.score = f32::NAN),
            ("type", |_, image| image.defect_type = "normal".into()),
            ("type_probability", |_, image| image.type_probability = 0.25),
            ("probabilities", |_, image| image.probabilities.retain(|name, _| name != "normal")),
            ("boxes.type", |_, image| image.boxes[0].defect_type = "dent".into()),
            ("boxes", |_, image| image.boxes[0].x = 601),
        ];
        example().validate().expect("the example is valid");
        for (expected, damage) in cases {
            let mut run = example();
            let mut image = run.images[0].scored().expect("scored").clone();
            damage(&mut run, &mut image);
            run.images[0] = ImageResult::Scored(image);
            match run.validate() {
                Err(ResultsError::Inconsistent { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}
