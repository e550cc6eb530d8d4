//! What the files of an image hold: a run knows them again by it, whatever their names.

use std::path::Path;

use rayon::prelude::*;

use super::EvalError;
use super::plan::{Item, Plan};
use crate::data::samples::Mask;
use crate::files::{digest, digest_of};
use crate::report::metrics::ImageRecord;

/// The contents of an image, and of its mask if that counts, as hexadecimal digits; those of a file that cannot be read are
/// a dash.
pub fn content(item: &Item) -> String {
    let image = digest(&item.image);
    match (&item.mask, item.class) {
        (Some(Mask::File(mask)), Some(_)) => format!("{image}+{}", digest(mask)),
        (Some(boxes), Some(_)) => format!("{image}+{}", digest_of(format!("{boxes:?}").as_bytes())),
        _ => image,
    }
}

/// Compares the files of images that were done before with what was read then.
///
/// # Errors
/// [`EvalError::Changed`] naming the images of which a file has changed.
pub fn unchanged(folder: &Path, plan: &Plan, records: &[ImageRecord]) -> Result<(), EvalError> {
    let is_changed = |record: &&ImageRecord| {
        let item = plan.items.get(record.index);
        item.is_none_or(|item| record.path != item.path || record.content != Some(content(item)))
    };
    let changed: Vec<&ImageRecord> = records.par_iter().filter(is_changed).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let first = changed.iter().take(5).map(|record| record.path.clone()).collect();
    Err(EvalError::Changed { folder: folder.into(), count: changed.len(), first })
}
