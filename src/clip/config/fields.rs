//! Typed access to the fields of a configuration file, with errors that say where they are.

use crate::clip::error::ModelError;
use crate::clip::files::read_text;
use serde_json::{Map, Value};
use std::path::Path;

/// Upper bound of every size in a configuration. Far above any real model; it keeps products of
/// sizes from overflowing for any file.
pub(super) const MAX_SIZE: usize = 1 << 20;

/// Reads `path` as a JSON object.
pub(super) fn read_object(path: &Path) -> Result<Map<String, Value>, ModelError> {
    parse_object(path, &read_text(path)?)
}

/// Reads the contents of `path` as a JSON object.
pub(super) fn parse_object(path: &Path, text: &[u8]) -> Result<Map<String, Value>, ModelError> {
    let value = serde_json::from_slice(text)
        .map_err(|source| ModelError::NotJson { path: path.to_owned(), source })?;
    match value {
        Value::Object(map) => Ok(map),
        other => Err(ModelError::Field {
            path: path.to_owned(),
            field: "(top level)".into(),
            problem: format!("must be an object but is {}", short(&other)),
        }),
    }
}

/// One object of a configuration file. A field that is `null` counts as absent, as it does for the
/// Python programs that write these files.
pub(super) struct Fields<'a> {
    path: &'a Path,
    prefix: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The object `map`, called `name` in messages (empty for the top level).
    pub(super) fn new(path: &'a Path, name: &str, map: &'a Map<String, Value>) -> Self {
        let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
        Fields { path, prefix, map }
    }

    /// The value of `key`, unless absent or `null`.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The object in `key`.
    pub(super) fn object(&self, key: &str) -> Result<Option<Fields<'a>>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                Ok(Some(Fields { path: self.path, prefix: format!("{}{key}.", self.prefix), map }))
            }
            Some(other) => Err(self.wrong(key, "an object", other)),
        }
    }

    /// A whole number from 1 to [`MAX_SIZE`].
    pub(super) fn size(&self, key: &str, default: usize) -> Result<usize, ModelError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => self.as_size(key, value),
        }
    }

    /// Like [`Fields::size`], but the field must be there.
    pub(super) fn required_size(&self, key: &str) -> Result<usize, ModelError> {
        let value = self.get(key).ok_or_else(|| self.bad(key, "is missing"))?;
        self.as_size(key, value)
    }

    /// The side of a square given as one number or as `[height, width]`.
    pub(super) fn square(&self, key: &str, default: usize) -> Result<usize, ModelError> {
        match self.get(key) {
            Some(Value::Array(sides)) => match sides.as_slice() {
                [h, w] if h == w => self.as_size(key, h),
                _ => Err(self.unsupported(key, "only square images are; give one number or two equal ones")),
            },
            _ => self.size(key, default),
        }
    }

    /// A finite number.
    pub(super) fn number(&self, key: &str, default: f64) -> Result<f64, ModelError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| self.wrong(key, "a number", value)),
        }
    }

    /// `true` or `false`. `"true"` in quotes is true; what a text of another content means differs between programs.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool, ModelError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::String(text)) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
            Some(value) => {
                value.as_bool().ok_or_else(|| self.wrong(key, "true or false, without quotes,", value))
            }
        }
    }

    /// A string.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| self.wrong(key, "a string", value)),
        }
    }

    /// Three finite numbers, one per colour channel.
    pub(super) fn rgb(&self, key: &str) -> Result<Option<[f32; 3]>, ModelError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let channels: Option<Vec<f32>> =
            value.as_array().and_then(|list| list.iter().map(|v| v.as_f64().map(|x| x as f32)).collect());
        match channels.and_then(|c| <[f32; 3]>::try_from(c).ok()) {
            Some(rgb) if rgb.iter().all(|x| x.is_finite()) => Ok(Some(rgb)),
            _ => Err(self.wrong(key, "three numbers", value)),
        }
    }

    /// Fails when `key` is present with a value that is not in `accepted`.
    pub(super) fn only(&self, key: &str, accepted: &[Value], fix: &str) -> Result<(), ModelError> {
        match self.get(key) {
            Some(value) if !accepted.contains(value) => Err(self.unsupported(key, fix)),
            _ => Ok(()),
        }
    }

    /// The error "`key` has a value that this crate does not implement".
    pub(super) fn unsupported(&self, key: &str, fix: &str) -> ModelError {
        ModelError::Unsupported {
            path: self.path.to_owned(),
            field: format!("{}{key}", self.prefix),
            value: self.map.get(key).map_or("absent".into(), short),
            fix: fix.into(),
        }
    }

    /// The error "`key` has this problem".
    pub(super) fn bad(&self, key: &str, problem: &str) -> ModelError {
        ModelError::Field {
            path: self.path.to_owned(),
            field: format!("{}{key}", self.prefix),
            problem: problem.into(),
        }
    }

    fn as_size(&self, key: &str, value: &Value) -> Result<usize, ModelError> {
        match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
            Some(n) if (1..=MAX_SIZE).contains(&n) => Ok(n),
            _ => Err(self.wrong(key, &format!("a whole number from 1 to {MAX_SIZE}"), value)),
        }
    }

    fn wrong(&self, key: &str, wanted: &str, value: &Value) -> ModelError {
        self.bad(key, &format!("must be {wanted} but is {}", short(value)))
    }
}

/// A value as JSON text, cut to a length that fits a message.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).chain("...".chars()).collect() }
}

/// A standard deviation that is not positive would turn the image into infinities.
pub(super) fn check_std(fields: &Fields, key: &str, std: [f32; 3]) -> Result<(), ModelError> {
    if std.iter().all(|&s| s > 0.0) {
        Ok(())
    } else {
        Err(fields.bad(key, "must be positive in every channel"))
    }
}

/// The patches must tile the image.
pub(super) fn check_grid(vision: &Fields, image: usize, patch: usize) -> Result<(), ModelError> {
    if image.is_multiple_of(patch) {
        return Ok(());
    }
    Err(vision.bad("patch_size", &format!("is {patch}, which does not divide the image size {image}")))
}
