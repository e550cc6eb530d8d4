//! Photos of good parts as references: what words cannot say about *where* something is wrong.
//!
//! Hidden states of the patches of good photos, after the blocks of [`layers`], make a bank. A patch of another photo has a
//! distance at each of these layers: 1 − cosine to the nearest row of the bank. The distances are averaged over the layers,
//! each in units of its own median among good patches.
//!
//! How unusual a distance is, is measured against the distances of good patches from the patches of *other* good photos
//! (leave-one-out; of one photo alone, from those outside of a block around them): its p-value. The words' log-odds of
//! "any defect" get a p-value in the same way, against those of the good patches. Beyond the largest tenth both tails
//! are exponential on the logarithmic scale (Hill 1975), with the uncertainty of a few samples ([`Tail`]).
//!
//! The two p-values are independent tests of the same hypothesis, "this patch is good", and are combined as such (Fisher
//! 1932): with q = p₁·p₂, p = q·(1 − ln q). A p-value bounds how strongly the data can speak against the hypothesis:
//! its Bayes factor is at least −e·p·ln p for p < 1/e (Sellke, Bayarri, Berger 2001). With odds of one defective patch a
//! photo beforehand, the probability of a defect follows ([`posterior`]). No constant in this is fitted to a data set.

mod builder;
mod coreset;
mod references;
mod tail;

pub use builder::{GoodFeatures, ReferenceBuilder, ReferenceError, ReferenceOptions};
pub use references::{Comparison, NearestPatch, References};
pub use tail::Tail;

/// Number of patches with the highest probabilities that the image score and type are taken from.
pub const TOP_PATCHES: usize = 4;

/// The blocks, counted from 1, after which hidden states are compared: at a third, at two thirds and at the whole depth.
/// The first ones see texture, the last ones what it belongs to.
pub fn layers(depth: usize) -> Vec<usize> {
    let mut layers: Vec<usize> = (1..=3).map(|third| (depth * third).div_ceil(3)).collect();
    layers.dedup();
    layers
}

/// Probability of a defect in one of `patches`, of which one is expected to be defective, from the logarithm of the p-value
/// of the hypothesis that it is good.
pub fn posterior(ln_p: f64, patches: usize) -> f64 {
    // NaN stays NaN.
    let factor = if ln_p >= -1.0 { 1.0 } else { -std::f64::consts::E * ln_p.exp() * ln_p };
    1.0 / (1.0 + factor * (patches.max(2) - 1) as f64)
}

/// Logarithm of the combined p-value of two independent ones, from their logarithms.
pub fn fisher(ln_p: f64, other: f64) -> f64 {
    let ln_q = ln_p + other;
    ln_q + (1.0 - ln_q).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_lie_at_thirds() {
        assert_eq!(layers(24), [8, 16, 24]);
        assert_eq!(layers(12), [4, 8, 12]);
        assert_eq!(layers(6), [2, 4, 6]);
        assert_eq!(layers(2), [1, 2]);
        assert_eq!(layers(1), [1]);
    }

    /// Fisher's −2·Σ ln p is χ² with four degrees of freedom: at 9.488 the combined p-value is 0.05.
    #[test]
    fn two_p_values_are_combined_as_fisher_did() {
        assert!((fisher(-9.488 / 4.0, -9.488 / 4.0).exp() - 0.05).abs() < 1e-4);
        assert_eq!(fisher(0.0, 0.0), 0.0);
        // A test that says nothing weakens the other, but not by much.
        assert!(fisher(-20.0, 0.0) < -16.0);
    }

    #[test]
    fn a_usual_patch_keeps_the_odds_beforehand_and_an_unusual_one_is_defective() {
        assert!((posterior(0.0, 256) - 1.0 / 256.0).abs() < 1e-12);
        assert!((posterior(-1.0, 256) - 1.0 / 256.0).abs() < 1e-12, "continuous at 1/e");
        assert!(posterior(0.01f64.ln(), 256) < 0.05, "one of a hundred patches is that unusual");
        assert!(posterior(1e-7f64.ln(), 256) > 0.99);
        assert!(posterior(f64::NAN, 256).is_nan());
    }
}
