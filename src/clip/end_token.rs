//! Whether a model and its tokenizer agree on the end of a text.

use std::path::Path;

use super::config::{ClipConfig, DEFAULT_END, TextPooling};
use super::error::ModelError;
use super::text::TextTower;
use super::tokenizer::Tokenizer;

/// Checks that features are read at the end token, which the tokenizer puts after every text. Read anywhere else,
/// every text would have the same features.
pub(super) fn check_end(
    tokenizer: &Tokenizer,
    text: &TextTower,
    config: &ClipConfig,
    folder: &Path,
) -> Result<(), ModelError> {
    let row = tokenizer.row("", text.context_length())?;
    if text.pooled_position(&row.ids) == row.end {
        return Ok(());
    }
    let (start, end) = tokenizer.ends();
    let path = folder.join(config.layout.config_file());
    match config.text.pooling {
        TextPooling::FirstEos(id) => {
            let default =
                if id == DEFAULT_END { " (which is what an absent field or `null` means)" } else { "" };
            Err(ModelError::Field {
                path,
                field: "text_config.eos_token_id".into(),
                problem: format!(
                    "is {id}{default}, and this model's tokenizer ends every text with {end}; all texts would be \
                     the same to the model. Write {end} there, or use the tokenizer.json that belongs to the model"
                ),
            })
        }
        TextPooling::ArgmaxId => Err(ModelError::Tokenizer {
            path: folder.join("tokenizer.json"),
            problem: format!(
                "its end token has the id {end}, its start token {start}, and this model reads a text at its \
                 largest id, which must be that of the end token"
            ),
        }),
    }
}
