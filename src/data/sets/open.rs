//! Opens a data set: its images, its description, its classes.

use std::path::Path;

use super::apply;
use super::data_set::DataSet;
use super::description::Description;
use crate::data::samples::{self, GoodWords, Layout, Problem, SampleError, Split, folder_name};

/// A data set, and how it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The data set.
    pub set: DataSet,
    /// Its description; `None` where the classes are the labels.
    pub description: Option<Description>,
    /// The split that was read.
    pub split: Split,
}

impl DataSet {
    /// Lists the images below `root`. The layout is detected from the files if it is not given. `description` is a TOML
    /// file or the name of a built-in description; without it, the built-in one of exactly these products is used, if any.
    ///
    /// # Errors
    /// No known layout, no image, an unreadable list or description, a label that the description does not contain.
    pub fn open(
        root: &Path,
        layout: Option<Layout>,
        description: Option<&Path>,
        split: Split,
    ) -> Result<DataSet, SampleError> {
        Ok(open(root, layout, description, split)?.set)
    }
}

/// As [`open_with`], with the program's own words for "good".
///
/// # Errors
/// As [`DataSet::open`].
pub fn open(
    root: &Path,
    layout: Option<Layout>,
    description: Option<&Path>,
    split: Split,
) -> Result<Opened, SampleError> {
    open_with(root, layout, description, split, &[])
}

/// As [`DataSet::open`], with the description that was used. `good` are labels that mean "good", besides those that are
/// known and those of the description.
///
/// # Errors
/// As [`DataSet::open`].
pub fn open_with(
    root: &Path,
    layout: Option<Layout>,
    description: Option<&Path>,
    split: Split,
    good: &[String],
) -> Result<Opened, SampleError> {
    let given = description.map(Description::load).transpose()?;
    let good = GoodWords::with(good.iter().chain(given.iter().flat_map(|d| &d.good)));
    let layout = layout.map_or_else(|| samples::detect_layout_with(root, &good), Ok)?;
    let listing = samples::list_with(root, Some(layout), split, &good)?;
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
            // Each label has been found in the description.
            set.problems.retain(|problem| !matches!(problem, Problem::LikeGood { .. }));
        }
        None => apply::take_labels(&mut set),
    }
    if set.samples.is_empty() {
        return Err(SampleError::no_images(root, layout, split, &set.problems));
    }
    Ok(Opened { set, description, split })
}
