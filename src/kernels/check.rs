//! Conformance of one problem: every variant that runs here, on every kind of inputs.
//!
//! Besides normal numbers, inputs are made wide (what overflows a naive softmax), denormal, and once
//! with a NaN and once with an infinity in one place of each. WGSL lets a device assume that there are
//! no NaN and no infinities, so whether they come out where IEEE 754 requires them is noted and is no
//! failure; everything that does not depend on them must be right.

use super::choose::variants;
use super::gradient;
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
    let mut gaps = None;
    for &kind in problem.defined_for() {
        let case = Case::new(gpu, problem, kind, seed)?;
        // Where the reference of normal numbers has NaN, a gap lies between strided rows.
        let gaps = gaps.get_or_insert_with(|| case.gaps());
        for variant in &usable {
            outcomes.push(case.verify(gpu, variant, gaps)?);
        }
    }
    outcomes.extend(gradient::check(problem, seed));
    Ok(outcomes)
}
