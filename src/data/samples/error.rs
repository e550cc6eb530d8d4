//! Errors of labelled data sets.

use std::path::{Path, PathBuf};

use super::layout::{Layout, Split};
use super::problem::Problem;
use crate::data::error::ImageError;
use crate::words::plural;

/// A data set that cannot be used. Every message names the file, the line or field, and the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A file or folder that cannot be read.
    #[error(transparent)]
    Read(#[from] ImageError),
    /// No layout matches.
    #[error(
        "{}: no labelled images; expected images.csv, or meta.json, or a product with test/DEFECT/*.png and \
         ground_truth/DEFECT/*_mask.png, or a folder of such products, or folders good and bad, or another layout of \
         docs/datasets.md ({}){}", root.display(), Layout::names(), shards_hint(root)
    )]
    UnknownLayout {
        /// The folder as given.
        root: PathBuf,
    },
    /// The layout matches, but there is no image.
    #[error(
        "{}: no image in the {split} part of this data set (layout {layout}); add some or name another folder{}",
        root.display(), first_of(problems)
    )]
    NoImages {
        /// The folder as given.
        root: PathBuf,
        /// Its layout.
        layout: Layout,
        /// Name of the split.
        split: &'static str,
        /// What was found instead of images.
        problems: Vec<String>,
    },
    /// A problem that makes training impossible.
    #[error("{0}")]
    Unusable(Problem),
    /// Several folders match.
    #[error("{}: several resolutions of the images ({}); name one of these folders", root.display(), found.join(", "))]
    Ambiguous {
        /// The folder as given.
        root: PathBuf,
        /// The folders in it.
        found: Vec<String>,
    },
    /// A list of images that is not JSON of the expected structure.
    #[error("{}: not a readable list of images ({reason}); see docs/datasets.md for the formats that are read", list.display())]
    List {
        /// The file.
        list: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A description of a data set that is wrong.
    #[error("{}: {problem}", file.display())]
    Description {
        /// The file.
        file: PathBuf,
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A label that the description does not contain.
    #[error(
        "{}: the label '{label}' belongs to none of the classes of {description} ({known}); add it to the labels of a \
         class there, or give a file of your own with --description", image.display()
    )]
    UnknownLabel {
        /// The label.
        label: String,
        /// An image that has it.
        image: PathBuf,
        /// File or name of the description.
        description: String,
        /// Its classes.
        known: String,
    },
    /// A class that the description does not list for the product.
    #[error(
        "{}: '{label}' is of the class '{class}', which {description} does not list for the product '{product}'; add it \
         to products.{product} there, or set single_type = true to leave such images out", image.display()
    )]
    NotOfProduct {
        /// The label.
        label: String,
        /// Its class.
        class: String,
        /// An image that has it.
        image: PathBuf,
        /// Its product.
        product: String,
        /// File or name of the description.
        description: String,
    },
    /// The header of a table lacks a column.
    #[error("{}: no column '{column}' in the header; expected {expected}", table.display())]
    NoColumn {
        /// The table.
        table: PathBuf,
        /// The column.
        column: &'static str,
        /// All columns that are needed.
        expected: String,
    },
    /// A line of a table is wrong.
    #[error("{}, line {line}: {problem}", table.display())]
    Line {
        /// The table.
        table: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A table that is not CSV.
    #[error("{}: not a readable table ({source}); save it as CSV in UTF-8 with commas", table.display())]
    Table {
        /// The table.
        table: PathBuf,
        /// The parser's reason.
        source: csv::Error,
    },
}

impl SampleError {
    /// No image, and the problems that were found, fatal ones first.
    pub(in crate::data) fn no_images(
        root: &Path,
        layout: Layout,
        split: Split,
        problems: &[Problem],
    ) -> Self {
        let mut problems: Vec<&Problem> = problems.iter().collect();
        problems.sort_by_key(|problem| !problem.is_fatal());
        let problems = problems.into_iter().map(Problem::to_string).collect();
        Self::NoImages { root: root.into(), layout, split: split.name(), problems }
    }
}

/// `synth --shards` writes a table of labels like a data set's, but for arrays.
fn shards_hint(root: &Path) -> &'static str {
    if root.join("images.npy").is_file() {
        "; images.npy holds arrays for other programs; run synth without --shards to get image files"
    } else {
        ""
    }
}

/// The first of several problems, for the end of a message.
fn first_of(problems: &[String]) -> String {
    match problems {
        [] => String::new(),
        [only] => format!("; {only}"),
        [first, rest @ ..] => format!("; {first} (and {})", plural(rest.len(), "more problem")),
    }
}
