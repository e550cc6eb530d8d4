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
//! 1932): with q = p₁·p₂, p = q·(1 − ln q). Under the hypothesis a p-value is evenly distributed; under another its density
//! falls with p, as ξ·p^(ξ−1) for some ξ in (0, 1) (Sellke, Bayarri, Berger 2001). With every ξ as likely as any other this
//! gives the odds between the two, and with odds of one defective patch a photo beforehand the probability of a defect
//! ([`posterior`]). No constant in this is fitted to a data set.

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
/// of the hypothesis that it is good. It falls with every step of the p-value, from 1 to 1/(2·patches − 1).
pub fn posterior(ln_p: f64, patches: usize) -> f64 {
    // With L = −ln p: ∫₀¹ ξ·p^(ξ−1) dξ = (e^L − 1 − L)/L².
    let l = if ln_p > 0.0 { 0.0 } else { -ln_p };
    let density = match l {
        // The series, where the difference cancels.
        l if l < 1e-3 => 0.5 + l / 6.0,
        l => (l.exp_m1() - l) / (l * l),
    };
    1.0 / (1.0 + (patches.max(2) - 1) as f64 / density)
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
    fn a_usual_patch_is_good_and_an_unusual_one_defective() {
        assert!((posterior(0.0, 256) - 1.0 / 511.0).abs() < 1e-12);
        assert!(posterior(0.01f64.ln(), 256) < 0.05, "one of a hundred patches is that unusual");
        assert!(posterior(1e-7f64.ln(), 256) > 0.99);
        // The integral by the midpoint rule.
        for p in [0.9f64, 0.5, 0.01, 1e-4] {
            let density =
                (0..10_000).map(|i| (f64::from(i) + 0.5) / 10_000.0).map(|xi| xi * p.powf(xi - 1.0));
            let odds = density.sum::<f64>() / 10_000.0 / 255.0;
            assert!((posterior(p.ln(), 256) - odds / (1.0 + odds)).abs() < 1e-6, "{p}");
        }
        let steps: Vec<f64> = (0..400).map(|step| posterior(-0.1 * f64::from(step), 256)).collect();
        assert!(steps.is_sorted_by(|a, b| a < b), "strictly");
        assert!((posterior(-0.000_999, 256) - posterior(-0.001_001, 256)).abs() < 1e-8);
        assert_eq!(posterior(-1e6, 256), 1.0);
        assert!(posterior(f64::NAN, 256).is_nan());
    }
}
