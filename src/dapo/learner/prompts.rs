//! Hybrid prompts: learned words followed by the name of the class.

use super::config::{LearnerConfig, Pooling};
use crate::clip::{Clip, ClipError};

/// The prompts of all classes as token ids, normal first, with placeholders for the learned words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HybridPrompts {
    /// Names of the defects.
    pub defects: Vec<String>,
    /// Token ids of each class, [K+1] of context length. Positions 1 to l are placeholders for the learned words.
    pub ids: Vec<Vec<u32>>,
    /// The pooled position of each class's prompt, in the sequence after the last block.
    pub positions: Vec<usize>,
}

impl HybridPrompts {
    /// Prompts `[V₁ … V_l] {normal word} {object}` and `[W₁ … W_l] {defect} {defect word} {object}`.
    ///
    /// # Errors
    /// [`ClipError::Request`] when a name is too long for the context, or two defects have the same tokens.
    pub fn new(config: &LearnerConfig, clip: &Clip, defects: &[String]) -> Result<Self, ClipError> {
        let join = |words: &[&str]| {
            words.iter().map(|w| w.trim()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
        };
        let mut words = vec![join(&[&config.normal_word, &config.object])];
        words.extend(defects.iter().map(|d| join(&[d, &config.defect_word, &config.object])));
        let placeholder = clip.tokenize(&["X"])?[0][1];
        let (context, length) = (clip.text().context_length(), config.context_length);
        let (mut ids, mut positions) = (Vec::new(), Vec::new());
        for (plain, words) in clip.tokenize(&words)?.into_iter().zip(&words) {
            // The end of text must stay within the context after the learned words have shifted it.
            let end = clip.text().pooled_position(&plain);
            if end + length >= context {
                return Err(ClipError::Request(format!(
                    "'{words}' and {length} learned words are too long for this model's {context} tokens; use a \
                     shorter name"
                )));
            }
            let (start, rest) = plain.split_at(1);
            let mut sequence = [start, &vec![placeholder; length], rest].concat();
            sequence.truncate(context);
            let shift = match config.pooling {
                Pooling::Eot
                    if config.overwrite_from.is_none() && config.text_depth() >= clip.text().depth() =>
                {
                    config.layer_tokens
                }
                _ => 0,
            };
            positions.push(end + length + shift);
            ids.push(sequence);
        }
        for (at, one) in ids.iter().enumerate().skip(1) {
            if let Some(before) = ids[1..at].iter().position(|other| other == one) {
                return Err(ClipError::Request(format!(
                    "'{}' and '{}' are the same text to CLIP, which ignores case, spelling of accents and white \
                     space; give them different names, or join them to one class",
                    defects[before],
                    defects[at - 1]
                )));
            }
        }
        Ok(Self { defects: defects.to_vec(), ids, positions })
    }
}
