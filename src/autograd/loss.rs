//! Losses: tensors of one element.

use super::tape::{Tape, Var};
use crate::ops::{self, Indices, OpError, PixelTarget, Tensor};

type Result<T> = std::result::Result<T, OpError>;

impl Tape<'_> {
    /// scale·Σ −ln softmax(logits)`[label]` over rows of logits [.., classes].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn cross_entropy(&self, logits: &Var, labels: &[u32], scale: f32) -> Result<Var> {
        let labels = Indices::upload(self.gpu(), labels)?;
        let loss = ops::cross_entropy(self.gpu(), logits.tensor(), &labels, scale)?;
        let saved = logits.tensor().clone();
        self.record(loss, &[logits], move |gpu, dy| {
            Ok(vec![Some(ops::cross_entropy_backward(gpu, &saved, &labels, dy, scale)?)])
        })
    }

    /// The pixel loss of patch probabilities s [images, cells, classes]; see [`ops::pixel_loss`].
    ///
    /// # Errors
    /// [`OpError::Shape`] when the shapes do not fit.
    pub fn pixel_loss(&self, s: &Var, target: &PixelTarget) -> Result<Var> {
        let (loss, totals) = ops::pixel_loss(self.gpu(), s.tensor(), target)?;
        let (saved, target) = (s.tensor().clone(), target.clone());
        self.record(loss, &[s], move |gpu, dy| {
            Ok(vec![Some(ops::pixel_loss_backward(gpu, &saved, &totals, &target, dy)?)])
        })
    }

    /// Losses with their gradients, 1 each, for [`Tape::backward`]: the gradients of the losses' sum.
    pub fn ones<'v>(&self, losses: impl IntoIterator<Item = &'v Var>) -> Result<Vec<(&'v Var, Tensor)>> {
        let one = Tensor::upload(self.gpu(), &[1.0], &[1])?;
        Ok(losses.into_iter().map(|loss| (loss, one.clone())).collect())
    }
}
