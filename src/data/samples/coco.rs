//! Boxes in a COCO file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::SampleError;
use super::layout::Split;
use super::mask::Mask;
use super::problem::Problem;
use super::sample::{Listing, Sample, folder_name};
use super::words::GoodWords;
use crate::data::error::ImageError;
use crate::data::image::{MAX_PIXELS, Source};
use crate::files::read_unmarked;

/// The part of the format that is used.
#[derive(Deserialize)]
struct List {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    #[serde(default)]
    bbox: Vec<f32>,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// Whether `root` itself is a COCO file.
pub(super) fn is_list(root: &Path) -> bool {
    let is_json = root.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    is_json && root.is_file() && load(root).is_ok()
}

/// The COCO file of a data set, for one split or for any.
pub(super) fn file(root: &Path, split: Option<Split>) -> Option<PathBuf> {
    if root.is_file() {
        return Some(root.into());
    }
    let splits = split.map_or_else(|| vec![Split::Test, Split::Train], |split| vec![split]);
    let of_split = splits.iter().flat_map(|split| {
        let name = split.name();
        [
            format!("{name}/_annotations.coco.json"),
            format!("annotations/instances_{name}.json"),
            format!("annotations/{name}.json"),
        ]
    });
    let common =
        ["_annotations.coco.json", "annotations.json", "annotations/instances.json"].map(str::to_owned);
    of_split.chain(common).map(|name| root.join(name)).find(|path| path.is_file())
}

fn load(list: &Path) -> Result<List, SampleError> {
    let bytes = read_unmarked(list).map_err(|e| ImageError::from_io(list, e))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| SampleError::List { list: list.into(), reason: format!("as COCO: {e}") })
}

/// All images of the file. An image without a box is good.
pub(super) fn read(root: &Path, split: Split, good: &GoodWords) -> Result<Listing, SampleError> {
    let list = file(root, Some(split)).unwrap_or_else(|| root.join("annotations.json"));
    let found = load(&list)?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let product = folder_name(if root.is_dir() { root } else { folder });
    let names: BTreeMap<i64, &str> = found.categories.iter().map(|c| (c.id, &*c.name)).collect();
    let mut listing = Listing { list: Some(list.clone()), ..Listing::default() };

    let mut by_image: BTreeMap<i64, Vec<&Annotation>> = BTreeMap::new();
    for annotation in &found.annotations {
        by_image.entry(annotation.image_id).or_default().push(annotation);
    }
    let known: BTreeSet<i64> = found.images.iter().map(|image| image.id).collect();
    for id in by_image.keys().filter(|id| !known.contains(id)) {
        let problem = "boxes of an image that the list does not name; add it to images".to_owned();
        listing.problems.push(Problem::Entry {
            list: list.clone(),
            place: format!("image_id {id}"),
            problem,
        });
    }
    for image in &found.images {
        let Some(path) = image_file(folder, split, &image.file_name) else {
            listing.problems.push(Problem::MissingFile {
                list: list.clone(),
                place: format!("image {}", image.id),
                what: "image",
                file: image.file_name.clone(),
            });
            continue;
        };
        let (mut labels, mut boxes) = (Vec::new(), Vec::new());
        for annotation in by_image.get(&image.id).into_iter().flatten() {
            let entry = |problem: String| Problem::Entry {
                list: list.clone(),
                place: format!("a box of image {}", image.id),
                problem,
            };
            let Some(&name) = names.get(&annotation.category_id) else {
                let problem =
                    format!("there is no category {}; add it to categories", annotation.category_id);
                listing.problems.push(entry(problem));
                continue;
            };
            let Some(label) = good.defect(name) else { continue };
            if !labels.contains(&label) {
                labels.push(label);
            }
            match annotation.bbox[..] {
                [x, y, w, h] if [x, y, w, h].iter().all(|v| v.is_finite()) && w > 0.0 && h > 0.0 => {
                    boxes.push([x, y, w, h]);
                }
                _ => {
                    let problem = format!("bbox is {:?}; expected x, y, width and height", annotation.bbox);
                    listing.problems.push(entry(problem));
                }
            }
        }
        if labels.len() > 1 {
            let labels = labels.clone();
            listing.problems.push(Problem::SeveralLabels { image: path.clone(), labels });
        }
        let defect = labels.into_iter().next();
        let mask = match (&defect, boxes.is_empty()) {
            (Some(_), false) => size(image, &path, &mut listing.problems).map(|(width, height)| {
                let outside = boxes.iter().filter(|of| !is_inside(of, width, height));
                listing.problems.extend(outside.map(|of| Problem::BoxOutside {
                    image: path.clone(),
                    size: (width, height),
                    shape: format!("{of:?}"),
                }));
                Mask::Boxes { width, height, boxes }
            }),
            (Some(defect), true) => {
                let fix = format!("give it a box in {}", list.display());
                listing.problems.push(Problem::NoMask { image: path.clone(), defect: defect.clone(), fix });
                None
            }
            (None, _) => None,
        };
        listing.samples.push(Sample { image: path, mask, product: product.clone(), defect });
    }
    Ok(listing)
}

/// Whether a box lies in its image; programs round its edges by up to a pixel.
fn is_inside(&[x, y, w, h]: &[f32; 4], width: u32, height: u32) -> bool {
    x >= -1.0 && y >= -1.0 && x + w <= width as f32 + 1.0 && y + h <= height as f32 + 1.0
}

/// The size of an image according to the list, or else to the image.
fn size(image: &Image, path: &Path, problems: &mut Vec<Problem>) -> Option<(u32, u32)> {
    let pixels = u64::from(image.width) * u64::from(image.height);
    if (1..=MAX_PIXELS).contains(&pixels) {
        return Some((image.width, image.height));
    }
    match Source::open(path) {
        Ok(source) => Some(source.dimensions()),
        Err(e) => {
            problems.push(Problem::Unreadable { path: path.into(), reason: e.to_string() });
            None
        }
    }
}

/// The path of an image: next to its list, in a folder of images, or in that of the split.
fn image_file(folder: &Path, split: Split, name: &str) -> Option<PathBuf> {
    let split = split.name();
    let places = ["", "images", "..", "../images"].map(PathBuf::from);
    let of_split = [Path::new("..").join(split), Path::new("../images").join(split)];
    places.into_iter().chain(of_split).map(|place| folder.join(place).join(name)).find(|path| path.is_file())
}
