//! The folders of MVTec-AD.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Sample, SampleError, Split, defect, folder_name};
use crate::data::collect::{has_image_extension, is_image_name};
use crate::data::error::ImageError;

/// The products at `root`: itself, or those of its folders that are products.
pub(super) fn products(root: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let is_product = |folder: &Path| ["test", "train"].iter().any(|part| folder.join(part).is_dir());
    if is_product(root) {
        return Ok(vec![root.into()]);
    }
    Ok(entries(root)?.into_iter().filter(|folder| is_product(folder)).collect())
}

/// The images of one split of all products.
pub(super) fn read(root: &Path, split: Split) -> Result<Vec<Sample>, SampleError> {
    let mut samples = Vec::new();
    for product in products(root)? {
        let part = product.join(split.folder());
        if !part.is_dir() {
            continue; // A product may lack one of its parts; that nothing is left is noticed later.
        }
        let name = folder_name(&product);
        for folder in entries(&part)?.into_iter().filter(|folder| folder.is_dir()) {
            // A link keeps its own name here: `test/scratch` is scratch wherever it leads.
            let label = folder.file_name().unwrap_or_default();
            let defect = defect(&label.to_string_lossy());
            if split == Split::Train && defect.is_some() {
                continue;
            }
            let masks = product.join("ground_truth").join(label);
            let by_stem = if defect.is_some() && masks.is_dir() { stems(&masks)? } else { BTreeMap::new() };
            for image in entries(&folder)?.into_iter().filter(|f| is_image_name(f) && f.is_file()) {
                let mask = match &defect {
                    None => None,
                    Some(defect) => Some(mask_of(&image, &masks, &by_stem, defect)?),
                };
                samples.push(Sample { image, mask, product: name.clone(), defect: defect.clone() });
            }
        }
    }
    Ok(samples)
}

/// The mask of `image` among the files `by_stem` of the folder `masks`.
fn mask_of(
    image: &Path,
    masks: &Path,
    by_stem: &BTreeMap<OsString, PathBuf>,
    defect: &str,
) -> Result<PathBuf, SampleError> {
    let stem = image.file_stem().unwrap_or_default();
    let mut marked = stem.to_owned();
    marked.push("_mask");
    let found = by_stem.get(&marked).or_else(|| by_stem.get(stem));
    found.cloned().ok_or_else(|| {
        marked.push(".png");
        SampleError::NoMask { image: image.into(), defect: defect.into(), expected: masks.join(marked) }
    })
}

/// The image files of a folder by their stems.
fn stems(folder: &Path) -> Result<BTreeMap<OsString, PathBuf>, SampleError> {
    let files = entries(folder)?.into_iter().filter(|file| has_image_extension(file) && file.is_file());
    Ok(files.map(|file| (file.file_stem().unwrap_or_default().to_owned(), file)).collect())
}

/// What lies in a folder, without hidden entries, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let io = |e| ImageError::from_io(folder, e);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
