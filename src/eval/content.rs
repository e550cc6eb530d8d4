//! What the files of an image hold: a run knows them again by it, whatever their names.

use std::fs::File;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::plan::Item;
use crate::data::samples::Mask;

/// Bytes of the SHA-256 that are kept.
const KEPT: usize = 12;

/// The contents of an image, and of its mask if that counts, as hexadecimal digits; those of a file that cannot be read are
/// a dash.
pub fn content(item: &Item) -> String {
    let image = digest(&item.image);
    match (&item.mask, item.class) {
        (Some(Mask::File(mask)), Some(_)) => format!("{image}+{}", digest(mask)),
        _ => image,
    }
}

fn digest(path: &Path) -> String {
    let mut hash = Sha256::new();
    // Not a pipe, which would be waited for.
    let opened = path.is_file().then(|| File::open(path).ok()).flatten();
    match opened.map(|mut file| std::io::copy(&mut file, &mut hash)) {
        Some(Ok(_)) => hash.finalize().iter().take(KEPT).map(|b| format!("{b:02x}")).collect(),
        _ => "-".to_owned(),
    }
}
