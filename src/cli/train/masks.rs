//! The masks of a run at the size of the model's images, before the first step.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::feed::{LabelledImage, Preparation};
use crate::cli::Failure;
use crate::cli::say::say;
use crate::data::ImageError;
use crate::data::samples::MaskRemark;
use crate::words::plural;

/// Reads every mask. What is odd is printed as a note.
///
/// # Errors
/// A mask that cannot be read; masks none of which shows a defect at this size, from which nothing can be learned.
pub fn check(images: &[LabelledImage], how: &Preparation) -> Result<(), Failure> {
    let size = how.preprocess.size;
    let masks: Vec<_> = images.iter().filter(|i| i.class > 0).filter_map(|i| i.mask.as_ref()).collect();
    let remarks = masks
        .par_iter()
        .map(|mask| Ok(mask.truth([size; 2], how.rule, None)?.remarks))
        .collect::<Result<Vec<_>, ImageError>>()?;
    let mut counts: BTreeMap<MaskRemark, usize> = BTreeMap::new();
    remarks.iter().flatten().for_each(|remark| *counts.entry(*remark).or_default() += 1);
    for (remark, count) in &counts {
        say!("note: {count} of {} ({}): {}", plural(masks.len(), "mask"), remark.code(), remark.words());
    }
    let is_gone =
        |of: &Vec<MaskRemark>| of.iter().any(|r| matches!(r, MaskRemark::Empty | MaskRemark::Vanished));
    if !masks.is_empty() && remarks.iter().all(is_gone) {
        return Err(Failure::new(format!(
            "none of {} shows a defect at {size} px: there is nothing to learn from",
            plural(masks.len(), "mask")
        ))
        .hint("take a larger --image-size, cut the images into parts, or draw the masks"));
    }
    Ok(())
}
