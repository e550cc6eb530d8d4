//! One image in words.

use crate::report::results::ScoredImage;
use crate::words::plural;

/// What is wrong with an image: `scratch, score 0.953, 2 boxes`.
pub(super) fn finding(image: &ScoredImage) -> String {
    format!("{}, score {:.3}, {}", image.defect_type, image.score, plural(image.boxes.len(), "box"))
}
