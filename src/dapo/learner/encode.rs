//! All prompts of a learner through the text tower, in portions that fit.

use super::forward::{ClassVectors, Forward, Leaves};
use crate::autograd::{Tape, Var};
use crate::clip::ClipError;
use crate::ops::OpError;

/// Prompts that go through the text tower at a time.
const PROMPT_CHUNK: usize = 64;

/// Ranges of prompts that go through the text tower together.
pub(super) fn prompt_chunks(forward: Forward<'_>) -> Vec<std::ops::Range<usize>> {
    let count = forward.prompts.ids.len() * forward.config.prompt_sets;
    // Layer tokens lengthen a sequence by less than a half.
    let fits = (forward.clip.text().max_batch(forward.clip.gpu()) * 2 / 3).max(1);
    let chunk = PROMPT_CHUNK.min(fits);
    (0..count).step_by(chunk).map(|at| at..(at + chunk).min(count)).collect()
}

/// Class vectors of all prompts.
pub(super) fn encode_prompts<'m>(
    forward: Forward<'m>,
    tape: &Tape<'m>,
    leaves: &Leaves,
) -> Result<ClassVectors, ClipError> {
    let parts = prompt_chunks(forward)
        .into_iter()
        .map(|range| forward.prompt_features(tape, leaves, range))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(forward.class_vectors(tape, &joined(tape, &parts)?)?)
}

/// Features of portions as one.
pub(super) fn joined(tape: &Tape<'_>, parts: &[Var]) -> Result<Var, OpError> {
    let mut parts = parts.iter();
    let first = parts.next().cloned().ok_or_else(|| OpError::Shape {
        op: "join",
        expected: "at least one part".into(),
        found: Vec::new(),
    })?;
    parts.try_fold(first, |all, part| tape.concat(&all, part))
}
