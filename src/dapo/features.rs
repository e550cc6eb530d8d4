//! Image features and class embeddings: images are encoded once and classified among any classes.

use crate::ops::Tensor;

/// Features of a batch of images, on the device of the model.
#[derive(Debug)]
pub struct ImageFeatures {
    /// [images, embed_dim], not normalised.
    pub(super) image: Tensor,
    /// Patch features at each feature layer, [images, patches, embed_dim].
    pub(super) patches: Vec<Tensor>,
    /// Hidden states of the patches for [`reference`](super::reference), [images, patches, width] each; none without
    /// references.
    pub(super) states: Vec<Tensor>,
}

impl ImageFeatures {
    /// Number of images.
    pub fn images(&self) -> usize {
        self.image.rows()
    }
}

/// Embeddings of the classes to choose between, normal first, on the device of the model.
#[derive(Debug, Clone)]
pub struct ClassEmbeddings {
    /// One for each class, of unit length, [classes, embed_dim].
    pub(super) per_class: Tensor,
    /// Normal, and the mean of the defects, [2, embed_dim].
    pub(super) binary: Tensor,
}

impl ClassEmbeddings {
    /// Number of classes, normal among them.
    pub fn classes(&self) -> usize {
        self.per_class.rows()
    }
}

/// Which channels the maps of a [`Detection`](super::Detection) have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapChannels {
    /// One for each class.
    All,
    /// That of normal alone, enough for good or defective: one channel instead of dozens.
    Normal,
}
