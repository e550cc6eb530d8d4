//! The folders of MVTec-AD, MPDD and MAD.

use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::layout::Split;
use super::problem::Problem;
use super::sample::{Listing, Sample, folder_name};
use super::scan::{Masks, entries, folders, images, unlabelled};
use super::words::GoodWords;

/// The products at `root`: itself, or those of its folders that are products.
pub(super) fn products(root: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let is_product = |folder: &Path| ["test", "train"].iter().any(|part| folder.join(part).is_dir());
    if is_product(root) {
        return Ok(vec![root.into()]);
    }
    Ok(entries(root)?.into_iter().filter(|folder| is_product(folder)).collect())
}

/// The images of one split of all products.
pub(super) fn read(root: &Path, split: Split, good: &GoodWords) -> Result<Listing, SampleError> {
    let mut listing = Listing::default();
    let products = products(root)?;
    let names = without_numbers(products.iter().map(|folder| folder_name(folder)).collect());
    for (product, name) in products.iter().zip(names) {
        let part = product.join(split.name());
        let before = listing.samples.len();
        let mut labels = Vec::new();
        if part.is_dir() {
            unlabelled(&part, &mut listing.problems)?;
            labels = folders(&part)?;
        }
        for folder in labels {
            // The label is the name of the link: `test/scratch` is scratch wherever it leads.
            let label = folder.file_name().unwrap_or_default();
            let defect = good.defect(&label.to_string_lossy());
            if split == Split::Train && defect.is_some() {
                let rule = "only good images are for training".to_owned();
                listing.problems.push(Problem::Dropped { path: folder, rule });
                continue;
            }
            let masks = match &defect {
                Some(_) => Masks::of(&product.join("ground_truth").join(label))?,
                None => Masks::default(),
            };
            for image in images(&folder, &mut listing.problems)? {
                let mask = defect.as_ref().and_then(|d| masks.need(&image, d, &mut listing.problems));
                listing.samples.push(Sample { image, mask, product: name.clone(), defect: defect.clone() });
            }
        }
        if listing.samples.len() == before {
            listing.problems.push(Problem::EmptyProduct { folder: part });
        }
        listing.products.insert(name);
    }
    Ok(listing)
}

/// Removes the numbers of `01Gorilla`, `02Unicorn`, if all products are numbered in this way.
fn without_numbers(names: Vec<String>) -> Vec<String> {
    let rest = |name: &String| {
        let rest = name.trim_start_matches(|c: char| c.is_ascii_digit());
        (name.len() - rest.len() == 2 && rest.starts_with(char::is_alphabetic)).then(|| rest.to_owned())
    };
    names.iter().map(rest).collect::<Option<Vec<_>>>().unwrap_or(names)
}
