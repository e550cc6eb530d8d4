//! Photos of good parts as references: what words cannot say about *where* something is wrong.
//!
//! Hidden states of the patches of good photos, after the blocks of [`layers`], make a bank. A patch of another photo has a
//! distance at each of these layers: 1 − cosine to the nearest row of the bank. The distances are averaged over the layers,
//! each in units of its own median among good patches.
//!
//! Good patches of one photo have distances from those of *other* good photos (leave-one-out; of one photo alone, from
//! those outside of a block around them). Their logarithms, averaged over neighbouring patches, tell what is usual, and
//! so do the words' log-odds of "any defect" among good patches. Of a patch of another photo both are measured against
//! that: by how many spreads it departs ([`Usual`]). The two departures are added, as independent tests of one
//! hypothesis are (Stouffer 1949), each by its logarithm where it is far out, and become a probability. Words of any model
//! and learner and distances of any material so count alike, and no constant is fitted to a data set.
//!
//! The score of an image pools the log-odds of its [`TOP_PATCHES`] most anomalous patches with what the words
//! alone say of the image, which counts as one good photo more: how far words are off what is usual is known the less the
//! fewer good photos there are ([`Comparison::score`]).

mod builder;
mod coreset;
mod references;
mod saved;
mod usual;

pub use builder::{GoodFeatures, ReferenceBuilder, ReferenceError, ReferenceOptions};
pub use references::{Comparison, NearestPatch, References};
pub use saved::{ReferencesAbout, SavedReferences};
pub use usual::Usual;

/// Counts what scores against good photos have meant: a threshold that was found with another number is not valid.
pub const SCORING: u32 = 2;

/// Number of patches with the highest probabilities that the image score and type are taken from.
pub const TOP_PATCHES: usize = 4;

/// The blocks, counted from 1, after which hidden states are compared: at a third, at two thirds and at the whole depth.
/// The first ones see texture, the last ones what it belongs to.
pub fn layers(depth: usize) -> Vec<usize> {
    let mut layers: Vec<usize> = (1..=3).map(|third| (depth * third).div_ceil(3)).collect();
    layers.dedup();
    layers
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
}
