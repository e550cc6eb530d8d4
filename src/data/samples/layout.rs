//! How labels are stored, and how that is told from the files.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::{SampleError, coco, folders, index, meta, mvtec, real_iad, visa};

/// How labels are stored. `docs/datasets.md` shows each as a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The folders of MVTec-AD, MPDD and MAD: a product with `test/DEFECT/000.png`, masks in
    /// `ground_truth/DEFECT/000_mask.png` and good images in `test/good` and `train/good`; or a folder of
    /// such products. The extensions of images and masks may be any of [`EXTENSIONS`](crate::data::collect::EXTENSIONS),
    /// and a mask may also go without `_mask`. Where all products are numbered (`01Gorilla`), the numbers are no
    /// part of their names.
    Mvtec,
    /// A table `images.csv` (RFC 4180) whose header names the columns `image`, `mask`, `defect` and, if wanted,
    /// `product`, in any order. Paths are relative to the table. A good image has the defect `good`, `normal` or
    /// none, and needs no mask. Such a table has no splits: each of its images belongs to both.
    Index,
    /// A `meta.json` as published with many data sets, in any of its shapes.
    Meta,
    /// The folders of VisA: `PRODUCT/Data/Images/{Normal,Anomaly}`, `PRODUCT/image_anno.csv`, `split_csv/1cls.csv`.
    Visa,
    /// The folders of Real-IAD, `PRODUCT/{OK,NG/CODE}/S0001`, with its lists of splits; all five views.
    RealIad,
    /// The same by the lists of the single-view protocol, or without these the first view of each object.
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

    /// The layout that `root` has. A list is preferred to folders, since somebody wrote it on purpose.
    ///
    /// # Errors
    /// [`SampleError::UnknownLayout`] when it has none; a folder that cannot be read.
    pub fn of(root: &Path) -> Result<Self, SampleError> {
        if index::table(root).is_file() {
            Ok(Layout::Index)
        } else if coco::is_list(root) {
            Ok(Layout::Coco)
        } else if meta::is_list(root) {
            Ok(Layout::Meta)
        } else if !visa::products(root)?.is_empty() {
            Ok(Layout::Visa)
        } else if let Some(single_view) = real_iad::found(root)? {
            Ok(if single_view { Layout::RealIadSv } else { Layout::RealIad })
        } else if !mvtec::products(root)?.is_empty() {
            Ok(Layout::Mvtec)
        } else if coco::file(root, None).is_some() {
            Ok(Layout::Coco)
        } else if !folders::products(root)?.is_empty() {
            Ok(Layout::Folders)
        } else if meta::file(root).is_file() {
            Ok(Layout::Meta)
        } else {
            Err(SampleError::UnknownLayout { root: root.into() })
        }
    }

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
    type Err = SampleError;

    fn from_str(name: &str) -> Result<Self, SampleError> {
        let found = Self::ALL.into_iter().find(|layout| layout.to_string() == name);
        found.ok_or_else(|| SampleError::LayoutName { name: name.into() })
    }
}
