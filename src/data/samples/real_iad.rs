//! The folders and lists of Real-IAD.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::SampleError;
use super::layout::Split;
use super::mask::Mask;
use super::problem::Problem;
use super::sample::{Listing, Sample, folder_name};
use super::scan::{Masks, folders, images_and_masks};
use super::words::GoodWords;
use crate::data::error::ImageError;
use crate::files::read_unmarked;

/// The list of one product.
#[derive(Deserialize)]
struct List {
    meta: Meta,
    #[serde(default)]
    train: Vec<Item>,
    #[serde(default)]
    test: Vec<Item>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default = "ok")]
    normal_class: String,
}

fn ok() -> String {
    "OK".into()
}

/// An image; paths are relative to the folder of the product.
#[derive(Deserialize)]
struct Item {
    image_path: String,
    #[serde(default)]
    mask_path: Option<String>,
    anomaly_class: String,
}

/// Which of the five cameras took an image, by the name of its file: `C1` to `C5`.
pub fn view(image: &Path) -> Option<&str> {
    let stem = image.file_stem()?.to_str()?;
    stem.split('_').rev().find(|part| matches!(part.as_bytes(), [b'C', b'1'..=b'5']))
}

/// `None` where `root` is not Real-IAD; else whether it has the lists of the single-view protocol only.
pub(super) fn found(root: &Path) -> Result<Option<bool>, SampleError> {
    if candidates(root)?.is_empty() {
        return Ok(None);
    }
    Ok(Some(lists(root, "realiad_jsons").is_none() && lists(root, "realiad_jsons_sv").is_some()))
}

/// The folders that hold products: `root`, or its `realiad_*`.
fn candidates(root: &Path) -> Result<Vec<PathBuf>, SampleError> {
    if !products(root)?.is_empty() {
        return Ok(vec![root.into()]);
    }
    let mut found = Vec::new();
    for folder in folders(root)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("realiad_") && !products(&folder)?.is_empty() {
            found.push(folder);
        }
    }
    Ok(found)
}

/// The products at `folder`: itself, or those of its folders that are products.
fn products(folder: &Path) -> Result<Vec<PathBuf>, SampleError> {
    // Images are one folder deeper than in other folders of good and bad images: `OK/S0001`.
    let is_object = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix('S').is_some_and(|n| n.len() >= 4 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_product = |folder: &Path| -> Result<bool, SampleError> {
        let good = folder.join("OK");
        Ok(folder.join("NG").is_dir() && good.is_dir() && folders(&good)?.iter().any(is_object))
    };
    if is_product(folder)? {
        return Ok(vec![folder.into()]);
    }
    let mut found = Vec::new();
    for folder in folders(folder)? {
        if is_product(&folder)? {
            found.push(folder);
        }
    }
    Ok(found)
}

/// The folder of lists: next to the images, or in a folder of the same name as its archive unpacks.
fn lists(root: &Path, name: &str) -> Option<PathBuf> {
    let around = [root.to_path_buf(), root.join(".."), root.join("../..")];
    let places = around.iter().flat_map(|folder| [folder.join(name).join(name), folder.join(name)]);
    places.into_iter().find(|folder| folder.is_dir())
}

/// The images of one split of all products: all five views, or those of the single-view protocol.
pub(super) fn read(
    root: &Path,
    split: Split,
    single_view: bool,
    good: &GoodWords,
) -> Result<Listing, SampleError> {
    let place = match &candidates(root)?[..] {
        [] => root.to_path_buf(),
        [only] => only.clone(),
        several => {
            let found = several.iter().map(|folder| folder_name(folder)).collect();
            return Err(SampleError::Ambiguous { root: root.into(), found });
        }
    };
    let own = lists(root, "realiad_jsons_sv").filter(|_| single_view);
    let first_view_only = single_view && own.is_none();
    let lists = own.or_else(|| lists(root, "realiad_jsons"));
    let mut listing = Listing::default();
    for folder in products(&place)? {
        let product = folder_name(&folder);
        let before = listing.samples.len();
        let list = lists.as_deref().unwrap_or(&place).join(format!("{product}.json"));
        if list.is_file() {
            listed(&list, (&folder, &product), (split, good), &mut listing)?;
        } else {
            listing.problems.push(Problem::NoSplit { path: list });
            scanned(&folder, &product, &mut listing)?;
        }
        if first_view_only {
            let mut at = 0;
            listing.samples.retain(|sample| {
                at += 1;
                at <= before || view(&sample.image) == Some("C1")
            });
        }
        if listing.samples.len() == before {
            listing.problems.push(Problem::EmptyProduct { folder });
        }
        listing.products.insert(product);
    }
    listing.list = lists;
    Ok(listing)
}

/// The images that the list of a product names.
fn listed(
    list: &Path,
    (folder, product): (&Path, &str),
    (split, good): (Split, &GoodWords),
    listing: &mut Listing,
) -> Result<(), SampleError> {
    let bytes = read_unmarked(list).map_err(|e| ImageError::from_io(list, e))?;
    let wrong = |e: serde_json::Error| SampleError::List { list: list.into(), reason: e.to_string() };
    let found: List = serde_json::from_slice(&bytes).map_err(wrong)?;
    let items = match split {
        Split::Train => found.train,
        Split::Test => found.test,
    };
    for (i, item) in items.into_iter().enumerate() {
        let missing = |what, file: String| Problem::MissingFile {
            list: list.into(),
            place: format!("{} image {}", split.name(), i + 1),
            what,
            file,
        };
        let image = folder.join(&item.image_path);
        if !image.is_file() {
            listing.problems.push(missing("image", item.image_path));
            continue;
        }
        let defect = good.defect(&item.anomaly_class).filter(|label| *label != found.meta.normal_class);
        let mask = match (&defect, item.mask_path.filter(|mask| !mask.is_empty())) {
            (Some(_), Some(mask)) if folder.join(&mask).is_file() => Some(Mask::File(folder.join(mask))),
            (Some(_), Some(mask)) => {
                listing.problems.push(missing("mask", mask));
                None
            }
            (Some(defect), None) => {
                let masks = Masks::of(image.parent().unwrap_or(folder))?;
                masks.need(&image, defect, &mut listing.problems)
            }
            (None, _) => None,
        };
        listing.samples.push(Sample { image, mask, product: product.to_owned(), defect });
    }
    Ok(())
}

/// All images of a product, from its folders.
fn scanned(folder: &Path, product: &str, listing: &mut Listing) -> Result<(), SampleError> {
    let mut parts = vec![(folder.join("OK"), None)];
    for code in folders(&folder.join("NG"))? {
        let label = folder_name(&code);
        parts.push((code, Some(label)));
    }
    for (part, defect) in parts {
        for object in folders(&part)? {
            let masks = Masks::of(&object)?;
            // Masks are next to the images, which are JPEGs.
            let is_photo = |path: &PathBuf| path.extension().is_some_and(|e| !e.eq_ignore_ascii_case("png"));
            let (images, _) = images_and_masks(&object, &mut listing.problems)?;
            for image in images.into_iter().filter(is_photo) {
                let mask = defect.as_ref().and_then(|d| masks.need(&image, d, &mut listing.problems));
                listing.samples.push(Sample {
                    image,
                    mask,
                    product: product.to_owned(),
                    defect: defect.clone(),
                });
            }
        }
    }
    Ok(())
}
