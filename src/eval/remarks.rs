//! What is odd about masks and maps, counted and put into words.

use std::collections::BTreeMap;

use crate::data::samples::MaskRemark;
use crate::report::metrics::ImageRecord;
use crate::words::plural;

/// A map whose rows are the columns of its image.
pub const TRANSPOSED: &str = "map_transposed";
/// A map with another aspect ratio than its image, and not square.
pub const MISSHAPEN: &str = "map_shape";

/// How many of the images that count have each remark.
pub fn remarks<'r>(records: impl Iterator<Item = &'r ImageRecord>) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for record in records.filter(|record| record.score.is_some()) {
        for code in &record.remarks {
            *found.entry(code.clone()).or_default() += 1;
        }
    }
    found
}

/// A note for each remark: `masks` are those of the product.
pub fn notes(product: &str, masks: usize, remarks: &BTreeMap<String, usize>) -> Vec<String> {
    let note = |(code, count): (&String, &usize)| match MaskRemark::of_code(code) {
        Some(remark) => {
            format!("{product}: {count} of {} ({code}): {}", plural(masks, "mask"), remark.words())
        }
        None if code == TRANSPOSED => format!(
            "{product}: {} ({code}) as high as the image is wide: transposed? Save maps as H×W",
            plural(*count, "map")
        ),
        None => format!(
            "{product}: {} ({code}) of another aspect ratio than the image; compared as if scaled",
            plural(*count, "map")
        ),
    };
    remarks.iter().map(note).collect()
}

/// Why figures of pixels hold for a part of the defects only; `None` where they hold for all of the `masks`.
pub fn partial(masks: usize, remarks: &BTreeMap<String, usize>) -> Option<String> {
    let lacks = |code: &str| MaskRemark::of_code(code).is_some_and(MaskRemark::lacks_defects);
    let lacking = remarks.iter().filter(|(code, _)| lacks(code));
    let parts: Vec<String> = lacking.map(|(code, count)| format!("{count} {code}")).collect();
    (!parts.is_empty()).then(|| {
        format!("over the defects that are left of {} ({})", plural(masks, "mask"), parts.join(", "))
    })
}
