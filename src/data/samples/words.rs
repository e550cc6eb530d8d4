//! Which labels mean "good", and which mean "defective" without naming the defect: one list for every layout.

use std::borrow::Cow;

use crate::clip::name_key;

/// Words for "good", in lower case and without separators: `Defect-Free`, `defect_free` and `defect free` are one.
const GOOD: [&str; 48] = [
    "good",
    "ok",
    "okay",
    "okey",
    "normal",
    "nominal",
    "pass",
    "passed",
    "accept",
    "accepted",
    "fine",
    "clean",
    "intact",
    "perfect",
    "flawless",
    "faultless",
    "healthy",
    "undamaged",
    "nondefective",
    "notdefective",
    "nondefect",
    "nodefect",
    "nodefects",
    "withoutdefect",
    "withoutdefects",
    "zerodefect",
    "zerodefects",
    "defectless",
    "defectfree",
    "anomalyfree",
    "nonanomalous",
    "notanomalous",
    "nonanomaly",
    "noanomaly",
    "noanomalies",
    "faultfree",
    "flawfree",
    "errorfree",
    "damagefree",
    "nofault",
    "nodamage",
    "none",
    "null",
    "na",
    "false",
    "negative",
    "io",
    "0",
];

/// The words among them that other labels are compared with, letter by letter: long enough, and unlike any defect.
const COMPARED: [&str; 10] = [
    "good",
    "okay",
    "normal",
    "nominal",
    "passed",
    "nondefective",
    "nodefect",
    "defectfree",
    "anomalyfree",
    "undamaged",
];

/// What may be absent: `no screw` is a defect, `no defects` is none.
const ABSENT: [&str; 7] = ["defect", "anomal", "fault", "flaw", "damage", "error", "issue"];

/// Words for "defective" that do not name the defect, in the form of [`GOOD`].
const UNNAMED: [&str; 34] = [
    "anomaly",
    "anomalies",
    "anomalous",
    "abnormal",
    "abnormality",
    "bad",
    "ng",
    "nok",
    "ko",
    "nio",
    "notok",
    "notokay",
    "notgood",
    "nogood",
    "notnormal",
    "nonnormal",
    "unnormal",
    "notpassed",
    "defect",
    "defects",
    "defective",
    "faulty",
    "fail",
    "failed",
    "failure",
    "reject",
    "rejected",
    "rejects",
    "scrap",
    "outlier",
    "positive",
    "true",
    "yes",
    "1",
];

/// The words for "good" that hold for a data set: those of the program, and those that a user adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoodWords {
    added: Vec<String>,
}

impl GoodWords {
    /// The program's own words and these. Case does not matter, nor spaces, hyphens, underscores, dots and slashes.
    pub fn with<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Self {
        let added = words.into_iter().map(|word| compact(word.as_ref()));
        Self { added: added.filter(|word| !word.is_empty()).collect() }
    }

    /// Whether a label means "good". One without letters and digits does, too: lists leave it empty, or write a dash.
    pub fn means(&self, label: &str) -> bool {
        let word = compact(label);
        let is_zero = || label.trim().parse().is_ok_and(|number: f64| number == 0.0);
        word.is_empty() || GOOD.contains(&&*word) || self.added.contains(&word) || is_zero()
    }

    /// The defect that a label names; `None` for a good image.
    pub fn defect(&self, label: &str) -> Option<String> {
        (!self.means(label)).then(|| label.trim().to_owned())
    }

    /// The word for "good" that a label for a defect looks like: `good_parts`, `okay1`, `norml`.
    pub fn resembled(&self, label: &str) -> Option<String> {
        if self.means(label) || is_unnamed(label) {
            return None;
        }
        let parts = parts(label);
        let word = |part: &String| GOOD.contains(&&**part) || self.added.contains(part);
        let negated = |at: usize| at > 0 && ["not", "no", "non", "un"].contains(&&*parts[at - 1]);
        let part =
            parts.iter().enumerate().find(|(at, part)| word(part) && !is_number(part) && !negated(*at));
        if let Some((_, part)) = part {
            return Some(part.clone());
        }
        let is_absent = |pair: &[String]| {
            ["no", "non", "not", "without", "zero"].contains(&&*pair[0])
                && ABSENT.iter().any(|what| pair[1].starts_with(what))
        };
        if parts.len() > 1 && parts.last().is_some_and(|last| last == "free")
            || parts.windows(2).any(is_absent)
        {
            return Some("defect-free".to_owned());
        }
        let label = compact(label);
        let near = |good: &str| {
            let allowed = if good.len() < 9 { 1 } else { 2 };
            label.starts_with(good) || strsim::osa_distance(&label, good) <= allowed
        };
        // Any other letter makes a code of two letters of it.
        let two = ["okk", "oks", "0k", "o.k"].contains(&&*label);
        let added = self.added.iter().map(String::as_str).filter(|word| word.chars().count() > 3);
        let found = COMPARED.into_iter().chain(added).find(|good| near(good));
        found.or(two.then_some("ok")).map(str::to_owned)
    }
}

/// Whether a label means "defective" without naming the defect: `bad`, `NG`, `not OK`, `anomaly`, `1` and the like.
pub fn is_unnamed(label: &str) -> bool {
    UNNAMED.contains(&&*compact(label))
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_digit())
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "-_./\\'\"".contains(c) || ('\u{2010}'..='\u{2015}').contains(&c)
}

/// A label in lower case, without separators.
fn compact(label: &str) -> String {
    // One spelling of names that CLIP does not tell apart.
    let label = if label.is_ascii() { Cow::Borrowed(label) } else { Cow::Owned(name_key(label)) };
    label.chars().filter(|c| !is_separator(*c)).flat_map(char::to_lowercase).collect()
}

/// The words of a label, in lower case: runs of letters, and runs of digits.
fn parts(label: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in label.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            match parts.last_mut() {
                Some(part) if last.is_alphanumeric() && last.is_numeric() == c.is_numeric() => part.push(c),
                _ => parts.push(c.to_string()),
            }
        }
        last = c;
    }
    parts
}

#[cfg(test)]
mod tests;
