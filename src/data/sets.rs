//! Data sets: labelled images together with the classes that are asked for.
//!
//! A [`Description`] says how the labels of the files become classes, and which classes each product has. Those of
//! the published data sets are built in, see `configs/datasets`; without one the classes are the labels in words.

mod apply;
mod description;
pub mod inspect;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use super::samples::{Layout, Mask, Problem, Sample, SampleError, Split};
pub use description::{Description, Expected, Totals};

use super::samples::{self, folder_name};

/// A class of defects.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// Its name in detection.
    pub name: String,
    /// A synonym for training.
    #[serde(default)]
    pub train: Option<String>,
    /// Labels that count as it, besides its name. A `*` at an end stands for anything.
    #[serde(default)]
    pub labels: Vec<String>,
}

impl Class {
    /// A class of this name.
    fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), train: None, labels: Vec::new() }
    }

    /// Whether a label is one of its names.
    fn is_called(&self, label: &str) -> bool {
        [&self.name].into_iter().chain(&self.train).chain(&self.labels).any(|own| words(own) == words(label))
    }

    /// Whether a label fits one of its patterns.
    fn fits(&self, label: &str) -> bool {
        let label = words(label);
        self.labels.iter().any(|pattern| {
            let pattern = words(pattern);
            let core = pattern.trim_matches('*');
            match (pattern.starts_with('*'), pattern.ends_with('*')) {
                (true, true) => label.contains(core),
                (true, false) => label.ends_with(core),
                (false, true) => label.starts_with(core),
                (false, false) => false,
            }
        })
    }
}

/// The class of a label. Names come before patterns.
fn class_of(classes: &[Class], label: &str) -> Option<usize> {
    let called = classes.iter().position(|class| class.is_called(label));
    called.or_else(|| classes.iter().position(|class| class.fits(label)))
}

/// A label in words: `bent_lead` is "bent lead".
fn words(label: &str) -> String {
    label.replace('_', " ").trim().to_lowercase()
}

/// The images of one split of a data set, and the classes of its defects.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// Its name: that of its description, or of its folder.
    pub name: String,
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// How it is stored.
    pub layout: Layout,
    /// The images, sorted by relative path. Defective ones may lack a mask.
    pub samples: Vec<Sample>,
    /// All classes of defects in order: the list for questions of good or defective.
    pub classes: Vec<Class>,
    /// The classes of each product in order: the list for questions of type. It is empty where there is no such
    /// question: the product shows no defect, or its labels say only that there is one (`bad`).
    pub products: BTreeMap<String, Vec<usize>>,
    /// What is odd about it, as far as names and lists tell; [`inspect`](inspect::inspect) also reads the files.
    pub problems: Vec<Problem>,
}

/// A data set, and what it was read by.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The data set.
    pub set: DataSet,
    /// Its description; `None` if the classes are the labels.
    pub description: Option<Description>,
    /// Which part of it.
    pub split: Split,
}

impl DataSet {
    /// Lists the images below `root`. The layout is told from the files if it is not given. So is the description:
    /// a built-in one is taken when it is of exactly these products. Otherwise `description` is a TOML file or the
    /// name of a built-in one.
    ///
    /// # Errors
    /// No known layout, no image, an unreadable list or description, a label that the description does not know.
    pub fn open(
        root: &Path,
        layout: Option<Layout>,
        description: Option<&Path>,
        split: Split,
    ) -> Result<DataSet, SampleError> {
        Ok(open(root, layout, description, split)?.set)
    }

    /// The class that a sample shows; `None` for a good one.
    pub fn class_of(&self, sample: &Sample) -> Option<usize> {
        class_of(&self.classes, sample.defect.as_deref()?)
    }
}

/// As [`DataSet::open`], with the description that was used.
///
/// # Errors
/// As [`DataSet::open`].
pub fn open(
    root: &Path,
    layout: Option<Layout>,
    description: Option<&Path>,
    split: Split,
) -> Result<Opened, SampleError> {
    let given = description.map(Description::load).transpose()?;
    let layout = layout.map_or_else(|| Layout::of(root), Ok)?;
    let listing = samples::list(root, Some(layout), split)?;
    let description = given.or_else(|| Description::of(&listing));
    let folder = if root.is_file() { root.parent().unwrap_or(Path::new("")) } else { root };
    let mut set = DataSet {
        name: description.as_ref().map_or_else(|| folder_name(folder), |d| d.name.clone()),
        root: folder.into(),
        layout,
        samples: listing.samples,
        classes: Vec::new(),
        products: listing.products.into_iter().map(|product| (product, Vec::new())).collect(),
        problems: listing.problems,
    };
    match &description {
        Some(description) => {
            let has_list = listing.list.as_ref().and_then(|list| list.file_name()) == description.list();
            if let (Some(list), false, Split::Test) = (&description.list, has_list, split) {
                apply::keep_listed(&mut set, list)?;
            }
            apply::describe(&mut set, description)?;
        }
        None => apply::take_labels(&mut set),
    }
    if set.samples.is_empty() {
        return Err(SampleError::no_images(root, layout, split, &set.problems));
    }
    Ok(Opened { set, description, split })
}
