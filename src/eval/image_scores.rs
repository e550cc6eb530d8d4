//! The score of an image: from its map, or from a table.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::data::samples::{Lines, delimiter};
use crate::files::{read_regular, read_text};

/// How the score of an image comes from its map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageScore {
    /// The largest value.
    Max,
    /// The mean of all values.
    Mean,
    /// The mean of this many largest values.
    Top(usize),
}

impl ImageScore {
    /// The score of a map, which is not empty.
    pub fn of(self, map: &[f32]) -> f32 {
        let mean = |values: &[f32]| {
            (values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len().max(1) as f64) as f32
        };
        match self {
            Self::Max => map.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            Self::Mean => mean(map),
            Self::Top(count) if count < map.len() => {
                let mut values = map.to_vec();
                values.select_nth_unstable_by(count, |a, b| b.total_cmp(a));
                let top = &mut values[..count];
                // Sums depend on their order.
                top.sort_unstable_by(f32::total_cmp);
                mean(top)
            }
            Self::Top(_) => mean(map),
        }
    }
}

impl fmt::Display for ImageScore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Mean => f.write_str("mean"),
            Self::Top(count) => write!(f, "top-{count}"),
        }
    }
}

impl FromStr for ImageScore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = |text: &str| text.parse().ok().filter(|&count: &usize| count > 0);
        match text {
            "max" => Ok(Self::Max),
            "mean" => Ok(Self::Mean),
            _ => text
                .strip_prefix("top-")
                .and_then(count)
                .map(Self::Top)
                .ok_or_else(|| "expected max, mean or top-N, such as top-3".to_owned()),
        }
    }
}

/// Reads a table of scores: the `images.jsonl` of an evaluation, or CSV whose header names the columns `image` (a path
/// relative to the data set, with `/`) and `score`.
///
/// # Errors
/// A message that names the file, the line and the fix.
pub fn table(path: &Path) -> Result<HashMap<String, f32>, String> {
    let is_lines =
        path.extension().is_some_and(|e| ["jsonl", "ndjson"].iter().any(|own| e.eq_ignore_ascii_case(own)));
    if is_lines {
        return lines(path);
    }
    let at = |what: String| format!("{}: {what}", path.display());
    let bytes = read_regular(path).map_err(|e| at(format!("cannot be read: {e}")))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(&bytes)).from_reader(bytes.as_slice());
    let header = reader.headers().map_err(|e| at(format!("is not a table: {e}")))?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
        found.ok_or_else(|| at(format!("no column '{name}' in the header; expected image and score")))
    };
    let (image, score) = (column("image")?, column("score")?);
    let mut scores = HashMap::new();
    let mut lines = Lines::new(&bytes);
    for record in reader.records() {
        let record = record.map_err(|e| at(e.to_string()))?;
        let line = record.position().map_or(0, |position| lines.of(position.byte()));
        let name = record.get(image).unwrap_or_default().trim();
        let text = record.get(score).unwrap_or_default().trim();
        let value = text.parse().ok().filter(|v: &f32| v.is_finite());
        let value =
            value.ok_or_else(|| at(format!("line {line}: the score '{text}' is not a finite number")))?;
        if scores.insert(name.to_owned(), value).is_some() {
            return Err(at(format!("line {line}: a second score for '{name}'; leave one")));
        }
    }
    Ok(scores)
}

/// A line of `images.jsonl`; an image that failed has no score.
#[derive(serde::Deserialize)]
struct Line {
    path: String,
    #[serde(default)]
    score: Option<f32>,
}

/// The scores of an `images.jsonl`.
fn lines(path: &Path) -> Result<HashMap<String, f32>, String> {
    let at = |what: String| format!("{}: {what}", path.display());
    let text = read_text(path).map_err(|e| at(format!("cannot be read: {e}")))?;
    let mut scores = HashMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = number + 1;
        let expected = "expected the images.jsonl of an evaluation, with path and score in each line";
        let line: Line =
            serde_json::from_str(line).map_err(|e| at(format!("line {number}: {e}; {expected}")))?;
        let Some(score) = line.score else { continue };
        if !score.is_finite() {
            return Err(at(format!("line {number}: the score is not a finite number")));
        }
        if scores.insert(line.path.clone(), score).is_some() {
            return Err(at(format!("line {number}: a second score for '{}'; leave one", line.path)));
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_a_map() {
        let map = [0.5, 0.25, 1.0, 0.0];
        for (text, expected) in [("max", 1.0), ("mean", 0.4375), ("top-2", 0.75), ("top-9", 0.4375)] {
            let rule: ImageScore = text.parse().expect("a rule");
            assert_eq!((rule.of(&map), rule.to_string().as_str()), (expected, text));
        }
        for text in ["top-0", "top-", "median", "top-x"] {
            assert!(text.parse::<ImageScore>().is_err(), "{text}");
        }
    }
}
