//! Messages that count: a placeholder before a noun in the plural, which is wrong for one.

/// Nouns that messages count.
const NOUNS: &[&str] = &[
    "boxes",
    "cases",
    "columns",
    "defects",
    "features",
    "files",
    "folders",
    "gradients",
    "images",
    "kernels",
    "launches",
    "maps",
    "masks",
    "objects",
    "parameters",
    "parts",
    "pipelines",
    "problems",
    "products",
    "regions",
    "rows",
    "runs",
    "samples",
    "shards",
    "steps",
    "tensors",
    "texts",
    "tiles",
    "variants",
    "warnings",
];

/// Words that may stand between the two.
const BETWEEN: &[&str] = &["good", "defective", "more", "other"];

/// The counts in the string literals of a source that are written without `words::plural`, each with its line.
///
/// A placeholder in capital letters is a constant, one with a format a rate, and tests may write what they like.
pub fn hard_plurals(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let comment = line.trim_start().starts_with("//");
        let ends = line.match_indices("} ").map(|(at, _)| at);
        for at in ends.filter(|_| !comment) {
            let Some(open) = line[..at].rfind('{') else { continue };
            let placeholder = &line[open + 1..at];
            let is_count =
                placeholder.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            let mut words = line[at + 2..].split_inclusive(|c: char| !c.is_ascii_alphabetic());
            let noun = words.find(|word| !BETWEEN.contains(&word.trim_end())).unwrap_or_default();
            // `images=` is the size of a case.
            let name = noun.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
            if is_count && NOUNS.contains(&name) && !noun.ends_with('=') && line.contains('"') {
                found.push(format!("{}: {}", number + 1, line.trim()));
                break;
            }
        }
    }
    found
}
