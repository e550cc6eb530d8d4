//! The folders of VisA.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::layout::Split;
use super::problem::Problem;
use super::sample::{Listing, Sample, folder_name};
use super::scan::{Masks, folders, images};
use super::table;
use super::words::GoodWords;

/// The list of splits.
const SPLITS: &str = "split_csv/1cls.csv";

/// The products at `root`: itself, or those of its folders that are products.
pub(super) fn products(root: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let is_product = |folder: &Path| folder.join("Data/Images").is_dir();
    if is_product(root) {
        return Ok(vec![root.into()]);
    }
    Ok(folders(root)?.into_iter().filter(|folder| is_product(folder)).collect())
}

/// The images of one split of all products.
pub(super) fn read(root: &Path, split: Split, good: &GoodWords) -> Result<Listing, SampleError> {
    let products = products(root)?;
    let list = [root.join(SPLITS), root.join("..").join(SPLITS)].into_iter().find(|list| list.is_file());
    let rows = list.as_ref().map(|list| table::read(list, ["object", "split", "label", "image"], []));
    let rows = rows.transpose()?.map(|table| table.rows);
    let mut listing = Listing { list, ..Listing::default() };
    if rows.is_none() && !products.is_empty() {
        listing.problems.push(Problem::NoSplit { path: root.join(SPLITS) });
    }
    for folder in &products {
        let product = folder_name(folder);
        let mut images = on_disk(folder, &mut listing.problems)?;
        if let Some(rows) = &rows {
            images = of_split(images, rows, (folder, &product), (split, good), &mut listing);
        }
        if images.is_empty() {
            listing.problems.push(Problem::EmptyProduct { folder: folder.clone() });
        }
        let labels = labels(folder, good)?;
        let masks = Masks::of(&folder.join("Data/Masks/Anomaly"))?;
        for (image, defective) in images {
            let relative = image.strip_prefix(folder).unwrap_or(&image);
            let found = labels.get(relative).map_or(&[][..], Vec::as_slice);
            let label = defective.then(|| found.first().map_or("anomaly", String::as_str).to_owned());
            if defective && found.len() > 1 {
                let labels = found.to_vec();
                listing.problems.push(Problem::SeveralLabels { image: image.clone(), labels });
            }
            let mask = label.as_ref().and_then(|d| masks.need(&image, d, &mut listing.problems));
            listing.samples.push(Sample { image, mask, product: product.clone(), defect: label });
        }
        listing.products.insert(product);
    }
    Ok(listing)
}

/// The labels of the defective images of a product by their paths in its folder, as `image_anno.csv` has them. An
/// image may have several, separated by commas. Without that file there are none.
pub(super) fn labels(
    product: &Path,
    good: &GoodWords,
) -> Result<BTreeMap<PathBuf, Vec<String>>, SampleError> {
    let path = product.join("image_anno.csv");
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let table = table::read(&path, ["image", "label"], [])?;
    let labels = |row: &table::Row| -> Vec<String> {
        row.get(1).split(',').filter_map(|label| good.defect(label)).collect()
    };
    Ok(table.rows.iter().map(|row| (without_product(row.get(0)), labels(row))).collect())
}

/// The path `candle/Data/…` relative to the folder of its product.
pub(super) fn without_product(path: &str) -> PathBuf {
    Path::new(path).iter().skip(1).collect()
}

/// All images of a product, and whether they are defective.
fn on_disk(product: &Path, problems: &mut Vec<Problem>) -> Result<Vec<(PathBuf, bool)>, SampleError> {
    let mut found = Vec::new();
    for (name, defective) in [("Normal", false), ("Anomaly", true)] {
        let folder = product.join("Data/Images").join(name);
        let files = if folder.is_dir() { images(&folder, problems)? } else { Vec::new() };
        found.extend(files.into_iter().map(|image| (image, defective)));
    }
    Ok(found)
}

/// The images that the list assigns to this split. Images that it does not name, and names without an image, become
/// problems.
fn of_split(
    images: Vec<(PathBuf, bool)>,
    rows: &[table::Row],
    (folder, product): (&Path, &str),
    (split, good): (Split, &GoodWords),
    listing: &mut Listing,
) -> Vec<(PathBuf, bool)> {
    let mut unnamed: HashSet<PathBuf> = images.into_iter().map(|(image, _)| image).collect();
    let mut chosen = Vec::new();
    for row in rows.iter().filter(|row| row.get(0).trim() == product) {
        let image = folder.join(without_product(row.get(3)));
        let on_disk = unnamed.remove(&image) || image.is_file();
        if row.get(1).trim() != split.name() {
            continue;
        }
        if on_disk {
            chosen.push((image, !good.means(row.get(2))));
        } else {
            listing.problems.push(Problem::MissingFile {
                list: listing.list.clone().unwrap_or_default(),
                place: format!("line {}", row.line),
                what: "image",
                file: row.get(3).to_owned(),
            });
        }
    }
    let mut unnamed: Vec<PathBuf> = unnamed.into_iter().collect();
    unnamed.sort();
    let dropped = |path| Problem::Dropped { path, rule: format!("{SPLITS} does not name it") };
    listing.problems.extend(unnamed.into_iter().map(dropped));
    chosen
}
