//! CLIP's byte-pair tokenizer.
//!
//! The vocabulary, the merges and the text normalisation (Unicode NFC, white space, lower case) come
//! from the model's `tokenizer.json`. Start and end token, truncation and padding are handled here; the file's
//! settings for them are ignored, because files differ in them. Texts are repaired before as OpenAI's tokenizer does
//! it; see `repair.rs`.

mod form;

use super::error::ModelError;
use super::files::read_text;
use super::folder::Folder;
use super::repair::repair;
use crate::words::plural;
use std::path::{Path, PathBuf};

const FILE: &str = "tokenizer.json";
const BOS: &str = "<|startoftext|>";
const EOS: &str = "<|endoftext|>";
/// Padding after the end token. Id 0 is an ordinary token ("!"), as in the original. CLIP's causal mask hides it
/// from the pooled token; DAPO's text encoder has no mask, so there its embedding matters.
pub const PAD_ID: u32 = 0;

/// A loaded tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    bos: u32,
    eos: u32,
}

/// A text as a row of token ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Start token, text, end token, padding: as many as the context's length.
    pub ids: Vec<u32>,
    /// The position of the end token.
    pub end: usize,
    /// Tokens of the text that found no room.
    pub left_out: usize,
    /// Tokens of the text after the place where a model reads its features: the text has the end token in it, or a
    /// character that the tokenizer does not know and replaces by that token.
    pub unread: usize,
}

impl Tokenizer {
    /// Loads `path`, a `tokenizer.json` or a folder holding one.
    ///
    /// # Errors
    /// A missing or malformed file, or one without CLIP's start and end token.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        if !file.is_file() {
            return Err(missing(file));
        }
        Self::parse(&read_text(&file)?, &file)
    }

    /// The `tokenizer.json` of a model's files, which may be in memory.
    ///
    /// # Errors
    /// As [`Tokenizer::load`].
    pub fn read(folder: Folder<'_>) -> Result<Self, ModelError> {
        let file = folder.join(FILE);
        if !folder.has(FILE) {
            return Err(missing(file));
        }
        Self::parse(&folder.text(FILE)?, &file)
    }

    /// Reads the contents of a `tokenizer.json`; `path` names it in errors.
    ///
    /// # Errors
    /// As [`Tokenizer::load`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, ModelError> {
        let bad = |problem: String| ModelError::Tokenizer { path: path.to_owned(), problem };
        let inner = form::read(bytes).map_err(&bad)?;
        let id =
            |token: &str| inner.token_to_id(token).ok_or_else(|| bad(format!("it has no {token} token")));
        let (bos, eos) = (id(BOS)?, id(EOS)?);
        Ok(Tokenizer { inner, path: path.to_owned(), bos, eos })
    }

    /// The ids of the start and the end token, which every text gets.
    pub fn ends(&self) -> (u32, u32) {
        (self.bos, self.eos)
    }

    /// Checks that every id of this tokenizer is a row of a token table of `vocab_size` rows.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] naming the largest id.
    pub fn check_vocab(&self, vocab_size: usize) -> Result<(), ModelError> {
        let largest = self.inner.get_vocab(true).into_values().max().unwrap_or(0);
        if (largest as usize) < vocab_size {
            return Ok(());
        }
        Err(ModelError::Tokenizer {
            path: self.path.clone(),
            problem: format!(
                "it has a token {largest} but the model's table has only {}",
                plural(vocab_size, "row")
            ),
        })
    }

    /// The ids of `text` alone: no start, end or padding token, any length.
    ///
    /// # Errors
    /// [`ModelError::Text`] when the file's own rules cannot be applied to the text.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let ids = form::guarded(|| match self.inner.encode(repair(text), false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(e) => Err(e.to_string()),
        });
        ids.map_err(|problem| ModelError::Text { text: text.into(), problem })
    }

    /// One row of `context_length` ids: start token, text, end token, [`PAD_ID`]. A text that is too
    /// long is truncated before the end token.
    ///
    /// # Errors
    /// As [`Tokenizer::tokens`]; a `context_length` below 2.
    pub fn encode(&self, text: &str, context_length: usize) -> Result<Vec<u32>, ModelError> {
        Ok(self.row(text, context_length)?.ids)
    }

    /// As [`Tokenizer::encode`], with what became of the text.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn row(&self, text: &str, context_length: usize) -> Result<TokenRow, ModelError> {
        if context_length < 2 {
            let problem =
                format!("a context length of {context_length} has no room for the start and end tokens");
            return Err(ModelError::Text { text: text.into(), problem });
        }
        let tokens = self.tokens(text)?;
        let kept = tokens.len().min(context_length - 2);
        let mut row = Vec::with_capacity(context_length);
        row.push(self.bos);
        row.extend(&tokens[..kept]);
        row.push(self.eos);
        row.resize(context_length, PAD_ID);
        Ok(TokenRow { ids: row, end: kept + 1, left_out: tokens.len() - kept, unread: 0 })
    }
}

fn missing(path: PathBuf) -> ModelError {
    ModelError::MissingFile {
        path,
        fix: "download tokenizer.json of any CLIP model into this folder, for example \
              https://huggingface.co/openai/clip-vit-large-patch14/resolve/main/tokenizer.json \
              (all CLIP models with 49408 tokens share it)"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::fixtures;
    use serde_json::json;
    use std::fs;

    /// Ids of the fixture: one per letter, `letter</w>` at 26 + letter, then merges.
    fn tokenizer(dir: &Path) -> Tokenizer {
        fixtures::write_tokenizer(dir, |_| {});
        Tokenizer::load(dir).unwrap()
    }

    #[test]
    fn merges_normalisation_and_special_tokens() {
        let dir = tempfile::tempdir().unwrap();
        let t = tokenizer(dir.path());
        // "abc" merges to "ab" + "c</w>" and then to "abc</w>"; "ad" has no merge.
        assert_eq!(t.tokens("abc").unwrap(), [55]);
        assert_eq!(t.tokens("ad").unwrap(), [1, 30]);
        // Case and white space do not matter; punctuation is a word of its own.
        let plain = t.tokens("abc ad").unwrap();
        assert_eq!(t.tokens("  ABC \t\n Ad ").unwrap(), plain);
        assert_eq!(plain, [55, 1, 30]);
        assert_eq!(t.tokens("ad!").unwrap(), [1, 30, 56]);
        assert_eq!(t.encode("abc ad", 7).unwrap(), [57, 55, 1, 30, 58, PAD_ID, PAD_ID]);
        assert_eq!(t.encode("", 3).unwrap(), [57, 58, PAD_ID]);
    }

    #[test]
    fn long_text_ends_with_the_end_token() {
        let dir = tempfile::tempdir().unwrap();
        let t = tokenizer(dir.path());
        let row = t.encode(&"abc ".repeat(50), 8).unwrap();
        assert_eq!(row, [57, 55, 55, 55, 55, 55, 55, 58]);
        assert_eq!(t.encode("abc", 2).unwrap(), [57, 58]);
        assert!(t.encode("abc", 1).unwrap_err().to_string().contains("context length of 1"));
    }

    #[test]
    fn settings_in_the_file_are_ignored() {
        let dir = tempfile::tempdir().unwrap();
        fixtures::write_tokenizer(dir.path(), |json| {
            json["truncation"] = serde_json::json!(
                {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0});
            json["padding"] = serde_json::json!({"strategy": {"Fixed": 20}, "direction": "Right",
                "pad_to_multiple_of": null, "pad_id": 7, "pad_type_id": 0, "pad_token": "h"});
        });
        let t = Tokenizer::load(dir.path()).unwrap();
        assert_eq!(t.tokens("abc abc abc abc abc").unwrap(), [55; 5]);
        assert_eq!(t.encode("abc", 5).unwrap(), [57, 55, 58, PAD_ID, PAD_ID]);
    }

    #[test]
    fn bad_files_say_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        let message = |path: &Path| Tokenizer::load(path).unwrap_err().to_string();
        assert!(message(dir.path()).contains("download tokenizer.json"));
        fs::write(&file, "{\"version\":").unwrap();
        assert!(message(&file).contains("not a tokenizer in Hugging Face form"));
        fixtures::write_tokenizer(dir.path(), |json| {
            json["added_tokens"].as_array_mut().unwrap().pop();
            json["model"]["vocab"].as_object_mut().unwrap().remove(EOS);
            json["model"]["unk_token"] = serde_json::Value::Null;
        });
        assert!(message(&file).contains("no <|endoftext|> token"));
    }

    #[test]
    fn files_that_the_crate_panics_on_give_errors() {
        let dir = tempfile::tempdir().unwrap();
        let refused = |words: &[&str], change: &dyn Fn(&mut serde_json::Value)| {
            fixtures::write_tokenizer(dir.path(), change);
            let message = Tokenizer::load(dir.path()).unwrap_err().to_string();
            for word in words {
                assert!(message.contains(word), "{message:?} lacks {word:?}");
            }
        };
        let step = |kind: &str, pattern: &str| json!({"type": kind, "pattern": {"Regex": pattern}, "content": "", "behavior": "Isolated", "invert": false});
        refused(&["model.continuing_subword_prefix", "]]]"], &|f| {
            f["model"]["continuing_subword_prefix"] = json!("]]]")
        });
        refused(&["`normalizer`", "empty"], &|f| f["normalizer"] = step("Replace", ""));
        refused(&["`normalizer`", "empty"], &|f| {
            f["normalizer"] = json!({"type": "Sequence", "normalizers": [step("Replace", "")]})
        });
        for pattern in ["(?=((\\w|\\w\\w)*\\d$))x|\\w+", "(a)\\1", "(?<!x)y", "(?>a*)b", "\\Ga"] {
            refused(&["`pre_tokenizer`", "looks around"], &|f| f["pre_tokenizer"] = step("Split", pattern));
        }
        refused(&["Precompiled"], &|f| {
            f["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": ""})
        });
        refused(&["a sequence without"], &|f| f["pre_tokenizer"] = json!({"type": "Sequence"}));
        refused(&["model is \"WordPiece\""], &|f| f["model"]["type"] = json!("WordPiece"));
        refused(&["dropout"], &|f| f["model"]["dropout"] = json!(0.5));
        refused(&["unk_token", "vocabulary"], &|f| f["model"]["unk_token"] = json!("unknown"));
        refused(&["token \"a\"", "-1"], &|f| f["model"]["vocab"]["a"] = json!(-1));
        refused(&["model.vocab"], &|f| f["model"]["vocab"] = json!([]));
        for merge in [json!(["a", "q"]), json!("ab"), json!(["a"]), json!([1, 2]), json!(null)] {
            refused(&["merge 1"], &|f| f["model"]["merges"][1] = merge.clone());
        }
        refused(&["added token 0"], &|f| f["added_tokens"][0]["content"] = json!(""));
        refused(&["added_tokens"], &|f| f["added_tokens"] = json!("x"));
        // Each step multiplies what those before have made of a text.
        let level =
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
        refused(&["pre_tokenizer", "times as long"], &|f| {
            f["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": vec![level.clone(); 12]});
        });
        let replace = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "a".repeat(100)});
        refused(&["normalizer", "times as long"], &|f| {
            f["normalizer"] = json!({"type": "Sequence", "normalizers": [replace, replace]});
        });
        refused(&["not a tokenizer"], &|f| *f = json!([]));
        // What is not used may be anything.
        fixtures::write_tokenizer(dir.path(), |f| {
            f["decoder"] = json!({"type": "CTC", "x": []});
            f["post_processor"] = json!(7);
        });
        assert_eq!(Tokenizer::load(dir.path()).unwrap().tokens("abc").unwrap(), [55]);
    }

    #[test]
    fn a_panic_of_the_crate_is_an_error() {
        let before = form::guarded(|| -> Result<u32, String> { panic!("not seen") });
        assert!(before.unwrap_err().contains("the file contradicts itself"));
        assert_eq!(form::guarded(|| Ok(3)), Ok(3));
    }

    #[test]
    fn vocabulary_must_fit_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let t = tokenizer(dir.path());
        t.check_vocab(59).unwrap();
        assert!(t.check_vocab(58).unwrap_err().to_string().contains("token 58"));
    }
}
