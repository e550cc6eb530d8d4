//! The losses of pixels against a mask, and their gradient by the probabilities of patches.
//!
//! Of the maps of all classes, up-sampled to pixels, the losses need two: that of normality and that of
//! the image's own class. The focal loss with smoothed targets reads the others only through Σ q = 1, and
//! the dice losses are of q₀ against the good pixels and of 1 − q₀ against the marked ones (Milletari et
//! al. 2016, arXiv 1606.04797). So no map is ever stored: [`PixelSums`] computes pixels and sums them,
//! [`PixelLoss`] computes the loss from the sums, and [`PixelLossBackward`] recomputes the pixels.

pub mod backward;
pub mod loss;
mod map;
pub mod sums;
#[cfg(test)]
mod tests;

pub use backward::PixelLossBackward;
pub use loss::PixelLoss;
pub use sums::PixelSums;
