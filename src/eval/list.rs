//! The labelled images of a data set, and what is said about them.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::data::samples::{Layout, Sample, SampleError, Split, read};
use crate::report::metrics::DataAbout;

/// One image of the list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The image and its label.
    pub sample: Sample,
    /// Path of the image relative to the data set, with `/`.
    pub path: String,
}

/// Lists the test images of the data set at `root`; the layout is told from the files when it is `None`.
///
/// # Errors
/// As [`read`].
pub fn list(root: &Path, layout: Option<Layout>) -> Result<(Vec<Listed>, DataAbout), SampleError> {
    let layout = layout.map_or_else(|| Layout::of(root), Ok)?;
    let folder = if root.is_file() { root.parent().unwrap_or(Path::new("")) } else { root };
    let relative = |path: &Path| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
    };
    let listed = |sample: Sample| Listed { path: relative(&sample.image), sample };
    let images: Vec<Listed> = read(root, Some(layout), Split::Test)?.into_iter().map(listed).collect();
    let mut hash = Sha256::new();
    for Listed { sample, path } in &images {
        let mask = sample.mask.as_deref().map(relative).unwrap_or_default();
        let defect = sample.defect.as_deref().unwrap_or_default();
        hash.update(format!("{path}\t{mask}\t{}\t{defect}\n", sample.product));
    }
    let named = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let name = named.canonicalize().ok().and_then(|f| Some(f.file_name()?.to_string_lossy().into_owned()));
    let about = DataAbout {
        name: name.unwrap_or_else(|| folder.display().to_string()),
        layout: layout.to_string(),
        images: images.len(),
        list_sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    Ok((images, about))
}
