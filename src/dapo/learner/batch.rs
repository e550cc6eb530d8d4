//! What a training step learns from.

use crate::clip::ClipError;

/// A batch of labelled images.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Pre-processed pixels, [images, 3, size, size].
    pub pixels: Vec<f32>,
    /// Class of each image: 0 for a good one, otherwise the number of its defect in the list, from 1.
    pub classes: Vec<u32>,
    /// 1 inside the defect, 0 elsewhere, [images, size, size].
    pub masks: Vec<f32>,
}

impl Batch {
    /// Checks the lengths for images of `size` pixels along an edge, and the classes for `defects` defects.
    pub(super) fn check(&self, size: usize, defects: usize) -> Result<(), ClipError> {
        let (images, plane) = (self.classes.len(), size * size);
        let (pixels, masks) = (self.pixels.len(), self.masks.len());
        if images == 0 || pixels != 3 * plane * images || masks != plane * images {
            return Err(ClipError::Request(format!(
                "a batch of {images} classes, {pixels} pixel values and {masks} mask values; expected one class, \
                 3·{size}·{size} pixel values and {size}·{size} mask values for each image"
            )));
        }
        match self.classes.iter().find(|&&class| class as usize > defects) {
            Some(class) => Err(ClipError::Request(format!(
                "a batch has class {class}; expected 0 for good or 1 to {defects} for a defect"
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_must_fit_the_model() {
        let batch = Batch { pixels: vec![0.0; 2 * 3 * 16], classes: vec![0, 2], masks: vec![0.0; 2 * 16] };
        let message = |batch: &Batch| batch.check(4, 2).map_err(|e| e.to_string());
        assert_eq!(message(&batch), Ok(()));
        let short = Batch { masks: vec![0.0; 31], ..batch.clone() };
        assert!(message(&short).unwrap_err().contains("31 mask values"));
        let other = Batch { classes: vec![3, 0], ..batch };
        assert!(message(&other).unwrap_err().contains("class 3; expected 0 for good or 1 to 2"));
        let none = Batch { pixels: vec![], classes: vec![], masks: vec![] };
        assert!(message(&none).is_err());
    }
}
