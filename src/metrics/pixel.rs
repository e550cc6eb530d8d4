//! What the exact and the streaming figures of pixels share.

use super::error::Undefined;
use super::overlap::{LateCurve, Point, aupro, late};
use super::ranking::{Bounded, Ranking};

/// Figures of all pixels of a product against its masks.
///
/// AUROC, AP and F1-max are those of scikit-learn with every pixel a sample, see [`auroc`](super::auroc),
/// [`average_precision`](super::average_precision) and [`f1_max`](super::f1_max).
///
/// AUPRO: at each of 200 thresholds `min + i·(max − min)/200` over all maps of the product, a pixel counts if its value
/// is above. The overlap is the mean, over all 8-connected regions of all masks, of the share of their pixels that
/// count; the false-positive rate is that of all normal pixels. Thresholds with a rate of 0.3 or more are left out, the
/// rates of the others are rescaled to 0..=1 by their own extremes, and the area under overlap against rate is taken
/// by trapezoids.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelFigures {
    /// Area under the ROC curve.
    pub auroc: Result<Bounded, Undefined>,
    /// Average precision.
    pub ap: Result<Bounded, Undefined>,
    /// Largest F1 over all thresholds.
    pub f1_max: Result<Bounded, Undefined>,
    /// Area under the per-region overlap.
    pub aupro: Result<Bounded, Undefined>,
    /// What AUPRO does not tell where many normal pixels have the largest values.
    pub late: Option<LateCurve>,
}

impl PixelFigures {
    /// Of a ranking and, where it has one, the curve of overlaps.
    pub(super) fn new(
        ranking: Result<Ranking, Undefined>,
        curve: impl FnOnce() -> Result<Vec<Point>, Undefined>,
    ) -> Self {
        let figure = |of: fn(&Ranking) -> Bounded| ranking.as_ref().map(of).map_err(Clone::clone);
        let curve = ranking.as_ref().map_err(Clone::clone).and_then(|_| curve());
        Self {
            late: curve.as_ref().ok().and_then(|curve| late(curve)),
            auroc: figure(|r| r.auroc),
            ap: figure(|r| r.ap),
            f1_max: figure(|r| r.f1_max),
            aupro: curve.and_then(|curve| aupro(&curve)),
        }
    }
}

/// An error unless there are `planes` finite values for each label.
pub(super) fn check(values: &[f32], planes: usize, labels: usize) -> Result<(), Undefined> {
    if planes.checked_mul(labels) != Some(values.len()) {
        return Err(Undefined::LengthMismatch { scores: values.len(), labels: labels * planes });
    }
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Undefined::NotFinite { index, value: values[index] }),
        None => Ok(()),
    }
}
