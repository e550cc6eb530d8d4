//! The form of a `tokenizer.json`, checked before the crate that reads it.
//!
//! The `tokenizers` crate panics on some files that are valid JSON of the right shape, while it reads them or at a later
//! text. What CLIP's tokenizers consist of is little, so only that is let through; what a CLIP needs none of, such as the
//! decoder, is taken out. A panic that is left becomes an error.

use serde_json::Value;

use crate::files::contained;

/// Most characters of a pattern, of a replacement and of an added token.
const MAX_TEXT: usize = 1000;

/// How many times as long as it is the steps may make a text, together: each multiplies what those before have made.
const MAX_GROWTH: u64 = 4000;

/// Reads the contents of a file.
pub(super) fn read(bytes: &[u8]) -> Result<tokenizers::Tokenizer, String> {
    let form = |problem: String| format!("not a tokenizer in Hugging Face form ({problem})");
    let mut file: Value = serde_json::from_slice(bytes).map_err(|e| form(e.to_string()))?;
    let parts = file.as_object_mut().ok_or_else(|| form("it is no object".into()))?;
    // Padding and truncation differ among files and are done by this crate; ids are never turned into text.
    for unused in ["padding", "truncation", "decoder", "post_processor"] {
        parts.insert(unused.to_owned(), Value::Null);
    }
    let part = |name: &str| parts.get(name).unwrap_or(&Value::Null);
    model(part("model"))?;
    added(part("added_tokens"))?;
    let mut growth = 1;
    steps(part("normalizer"), "normalizer", "normalizers", &NORMALIZERS, &mut growth)?;
    steps(part("pre_tokenizer"), "pre_tokenizer", "pretokenizers", &PRE_TOKENIZERS, &mut growth)?;
    guarded(|| serde_json::from_value(file).map_err(|e| form(e.to_string())))
}

/// Runs the crate's code; a panic becomes an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    contained(work)
        .unwrap_or_else(|| Err("the tokenizer fails on it: the file contradicts itself".to_owned()))
}

const NORMALIZERS: [&str; 8] =
    ["Sequence", "NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Replace", "StripAccents"];
const PRE_TOKENIZERS: [&str; 5] = ["Sequence", "Split", "ByteLevel", "Whitespace", "WhitespaceSplit"];

/// A byte-pair encoding with ids, and merges of known parts.
fn model(model: &Value) -> Result<(), String> {
    let field = |name: &str| model.get(name).unwrap_or(&Value::Null);
    if !matches!(field("type"), Value::Null) && field("type") != "BPE" {
        return Err(format!("its model is {}, and CLIP's is BPE", shown(field("type"))));
    }
    let none =
        |value: &Value| value.is_null() || *value == false || *value == "" || *value == 0.0 || *value == 0;
    for name in ["continuing_subword_prefix", "dropout", "byte_fallback"] {
        if !none(field(name)) {
            return Err(format!("its field `model.{name}` is {}, and CLIP has none", shown(field(name))));
        }
    }
    let suffix = field("end_of_word_suffix");
    if !suffix.is_null() && suffix.as_str().is_none_or(|s| s.chars().count() > MAX_TEXT) {
        return Err("its field `model.end_of_word_suffix` is no short text".into());
    }
    let vocab = field("vocab").as_object().filter(|vocab| !vocab.is_empty());
    let vocab = vocab.ok_or("its field `model.vocab` is not a table of tokens and ids")?;
    if let Some((token, id)) = vocab.iter().find(|(_, id)| id.as_u64().is_none_or(|id| id >= 1 << 31)) {
        return Err(format!("its token {token:?} has the id {}, which is no id", shown(id)));
    }
    let unknown = field("unk_token");
    if !unknown.is_null() && unknown.as_str().is_none_or(|token| !vocab.contains_key(token)) {
        return Err(format!(
            "its field `model.unk_token` is {}, which is not in the vocabulary",
            shown(unknown)
        ));
    }
    let merges = field("merges").as_array().ok_or("its field `model.merges` is not a list")?;
    for (number, merge) in merges.iter().enumerate() {
        let pair = match merge {
            Value::String(pair) => pair.split_once(' '),
            Value::Array(pair) => match pair.as_slice() {
                [a, b] => a.as_str().zip(b.as_str()),
                _ => None,
            },
            _ => None,
        };
        let known = pair.is_some_and(|(a, b)| {
            vocab.contains_key(a) && vocab.contains_key(b) && vocab.contains_key(&format!("{a}{b}"))
        });
        if !known {
            return Err(format!(
                "its merge {number}, {}, is not of two tokens that make a third",
                shown(merge)
            ));
        }
    }
    Ok(())
}

/// Tokens that are found before the text is normalised.
fn added(tokens: &Value) -> Result<(), String> {
    let Some(tokens) = tokens.as_array() else {
        return match tokens.is_null() {
            true => Ok(()),
            false => Err("its field `added_tokens` is not a list".into()),
        };
    };
    let is_text = |token: &Value| {
        let content = token.get("content").and_then(Value::as_str);
        content.is_some_and(|text| !text.trim().is_empty() && text.chars().count() <= MAX_TEXT)
    };
    match tokens.iter().position(|token| !is_text(token)) {
        Some(number) => Err(format!("its added token {number} has no short text as `content`")),
        None => Ok(()),
    }
}

/// One step of `known` kinds, or a sequence of them in the field `list`.
fn steps(step: &Value, place: &str, list: &str, known: &[&str], growth: &mut u64) -> Result<(), String> {
    if step.is_null() {
        return Ok(());
    }
    let kind = step.get("type").and_then(Value::as_str).unwrap_or_default();
    if !known.contains(&kind) {
        let found = shown(step.get("type").unwrap_or(&Value::Null));
        return Err(format!("its `{place}` has a step {found}; CLIP's have only {}", known.join(", ")));
    }
    match kind {
        "Sequence" => {
            let inner = step.get(list).and_then(Value::as_array);
            let inner =
                inner.ok_or_else(|| format!("its `{place}` is a sequence without a list `{list}`"))?;
            inner.iter().try_for_each(|step| steps(step, place, list, known, growth))
        }
        "Split" | "Replace" => {
            let pattern = step.get("pattern").unwrap_or(&Value::Null);
            let text = pattern.get("Regex").or(pattern.get("String")).and_then(Value::as_str);
            check_pattern(text.unwrap_or_default(), pattern.get("Regex").is_some())
                .map_err(|problem| format!("its `{place}` has a pattern that {problem}"))?;
            let content = step.get("content").and_then(Value::as_str).unwrap_or_default().chars().count();
            if content > MAX_TEXT {
                return Err(format!("its `{place}` has a very long replacement"));
            }
            // A pattern may match before every character.
            grown(growth, 1 + content as u64, place)
        }
        // Bytes beyond ASCII become characters of two.
        "ByteLevel" => grown(growth, 2, place),
        _ => Ok(()),
    }
}

/// Counts a step that makes a text up to so many times as long.
fn grown(growth: &mut u64, times: u64, place: &str) -> Result<(), String> {
    *growth = growth.saturating_mul(times);
    match *growth <= MAX_GROWTH {
        true => Ok(()),
        false => Err(format!(
            "its steps up to `{place}` can make a text {growth} times as long, and at most {MAX_GROWTH} times is read"
        )),
    }
}

/// Patterns of CLIP need no look-around and no references, which take time without bound.
fn check_pattern(pattern: &str, is_regex: bool) -> Result<(), String> {
    if pattern.is_empty() || pattern.chars().count() > MAX_TEXT {
        return Err("is empty or very long".into());
    }
    let after = |start: char| pattern.match_indices(start).map(|(at, _)| &pattern[at + 1..]);
    let costly = after('(').any(|rest| ["?=", "?!", "?<", "?>", "?("].iter().any(|s| rest.starts_with(s)))
        || after('\\').any(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "kKgGRX".contains(c)));
    match is_regex && costly {
        true => Err(format!("CLIP's have not: {pattern:?} looks around or back")),
        false => Ok(()),
    }
}

/// A value as text that fits a message.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(57).chain("...".chars()).collect() }
}
