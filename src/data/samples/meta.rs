//! `meta.json`: the list of images that is published with many data sets, in several variants.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::error::SampleError;
use super::layout::Split;
use super::mask::Mask;
use super::problem::Problem;
use super::sample::{Listing, Sample};
use super::visa;
use super::words::{GoodWords, is_unnamed};
use crate::data::error::ImageError;
use crate::files::read_unmarked;

/// An image, with the field names of all variants.
#[derive(Deserialize)]
struct Item {
    img_path: String,
    #[serde(default)]
    mask_path: Option<String>,
    #[serde(default, alias = "product_cls")]
    cls_name: Option<String>,
    #[serde(default, alias = "defect_cls")]
    specie_name: Option<String>,
    /// 0 for a good image, as a number, a boolean or text.
    #[serde(default)]
    anomaly: Option<Value>,
}

/// The list of a data set that is named by its folder or by the list itself.
pub(super) fn file(root: &Path) -> PathBuf {
    if root.is_file() {
        return root.into();
    }
    let names = ["meta.json", "meta_wo_md.json"].map(|name| root.join(name));
    let found = names.iter().find(|path| path.is_file());
    found.unwrap_or(&names[0]).clone()
}

/// Whether `root` is or has such a list, under its usual name.
pub(super) fn is_list(root: &Path) -> bool {
    let is_json = root.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    root.join("meta.json").is_file() || is_json && root.is_file()
}

/// The images of one split, or all where the list has no splits.
pub(super) fn read(list: &Path, split: Split, good: &GoodWords) -> Result<Listing, SampleError> {
    let wrong = |reason: String| SampleError::List { list: list.into(), reason };
    let bytes = read_unmarked(list).map_err(|e| ImageError::from_io(list, e))?;
    let whole: Value = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
    let has_splits = ["train", "test"].iter().any(|name| whole.get(name).is_some_and(Value::is_object));
    let (part, place) = match has_splits {
        true => (whole.get(split.name()).cloned().unwrap_or_default(), format!("{}, ", split.name())),
        false => (whole, String::new()),
    };
    let products: BTreeMap<String, Vec<Value>> = match part {
        Value::Null => BTreeMap::new(),
        other => {
            serde_json::from_value(other).map_err(|e| wrong(format!("products with lists of images: {e}")))?
        }
    };
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut listing = Listing { list: Some(list.into()), ..Listing::default() };
    if !has_splits {
        listing.problems.push(Problem::NoSplit { path: list.into() });
    }
    let mut labels = Labels { folder: folder.into(), known: HashMap::new(), good };
    for (product, items) in products {
        if items.is_empty() {
            listing.problems.push(Problem::EmptyProduct { folder: folder.join(&product) });
        }
        for (i, item) in items.into_iter().enumerate() {
            let place = format!("{place}{product}, image {}", i + 1);
            match serde_json::from_value::<Item>(item) {
                Ok(item) => add(item, &product, place, &mut labels, &mut listing)?,
                Err(e) => {
                    let problem =
                        format!("{e}; expected img_path, mask_path, cls_name, specie_name and anomaly");
                    listing.problems.push(Problem::Entry { list: list.into(), place, problem });
                }
            }
        }
        listing.products.insert(product);
    }
    Ok(listing)
}

/// Adds an image.
fn add(
    item: Item,
    product: &str,
    place: String,
    labels: &mut Labels<'_>,
    listing: &mut Listing,
) -> Result<(), SampleError> {
    let list = listing.list.clone().unwrap_or_default();
    let product = item.cls_name.filter(|name| !name.is_empty()).unwrap_or_else(|| product.to_owned());
    // Paths are relative to the root in some lists, and to the folder of the product in others.
    let folder = labels.folder.clone();
    let find = |name: &str| {
        [folder.join(name), folder.join(&product).join(name)].into_iter().find(|file| file.is_file())
    };
    let missing = |what, file: &str| Problem::MissingFile {
        list: list.clone(),
        place: place.clone(),
        what,
        file: file.to_owned(),
    };
    let Some(image) = find(&item.img_path) else {
        listing.problems.push(missing("image", &item.img_path));
        return Ok(());
    };
    let label = item.specie_name.as_deref().and_then(|label| labels.good.defect(label));
    let anomaly = item.anomaly.as_ref().map_or(Ok(None), |value| is_defective(value, labels.good));
    let anomaly = anomaly.map_err(|value| SampleError::List {
        list: list.clone(),
        reason: format!("{place}: anomaly is {value}; expected 0 for a good image, 1 for a defective one"),
    })?;
    let defect = match (anomaly, label) {
        (Some(false), _) | (None, None) => None,
        (_, label) => Some(labels.of(&image, &product, label.unwrap_or_else(|| "anomaly".into()))?),
    };
    let mask = match (&defect, item.mask_path.as_deref().unwrap_or_default()) {
        (None, _) => None,
        (Some(defect), "") => {
            let fix = format!("name it as mask_path in {}, {place}", list.display());
            listing.problems.push(Problem::NoMask { image: image.clone(), defect: defect.clone(), fix });
            None
        }
        (Some(_), name) => match find(name) {
            Some(mask) => Some(Mask::File(mask)),
            None => {
                listing.problems.push(missing("mask", name));
                None
            }
        },
    };
    listing.samples.push(Sample { image, mask, product, defect });
    Ok(())
}

/// What `anomaly` says, as a number, a boolean or text; nothing where it is null or empty text.
///
/// # Errors
/// A value that means neither good nor defective.
fn is_defective(value: &Value, good: &GoodWords) -> Result<Option<bool>, String> {
    // A part of 1, and -1, which means defective in some programs and good in others, are not understood.
    let number = |n: f64| (n >= 0.0 && n.fract() == 0.0).then_some(n > 0.0);
    let found = match value {
        Value::Null => return Ok(None),
        Value::Bool(value) => Some(*value),
        Value::Number(value) => value.as_f64().and_then(number),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => match text.trim().parse() {
            Ok(value) => number(value),
            Err(_) if good.means(text) || text.trim().eq_ignore_ascii_case("no") => Some(false),
            Err(_) => is_unnamed(text).then_some(true),
        },
        _ => None,
    };
    found.map(Some).ok_or_else(|| value.to_string())
}

/// Labels from VisA's tables, for images that a list calls defective without naming the defect.
struct Labels<'a> {
    good: &'a GoodWords,
    folder: PathBuf,
    known: HashMap<String, BTreeMap<PathBuf, Vec<String>>>,
}

impl Labels<'_> {
    /// The label; for an unnamed one, the first label that the table of the product has for the image.
    fn of(&mut self, image: &Path, product: &str, label: String) -> Result<String, SampleError> {
        if !is_unnamed(&label) {
            return Ok(label);
        }
        let folder = self.folder.join(product);
        if !self.known.contains_key(product) {
            self.known.insert(product.to_owned(), visa::labels(&folder, self.good)?);
        }
        let relative = image.strip_prefix(&folder).unwrap_or(image);
        let found = self.known.get(product).and_then(|table| table.get(relative));
        Ok(found.and_then(|labels| labels.first()).cloned().unwrap_or(label))
    }
}
