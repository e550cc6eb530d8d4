//! Conformance of one problem: every variant that runs here, on every kind of inputs.
//!
//! Besides normal numbers, inputs are made wide (what overflows a naive softmax), denormal, and once
//! with a NaN and once with an infinity in one place of each. WGSL lets a device assume that there are
//! no NaN and no infinities, so whether they come out where IEEE 754 requires them is noted and is no
//! failure; everything that does not depend on them must be right, and have the same bits with these as without:
//! the results of an image do not depend on its neighbours in the batch.

use super::choose::variants;
use super::gradient;
use super::inputs::Inputs;
use super::problem::{Variant, Verifiable};
use super::verify::{Case, Outcome, fits};
use crate::gpu::{Gpu, GpuError};

/// Runs every usable variant of a case on every kind of inputs that is defined for it; compares the
/// reference of a backward kernel with finite differences.
///
/// # Errors
/// Those of the launches; a wrong result is an [`Outcome`], not an error.
pub fn check(gpu: &Gpu, problem: &dyn Verifiable, seed: u64) -> Result<Vec<Outcome>, GpuError> {
    fits(gpu, problem)?;
    let usable: Vec<Variant> = variants(gpu, problem).into_iter().filter(Variant::usable).collect();
    let mut outcomes = Vec::new();
    let normal = Case::new(gpu, problem, Inputs::Normal, seed)?;
    // Where the reference of normal numbers has NaN, a gap lies between strided rows.
    let gaps = normal.gaps();
    let mut results = Vec::new();
    for variant in &usable {
        let (outcome, words) = normal.verify(gpu, variant, &gaps, None)?;
        outcomes.push(outcome);
        results.push(words);
    }
    for &kind in problem.defined_for().iter().filter(|&&kind| kind != Inputs::Normal) {
        let case = Case::new(gpu, problem, kind, seed)?;
        for (variant, words) in usable.iter().zip(&results) {
            let normal = kind.special().map(|_| (&normal, words));
            outcomes.push(case.verify(gpu, variant, &gaps, normal)?.0);
        }
    }
    outcomes.extend(gradient::check(problem, seed));
    Ok(outcomes)
}
