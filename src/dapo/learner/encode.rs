//! Encoding of all prompts of a learner, in chunks that fit the device.

use super::forward::{ClassVectors, LearnerModel, TapeParameters};
use crate::autograd::{Tape, Var};
use crate::clip::ClipError;
use crate::ops::OpError;

/// Most prompts in a chunk.
const PROMPT_CHUNK: usize = 64;

/// The chunks, as ranges of prompts.
pub(super) fn prompt_chunks(model: LearnerModel<'_>) -> Vec<std::ops::Range<usize>> {
    let count = model.prompts.ids.len() * model.config.prompt_sets;
    // Layer tokens lengthen a sequence by less than a half.
    let fits = (model.clip.text().max_batch(model.clip.gpu()) * 2 / 3).max(1);
    let chunk = PROMPT_CHUNK.min(fits);
    (0..count).step_by(chunk).map(|at| at..(at + chunk).min(count)).collect()
}

/// Class vectors of all prompts.
pub(super) fn encode_prompts<'m>(
    model: LearnerModel<'m>,
    tape: &Tape<'m>,
    parameters: &TapeParameters,
) -> Result<ClassVectors, ClipError> {
    let parts = prompt_chunks(model)
        .into_iter()
        .map(|range| model.prompt_features(tape, parameters, range))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(model.class_vectors(tape, &concat_all(tape, &parts)?)?)
}

/// Concatenates the features of all chunks.
pub(super) fn concat_all(tape: &Tape<'_>, parts: &[Var]) -> Result<Var, OpError> {
    let mut parts = parts.iter();
    let first = parts.next().cloned().ok_or_else(|| OpError::Shape {
        op: "concat",
        expected: "at least one part".into(),
        found: Vec::new(),
    })?;
    parts.try_fold(first, |all, part| tape.concat(&all, part))
}
