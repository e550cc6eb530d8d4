//! What can be wrong with a labelled data set.

use std::path::PathBuf;

use super::Layout;
use crate::data::error::ImageError;

/// A data set that cannot be used. Every message names the file, the line or field, and the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A file or folder that cannot be read.
    #[error(transparent)]
    Read(#[from] ImageError),
    /// Neither a table nor folders of a known layout.
    #[error(
        "{}: no labelled images; expected images.csv, or a product with test/DEFECT/*.png and \
         ground_truth/DEFECT/*_mask.png, or a folder of such products{}", root.display(), shards_hint(root)
    )]
    UnknownLayout {
        /// The folder as given.
        root: PathBuf,
    },
    /// A layout of an unknown name.
    #[error("unknown layout '{name}'; there are mvtec and index")]
    LayoutName {
        /// The name as given.
        name: String,
    },
    /// The layout is there, but no image.
    #[error("{}: no image in the {split} part of this data set (layout {layout}); add some or name another folder", root.display())]
    NoImages {
        /// The folder as given.
        root: PathBuf,
        /// Its layout.
        layout: Layout,
        /// Name of the split.
        split: &'static str,
    },
    /// A defective image whose mask is not there.
    #[error("{}: the image shows '{defect}' but has no mask; expected {}", image.display(), expected.display())]
    NoMask {
        /// The image.
        image: PathBuf,
        /// Its defect.
        defect: String,
        /// Where the mask was looked for.
        expected: PathBuf,
    },
    /// The header of a table lacks a column.
    #[error("{}: no column '{column}' in the header; expected image, mask, defect and, if wanted, product", table.display())]
    NoColumn {
        /// The table.
        table: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// A line of a table is wrong.
    #[error("{}, line {line}: {problem}", table.display())]
    Line {
        /// The table.
        table: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// A table that is not CSV at all.
    #[error("{}: not a readable table ({source}); save it as CSV in UTF-8 with commas", table.display())]
    Table {
        /// The table.
        table: PathBuf,
        /// The parser's reason.
        source: csv::Error,
    },
}

/// `synth --shards` writes labels that look like a data set but belong to arrays.
fn shards_hint(root: &std::path::Path) -> &'static str {
    if root.join("images.npy").is_file() {
        "; images.npy holds arrays for other programs: run synth without --shards to get image files"
    } else {
        ""
    }
}
