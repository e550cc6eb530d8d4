//! What a search for images left out, as results tell it.

use crate::data::LeftOut;
use crate::report::results;

/// The files that were left out, by the codes of the reasons.
pub fn left_out(found: &LeftOut) -> results::LeftOut {
    let files = |group: &crate::data::left_out::Group| results::LeftFiles {
        count: group.count,
        first: group.first.clone(),
    };
    found.groups().map(|(reason, group)| (reason.code().to_owned(), files(group))).collect()
}
