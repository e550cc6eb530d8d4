//! Detects the layout of a data set and reads it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::layout::{Layout, Split};
use super::problem::Problem;
use super::sample::{Listing, Sample};
use super::words::GoodWords;
use super::{coco, folders, index, meta, mvtec, real_iad, visa};
use crate::data::left_out::Reason;

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
    once(root, &mut listing)?;
    listing.products.extend(listing.samples.iter().map(|sample| sample.product.clone()));
    listing.problems.extend(like_good(&listing.samples, good));
    Ok(listing)
}

/// Leaves out images that are there a second time: lists name one twice, and a link leads to a folder that is there.
///
/// # Errors
/// An image that is good and defective, or has two labels.
fn once(root: &Path, listing: &mut Listing) -> Result<(), SampleError> {
    let mut folders: HashMap<PathBuf, PathBuf> = HashMap::new();
    let mut first: HashMap<PathBuf, Option<String>> = HashMap::new();
    let (mut kept, mut again) = (Vec::new(), Vec::new());
    let parent = |sample: &Sample| sample.image.parent().unwrap_or(Path::new("")).to_owned();
    // Paths without a link in their folders come first: products keep their own names.
    let mut linked: HashMap<PathBuf, bool> = HashMap::new();
    let is_link = |sample: &Sample| {
        let leads = |parent: &PathBuf| {
            let below = parent.strip_prefix(root).unwrap_or(parent);
            below.ancestors().any(|part| part != Path::new("") && root.join(part).is_symlink())
        };
        *linked.entry(parent(sample)).or_insert_with_key(leads)
    };
    let (links, plain): (Vec<Sample>, Vec<Sample>) =
        std::mem::take(&mut listing.samples).into_iter().partition(is_link);
    for sample in plain.into_iter().chain(links) {
        let real = folders
            .entry(parent(&sample))
            .or_insert_with_key(|parent| parent.canonicalize().unwrap_or(parent.clone()));
        // A link as the last part is not resolved: some data stores keep equal images as links to the same contents.
        match first.entry(real.join(sample.image.file_name().unwrap_or_default())) {
            Entry::Vacant(place) => {
                place.insert(sample.defect.clone());
                kept.push(sample);
            }
            Entry::Occupied(before) if *before.get() == sample.defect => again.push(sample.image),
            Entry::Occupied(before) => {
                let label =
                    |defect: &Option<String>| defect.as_ref().map_or("good".to_owned(), |d| format!("'{d}'"));
                return Err(SampleError::List {
                    list: listing.list.clone().unwrap_or_else(|| root.into()),
                    reason: format!(
                        "{} is there twice, as {} and as {}; remove one of them",
                        sample.image.display(),
                        label(before.get()),
                        label(&sample.defect)
                    ),
                });
            }
        }
    }
    kept.sort_by_cached_key(|sample| sort_key(&sample.image));
    listing.samples = kept;
    let repeated = |path| Problem::LeftOut { path, reason: Reason::Repeated };
    listing.problems.extend(again.into_iter().map(repeated));
    Ok(())
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
