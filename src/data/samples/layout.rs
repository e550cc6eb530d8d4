//! The layouts of data sets, and their splits.

use std::fmt;
use std::str::FromStr;

/// How labels are stored. `docs/datasets.md` shows each as a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The folders of MVTec-AD, MPDD and MAD: a product with `test/DEFECT/000.png`, masks in
    /// `ground_truth/DEFECT/000_mask.png` and good images in `test/good` and `train/good`; or a folder of
    /// such products. The extensions of images and masks may be any of [`EXTENSIONS`](crate::data::collect::EXTENSIONS),
    /// and a mask may also go without `_mask`. Where all products are numbered (`01Gorilla`), the numbers are not
    /// part of their names.
    Mvtec,
    /// A table `images.csv` (RFC 4180) whose header names the columns `image`, `mask`, `defect` and optionally
    /// `product`, in any order. Paths are relative to the table. A good image has the defect `good`, `normal` or
    /// none, and needs no mask. Such a table has no splits: each of its images belongs to both.
    Index,
    /// A `meta.json` as published with many data sets, in any of its variants.
    Meta,
    /// The folders of VisA: `PRODUCT/Data/Images/{Normal,Anomaly}`, `PRODUCT/image_anno.csv`, `split_csv/1cls.csv`.
    Visa,
    /// The folders of Real-IAD, `PRODUCT/{OK,NG/CODE}/S0001`, with its lists of splits; all five views.
    RealIad,
    /// As `RealIad`, by the lists of the single-view protocol or, without them, the first view of each object.
    RealIadSv,
    /// Boxes in a COCO file. A box counts as a filled rectangle.
    Coco,
    /// Folders named `good` and `bad` or the like, with or without masks.
    Folders,
}

impl Layout {
    /// All of them.
    pub const ALL: [Layout; 8] = [
        Layout::Mvtec,
        Layout::Index,
        Layout::Meta,
        Layout::Visa,
        Layout::RealIad,
        Layout::RealIadSv,
        Layout::Coco,
        Layout::Folders,
    ];

    /// The names of all layouts, separated by commas.
    pub fn names() -> String {
        Self::ALL.map(|layout| layout.to_string()).join(", ")
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Mvtec => "mvtec",
            Layout::Index => "index",
            Layout::Meta => "meta",
            Layout::Visa => "visa",
            Layout::RealIad => "real-iad",
            Layout::RealIadSv => "real-iad-sv",
            Layout::Coco => "coco",
            Layout::Folders => "folders",
        })
    }
}

impl FromStr for Layout {
    type Err = UnknownLayoutName;

    fn from_str(name: &str) -> Result<Self, UnknownLayoutName> {
        let found = Self::ALL.into_iter().find(|layout| layout.to_string() == name);
        found.ok_or_else(|| UnknownLayoutName { name: name.into() })
    }
}

/// A name that is not the name of a [`Layout`].
#[derive(Debug, thiserror::Error)]
#[error("unknown layout '{name}'; there are {}", Layout::names())]
pub struct UnknownLayoutName {
    /// The name as given.
    pub name: String,
}

/// Part of a data set. DAPO is trained on the test images of one data set and tested on those of others, because only
/// they show defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// `train`: good images only.
    Train,
    /// `test`: good and defective images.
    Test,
}

impl Split {
    /// Its name in folders and lists.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }
}
