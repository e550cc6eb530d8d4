//! The training-free prompt ensemble: states × templates for "normal" and for each named defect.
//!
//! A single sentence is a noisy class vector; the mean of many paraphrases is a better one (Radford et
//! al. 2021, section 3.1.4; Jeong et al. 2023, *WinCLIP*, arXiv 2303.14814, section 4.1).

use crate::clip::name_key;

/// Defects to detect unless the user names others: general words for what can be wrong with a surface
/// or a part.
pub const DEFAULT_DEFECTS: [&str; 10] =
    ["scratch", "crack", "hole", "contamination", "stain", "color", "cut", "broken", "bent", "missing"];

/// The object unless the user names one.
pub const DEFAULT_OBJECT: &str = "object";

const TEMPLATES: [&str; 4] =
    ["a photo of a {x}", "a photo of the {x}", "a close-up photo of a {x}", "a cropped photo of a {x}"];
const NORMAL_STATES: [&str; 5] =
    ["flawless {o}", "perfect {o}", "{o} without defect", "{o} without damage", "unblemished {o}"];
const DEFECT_STATES: [&str; 4] =
    ["{o} with a {d}", "{o} with a {d} defect", "{o} with {d}", "{d} anomaly {o}"];

/// The object and the defects to look for.
///
/// ```
/// use dapo_wgpu::dapo::Prompts;
///
/// let prompts = Prompts::new(Some("bolt"), &["scratch", "hole"])?;
/// let classes = prompts.classes();
/// assert_eq!(classes.len(), 3); // normal, scratch, hole
/// assert_eq!(classes[0][0], "a photo of a flawless bolt");
/// assert_eq!(classes[2][0], "a photo of a bolt with a hole");
/// # Ok::<(), dapo_wgpu::dapo::prompts::PromptError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    /// What is in the picture.
    pub object: String,
    /// Names of the defects, in the order of the classes 1..=K.
    pub defects: Vec<String>,
}

/// Why a list of defects is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// No name is left after trimming.
    #[error("--defects names no defect; give at least one, as in --defects scratch,hole, or leave it out")]
    NoDefects,
    /// The same name twice.
    #[error("--defects names '{0}' twice; each class needs a name of its own")]
    Duplicate(String),
    /// The class of good images.
    #[error("--defects may not name '{0}': it is the class of good images")]
    Reserved(String),
}

impl Prompts {
    /// Trims and validates the names.
    ///
    /// # Errors
    /// [`PromptError`].
    pub fn new<S: AsRef<str>>(object: Option<&str>, defects: &[S]) -> Result<Self, PromptError> {
        let mut names: Vec<String> = Vec::new();
        for name in defects.iter().map(|d| d.as_ref().trim()).filter(|d| !d.is_empty()) {
            if name_key(name) == "normal" {
                return Err(PromptError::Reserved(name.to_owned()));
            }
            if names.iter().any(|n| name_key(n) == name_key(name)) {
                return Err(PromptError::Duplicate(name.to_owned()));
            }
            names.push(name.to_owned());
        }
        if names.is_empty() {
            return Err(PromptError::NoDefects);
        }
        let object = object.map(str::trim).filter(|o| !o.is_empty()).unwrap_or(DEFAULT_OBJECT);
        Ok(Self { object: object.to_owned(), defects: names })
    }

    /// The sentences of each class: normal first, then the defects in order.
    pub fn classes(&self) -> Vec<Vec<String>> {
        let class = |states: &[&str], defect: &str| {
            let states: Vec<String> =
                states.iter().map(|s| s.replace("{o}", &self.object).replace("{d}", defect)).collect();
            TEMPLATES.iter().flat_map(|t| states.iter().map(|s| articles(&t.replace("{x}", s)))).collect()
        };
        std::iter::once(class(&NORMAL_STATES, ""))
            .chain(self.defects.iter().map(|d| class(&DEFECT_STATES, d)))
            .collect()
    }
}

/// Writes "an" for "a" before a vowel.
fn articles(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split(' ').collect();
    let next_is_vowel = |i: usize| {
        words.get(i + 1).is_some_and(|w| w.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']))
    };
    let fixed: Vec<&str> =
        words.iter().enumerate().map(|(i, &w)| if w == "a" && next_is_vowel(i) { "an" } else { w }).collect();
    fixed.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_normal_first_then_the_defects_in_order() {
        let prompts = Prompts::new(Some("nut"), &["scratch", " uneven area "]).unwrap();
        let classes = prompts.classes();
        assert_eq!(classes.iter().map(Vec::len).collect::<Vec<_>>(), [20, 16, 16]);
        assert_eq!(classes[0][0], "a photo of a flawless nut");
        assert_eq!(classes[1][0], "a photo of a nut with a scratch");
        assert_eq!(classes[2][0], "a photo of a nut with an uneven area");
        assert!(classes[0].contains(&"a photo of an unblemished nut".to_owned()));
    }

    #[test]
    fn invalid_lists_are_refused() {
        assert_eq!(Prompts::new::<&str>(None, &[]), Err(PromptError::NoDefects));
        assert_eq!(Prompts::new(None, &[" ", ""]), Err(PromptError::NoDefects));
        assert_eq!(Prompts::new(None, &["hole", "Hole"]), Err(PromptError::Duplicate("Hole".into())));
        for (a, b) in [("brüchig", "bru\u{308}chig"), ("ﬂaw", "flaw"), ("a  b", "A b"), ("x’s", "x's")] {
            assert_eq!(Prompts::new(None, &[a, b]), Err(PromptError::Duplicate(b.into())));
        }
        assert_eq!(Prompts::new(None, &["normal"]), Err(PromptError::Reserved("normal".into())));
        assert_eq!(Prompts::new(Some(" "), &["hole"]).unwrap().object, "object");
    }
}
