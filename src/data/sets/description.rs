//! Descriptions of data sets: their classes, products and expected numbers of images.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::class::{Class, words};
use crate::data::error::ImageError;
use crate::data::samples::{Listing, SampleError, is_unnamed};
use crate::files::read_text;

/// Numbers of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// All images.
    pub images: usize,
    /// Those with a defect.
    pub defective: usize,
}

/// The totals of a published data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Of the split `train`.
    #[serde(default)]
    pub train: Option<Totals>,
    /// Of the split `test`.
    #[serde(default)]
    pub test: Option<Totals>,
}

/// A description, read from TOML; `docs/datasets.md` has a table of its fields.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The data set's name.
    pub name: String,
    /// Leave out images that do not show exactly one class of their product.
    #[serde(default)]
    pub single_type: bool,
    /// Labels that mean "good", besides those that are known.
    #[serde(default)]
    pub good: Vec<String>,
    /// A list next to the images; test images that it does not name are left out.
    #[serde(default)]
    pub list: Option<String>,
    /// The expected number of images.
    #[serde(default)]
    pub expected: Expected,
    /// The classes in order.
    pub defects: Vec<Class>,
    /// The names of the classes of each product in order; an empty list means those that occur.
    #[serde(default)]
    pub products: BTreeMap<String, Vec<String>>,
    /// The file or name it was read from, for messages.
    #[serde(skip)]
    pub origin: PathBuf,
}

/// The built-in descriptions by their names. Of two with the same products the first is chosen.
const BUILT_IN: [(&str, &str); 8] = [
    ("mvtec", include_str!("../../../configs/datasets/mvtec.toml")),
    ("visa", include_str!("../../../configs/datasets/visa.toml")),
    ("visa-multi-type", include_str!("../../../configs/datasets/visa-multi-type.toml")),
    ("mpdd", include_str!("../../../configs/datasets/mpdd.toml")),
    ("mad-sim", include_str!("../../../configs/datasets/mad-sim.toml")),
    ("mad-real", include_str!("../../../configs/datasets/mad-real.toml")),
    ("real-iad", include_str!("../../../configs/datasets/real-iad.toml")),
    ("real-iad-multi-type", include_str!("../../../configs/datasets/real-iad-multi-type.toml")),
];

impl Description {
    /// All that are built in.
    pub fn built_in() -> Vec<Description> {
        // A test reads each of them, so that none is left out here.
        BUILT_IN.iter().filter_map(|(name, text)| Self::parse(text, Path::new(name)).ok()).collect()
    }

    /// A file, or the name of a built-in one.
    ///
    /// # Errors
    /// A file that does not exist, or whose content is invalid.
    pub fn load(path: &Path) -> Result<Self, SampleError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| Path::new(name) == path && !path.exists()) {
            return Self::parse(text, path);
        }
        let text = read_text(path).map_err(|e| {
            let names = BUILT_IN.map(|(name, _)| name).join(", ");
            match ImageError::from_io(path, e) {
                ImageError::NotFound { .. } => SampleError::Description {
                    file: path.into(),
                    problem: format!("no such file, and none of the built-in descriptions ({names})"),
                },
                other => other.into(),
            }
        })?;
        Self::parse(&text, path)
    }

    /// Reads TOML; `origin` is its file or name, for messages.
    ///
    /// # Errors
    /// [`SampleError::Description`], which names the line or the field.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, SampleError> {
        let wrong = |problem: String| SampleError::Description { file: origin.into(), problem };
        let read: Self = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let read = Self { origin: origin.into(), ..read };
        read.check().map_err(wrong)?;
        Ok(read)
    }

    /// Checks that names are unique and known.
    fn check(&self) -> Result<(), String> {
        if self.defects.is_empty() {
            return Err("defects is empty; add a [[defects]] with a name for each class".into());
        }
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for class in &self.defects {
            if words(&class.name).is_empty() {
                return Err("defects.name is empty; name the class".into());
            }
            let mut own: Vec<String> = class.labels.iter().chain(&class.train).map(|l| words(l)).collect();
            own.push(words(&class.name));
            own.sort();
            own.dedup();
            for label in own {
                if let Some(other) = owners.insert(label.clone(), &class.name) {
                    let name = &class.name;
                    return Err(format!(
                        "defects: '{label}' belongs to '{other}' and '{name}'; remove one of them"
                    ));
                }
            }
        }
        for (product, classes) in &self.products {
            if let Some(unknown) = classes.iter().find(|name| self.class_named(name).is_none()) {
                let known: Vec<&str> = self.defects.iter().map(|class| &*class.name).collect();
                return Err(format!(
                    "products.{product}: '{unknown}' is not the name of a class; there are {}",
                    known.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// The index of the class of this name.
    pub(super) fn class_named(&self, name: &str) -> Option<usize> {
        self.defects.iter().position(|class| class.name == name || words(&class.name) == words(name))
    }

    /// The built-in description of exactly these products. One for the list they were read from takes precedence. Labels
    /// that do not name the defects (`bad`) need none.
    pub(super) fn of(listing: &Listing) -> Option<Self> {
        let mut labels = listing.samples.iter().filter_map(|sample| sample.defect.as_deref()).peekable();
        if labels.peek().is_some() && labels.all(is_unnamed) {
            return None;
        }
        let list = listing.list.as_ref().and_then(|list| list.file_name());
        let of_these = |d: &Self| d.products.keys().eq(&listing.products);
        let mut found: Vec<Self> = Self::built_in().into_iter().filter(of_these).collect();
        let best = found.iter().position(|d| d.list.is_some() && d.list() == list);
        let first = best.or_else(|| found.iter().position(|d| d.list.is_none()))?;
        Some(found.swap_remove(first))
    }

    /// The name of its list.
    pub(super) fn list(&self) -> Option<&OsStr> {
        self.list.as_deref().map(OsStr::new)
    }

    /// A built-in description that has all of these products and more.
    pub(super) fn of_more_than<'a>(products: impl Iterator<Item = &'a String>) -> Option<Self> {
        let products: BTreeSet<&String> = products.collect();
        let has_all = |d: &Self| products.iter().all(|name| d.products.contains_key(*name));
        Self::built_in().into_iter().find(|d| d.products.len() > products.len() && has_all(d))
    }
}
