//! What results were made with, as files of results begin with it: others are not added to them.

use serde::{Deserialize, Serialize};

use super::results::{Adapter, Model, Program};

/// Everything that the result of an image depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MadeWith {
    /// The method's name.
    pub method: String,
    /// The model; its path is of no account.
    pub model: Model,
    /// What the files of the model hold.
    pub model_files: String,
    /// How its weights are stored: `f32` or `f16`.
    pub weights: String,
    /// SHA-256 of the learner's file.
    pub learner_sha256: Option<String>,
    /// What the images show, as the prompts call it.
    pub object: String,
    /// Names of the defects, in order.
    pub defects: Vec<String>,
    /// How photos are read, where it is not the default.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reading: String,
    /// A digest of the photos of good parts that images are compared with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub references: String,
    /// Defect probability from which a pixel belongs to a box.
    pub threshold: f32,
    /// Least area of a box in pixels of the photo, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_area: Option<u64>,
    /// Score from which an image is called defective.
    pub alarm_threshold: f32,
    /// What else the last bits depend on, where these count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exactly: Option<Exactly>,
}

/// What the last bits of a result depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exactly {
    /// What computes.
    pub program: Program,
    /// The device.
    pub adapter: Adapter,
    /// Images that go through the model together.
    pub batch: usize,
    /// Edge and overlap of tiles, if images are cut.
    pub tile: Option<(u32, f32)>,
}

impl MadeWith {
    /// The first field in which earlier results were made otherwise, with the value there and here.
    pub fn difference(theirs: &Self, ours: &Self) -> Option<(String, String, String)> {
        let without_path = |made: &Self| {
            let mut made = made.clone();
            made.model.path.clear();
            made.exactly = None;
            made
        };
        let exactly = || difference(theirs.exactly.as_ref()?, ours.exactly.as_ref()?);
        difference(&without_path(theirs), &without_path(ours)).or_else(exactly)
    }
}

/// The first field in which two values of a type differ, and both values of it, as JSON.
pub fn difference<T: Serialize>(theirs: &T, ours: &T) -> Option<(String, String, String)> {
    let fields = |value: &T| match serde_json::to_value(value) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (theirs, ours) = (fields(theirs), fields(ours));
    let names = ours.keys().chain(theirs.keys());
    names.into_iter().find_map(|name| {
        let of = |fields: &serde_json::Map<String, serde_json::Value>| {
            fields.get(name).cloned().unwrap_or_default()
        };
        let (theirs, ours) = (of(&theirs), of(&ours));
        (theirs != ours).then(|| (name.clone(), theirs.to_string(), ours.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Two {
        a: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<u8>,
    }

    #[test]
    fn a_difference_is_found_in_either_direction() {
        let of = |a, b| Two { a, b };
        assert_eq!(difference(&of(1, None), &of(1, None)), None);
        let found = difference(&of(1, Some(2)), &of(1, None));
        assert_eq!(found, Some(("b".into(), "2".into(), "null".into())));
        assert_eq!(difference(&of(1, None), &of(1, Some(2))).map(|d| d.1), Some("null".into()));
        assert_eq!(difference(&of(1, None), &of(3, None)).map(|d| d.2), Some("3".into()));
    }
}
