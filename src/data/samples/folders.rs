//! Folders of good and bad images of any origin.

use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::problem::Problem;
use super::sample::{Listing, Sample, folder_name};
use super::scan::{Masks, folders, images, images_and_masks, unlabelled};
use super::words::{GoodWords, is_unnamed};

/// Names of folders of masks.
const MASKS: [&str; 6] = ["ground_truth", "groundtruth", "gt", "mask", "masks", "annotations"];

/// The name of a folder in lower case.
fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

fn is_good(folder: &Path, good: &GoodWords) -> bool {
    good.means(&name(folder))
}

/// `bad`, `NG`, `defect_scratch` and the like.
fn is_bad(folder: &Path, good: &GoodWords) -> bool {
    let name = name(folder);
    !good.means(&name) && (is_unnamed(&name) || name.starts_with("defect") || name.starts_with("anomal"))
}

/// The products at `root`: itself, or those of its folders that are products.
pub(super) fn products(root: &Path, good: &GoodWords) -> Result<Vec<PathBuf>, SampleError> {
    let is_product = |folder: &Path| -> Result<bool, SampleError> {
        Ok(folders(folder)?.iter().any(|part| is_good(part, good) || is_bad(part, good)))
    };
    if is_product(root)? {
        return Ok(vec![root.into()]);
    }
    let mut found = Vec::new();
    for folder in folders(root)? {
        if is_product(&folder)? {
            found.push(folder);
        }
    }
    Ok(found)
}

/// All images. Such folders have no splits.
pub(super) fn read(root: &Path, good: &GoodWords) -> Result<Listing, SampleError> {
    let mut listing = Listing::default();
    for product in products(root, good)? {
        let name = folder_name(&product);
        let before = listing.samples.len();
        unlabelled(&product, &mut listing.problems)?;
        for part in folders(&product)? {
            if is_good(&part, good) {
                add(&part, None, &[], &name, &mut listing)?;
            } else if is_bad(&part, good) {
                let masks = masks_of(&product, &part)?;
                add(&part, Some(folder_name(&part)), &masks, &name, &mut listing)?;
                // Its subfolders name the defects.
                for kind in folders(&part)?.into_iter().filter(|kind| !MASKS.contains(&&*self::name(kind))) {
                    let label = kind.file_name().unwrap_or_default();
                    let below: Vec<PathBuf> = masks.iter().map(|folder| folder.join(label)).collect();
                    add(
                        &kind,
                        Some(folder_name(&kind)),
                        &[below, masks.clone()].concat(),
                        &name,
                        &mut listing,
                    )?;
                }
            } else if !MASKS.contains(&&*self::name(&part)) {
                let rule = match good.resembled(&self::name(&part)) {
                    None => "its name means neither good nor bad".to_owned(),
                    Some(word) => format!(
                        "its name means neither good nor bad, though it looks like '{word}'; rename it, or name it with \
                         --good-words"
                    ),
                };
                listing.problems.push(Problem::Dropped { path: part, rule });
            }
        }
        if listing.samples.len() == before {
            listing.problems.push(Problem::EmptyProduct { folder: product });
        }
        listing.products.insert(name);
    }
    Ok(listing)
}

/// Candidate folders for the masks of `part`, the likeliest first.
fn masks_of(product: &Path, part: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let mut places = Vec::new();
    for folder in [part, product] {
        for masks in folders(folder)?.into_iter().filter(|folder| MASKS.contains(&&*name(folder))) {
            places.push(masks.join(part.file_name().unwrap_or_default()));
            places.push(masks);
        }
    }
    Ok(places)
}

/// Adds the images of a folder; a mask may also be next to its image.
fn add(
    folder: &Path,
    defect: Option<String>,
    masks: &[PathBuf],
    product: &str,
    listing: &mut Listing,
) -> Result<(), SampleError> {
    // Beside a defective image its mask is expected.
    let found = match &defect {
        Some(_) => images_and_masks(folder, &mut listing.problems)?.0,
        None => images(folder, &mut listing.problems)?,
    };
    let beside = Masks::of(folder)?;
    let places = masks.iter().map(|place| Masks::of(place)).collect::<Result<Vec<_>, _>>()?;
    for image in found {
        let mut mask = None;
        if let Some(defect) = &defect {
            let found = places.iter().find_map(|masks| masks.find(&image));
            mask = found.or_else(|| beside.find_marked(&image));
            if mask.is_none() {
                listing.problems.push(places.first().unwrap_or(&beside).missing(&image, defect));
            }
        }
        listing.samples.push(Sample { image, mask, product: product.to_owned(), defect: defect.clone() });
    }
    Ok(())
}
