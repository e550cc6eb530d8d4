//! Detects the layout of a data set and reads it.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::SampleError;
use super::layout::{Layout, Split};
use super::problem::Problem;
use super::sample::{Listing, Sample};
use super::words::GoodWords;
use super::{coco, folders, index, meta, mvtec, real_iad, visa};

/// Detects the layout of the data set at `root`. A list takes precedence over folders, because it was written on
/// purpose.
///
/// # Errors
/// [`SampleError::UnknownLayout`] where no layout matches; a folder that cannot be read.
pub fn detect_layout(root: &Path) -> Result<Layout, SampleError> {
    detect_layout_with(root, &GoodWords::default())
}

/// As [`detect_layout`], with these words for "good".
///
/// # Errors
/// As [`detect_layout`].
pub fn detect_layout_with(root: &Path, good: &GoodWords) -> Result<Layout, SampleError> {
    if index::table(root).is_file() {
        Ok(Layout::Index)
    } else if coco::is_list(root) {
        Ok(Layout::Coco)
    } else if meta::is_list(root) {
        Ok(Layout::Meta)
    } else if !visa::products(root)?.is_empty() {
        Ok(Layout::Visa)
    } else if let Some(single_view) = real_iad::found(root)? {
        Ok(if single_view { Layout::RealIadSv } else { Layout::RealIad })
    } else if !mvtec::products(root)?.is_empty() {
        Ok(Layout::Mvtec)
    } else if coco::file(root, None).is_some() {
        Ok(Layout::Coco)
    } else if !folders::products(root, good)?.is_empty() {
        Ok(Layout::Folders)
    } else if meta::file(root).is_file() {
        Ok(Layout::Meta)
    } else {
        Err(SampleError::UnknownLayout { root: root.into() })
    }
}

/// Lists the labelled images below `root`, and the problems of the data set. The layout is detected from the files where
/// `layout` is `None`. `root` may also be the list itself: a table, or a JSON file.
///
/// # Errors
/// See [`SampleError`]: no known layout, no image, a list that cannot be read.
pub fn list(root: &Path, layout: Option<Layout>, split: Split) -> Result<Listing, SampleError> {
    list_with(root, layout, split, &GoodWords::default())
}

/// As [`list`], with these words for "good".
///
/// # Errors
/// As [`list`].
pub fn list_with(
    root: &Path,
    layout: Option<Layout>,
    split: Split,
    good: &GoodWords,
) -> Result<Listing, SampleError> {
    let layout = layout.map_or_else(|| detect_layout_with(root, good), Ok)?;
    let mut listing = match layout {
        Layout::Mvtec => mvtec::read(root, split, good)?,
        Layout::Index => index::read(&index::table(root), good)?,
        Layout::Meta => meta::read(&meta::file(root), split, good)?,
        Layout::Visa => visa::read(root, split, good)?,
        Layout::RealIad => real_iad::read(root, split, false, good)?,
        Layout::RealIadSv => real_iad::read(root, split, true, good)?,
        Layout::Coco => coco::read(root, split, good)?,
        Layout::Folders => folders::read(root, good)?,
    };
    if listing.samples.is_empty() {
        return Err(SampleError::no_images(root, layout, split, &listing.problems));
    }
    listing.samples.sort_by_cached_key(|sample| sort_key(&sample.image));
    listing.products.extend(listing.samples.iter().map(|sample| sample.product.clone()));
    listing.problems.extend(like_good(&listing.samples, good));
    Ok(listing)
}

/// The labels of defects that look like words for "good", each once.
fn like_good(samples: &[Sample], good: &GoodWords) -> Vec<Problem> {
    let mut labels: BTreeMap<&str, (&Path, usize)> = BTreeMap::new();
    for sample in samples {
        if let Some(label) = &sample.defect {
            labels.entry(label).or_insert((&sample.image, 0)).1 += 1;
        }
    }
    let problem = |(label, (image, images)): (&str, (&Path, usize))| {
        let (image, label, word) = (image.to_owned(), label.to_owned(), good.resembled(label)?);
        Some(Problem::LikeGood { image, images, label, word })
    };
    labels.into_iter().filter_map(problem).collect()
}

/// As [`list`], where every defective image needs a mask.
///
/// # Errors
/// As [`list`], and a defective image without mask, or a list that names files which are not there.
pub fn read(root: &Path, layout: Option<Layout>, split: Split) -> Result<Vec<Sample>, SampleError> {
    list(root, layout, split)?.strict()
}

/// The parts of a path joined by `/`: an order that does not depend on the system. All images share their root,
/// so comparing whole paths compares relative ones.
fn sort_key(path: &Path) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.iter().map(|part| part.as_encoded_bytes()).collect();
    parts.join(&b'/')
}
