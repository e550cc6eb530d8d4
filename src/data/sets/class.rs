//! Classes of defects, and the labels that count as each.

use serde::Deserialize;

use crate::clip::name_key;

/// A class of defects.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its name in prompts for detection.
    pub name: String,
    /// Its name in prompts for training, where different.
    #[serde(default)]
    pub train: Option<String>,
    /// Labels of this class, besides its name. A `*` at the start or end matches anything.
    #[serde(default)]
    pub labels: Vec<String>,
}

impl Class {
    /// A class of this name.
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), train: None, labels: Vec::new() }
    }

    /// Whether a label is one of its names.
    fn is_called(&self, label: &str) -> bool {
        [&self.name].into_iter().chain(&self.train).chain(&self.labels).any(|own| words(own) == words(label))
    }

    /// Whether a label matches one of its patterns.
    fn matches(&self, label: &str) -> bool {
        let label = words(label);
        self.labels.iter().any(|pattern| {
            let pattern = words(pattern);
            let core = pattern.trim_matches('*');
            match (pattern.starts_with('*'), pattern.ends_with('*')) {
                (true, true) => label.contains(core),
                (true, false) => label.ends_with(core),
                (false, true) => label.starts_with(core),
                (false, false) => false,
            }
        })
    }
}

/// The class of a label. Names take precedence over patterns.
pub(super) fn class_of(classes: &[Class], label: &str) -> Option<usize> {
    let called = classes.iter().position(|class| class.is_called(label));
    called.or_else(|| classes.iter().position(|class| class.matches(label)))
}

/// A label in words: `bent_lead` is "bent lead". Names that CLIP does not tell apart are one, such as "brüchig" with its "ü"
/// as one character or as two: file systems and editors spell it either way.
pub(super) fn words(label: &str) -> String {
    let label = label.replace('_', " ");
    match label.is_ascii() {
        true => label.trim().to_lowercase(),
        false => name_key(&label),
    }
}
