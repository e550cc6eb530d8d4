//! Labelled images: which file shows which product with which defect, and where its mask lies.
//!
//! Two layouts are read, see [`Layout`]. Names are as the files spell them (`metal_nut`); turning them into words
//! is left to whoever asks a model. Images are only listed here, not decoded.

mod error;
mod index;
mod mvtec;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use error::SampleError;

/// One labelled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The image file.
    pub image: PathBuf,
    /// Its mask, see [`load_mask`](super::load_mask). A defective image always has one.
    pub mask: Option<PathBuf>,
    /// What is shown.
    pub product: String,
    /// The name of the defect; `None` for a good image.
    pub defect: Option<String>,
}

/// How labels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The folders of MVTec-AD: a product with `test/DEFECT/000.png`, masks in
    /// `ground_truth/DEFECT/000_mask.png` and good images in `test/good` and `train/good`; or a folder of
    /// such products. The extensions of images and masks may be any of [`EXTENSIONS`](super::collect::EXTENSIONS),
    /// and a mask may also go without `_mask`.
    Mvtec,
    /// A table `images.csv` (RFC 4180) whose header names the columns `image`, `mask`, `defect` and, if wanted,
    /// `product`, in any order. Paths are relative to the table. A good image has the defect `good`, `normal` or
    /// none, and needs no mask. Such a table has no splits: each of its images belongs to both.
    Index,
}

impl Layout {
    const ALL: [Layout; 2] = [Layout::Mvtec, Layout::Index];

    /// The layout that `root` has. A table is preferred to folders, since somebody wrote it on purpose.
    ///
    /// # Errors
    /// [`SampleError::UnknownLayout`] when it has none; a folder that cannot be read.
    pub fn of(root: &Path) -> Result<Self, SampleError> {
        if index::table(root).is_file() {
            Ok(Layout::Index)
        } else if !mvtec::products(root)?.is_empty() {
            Ok(Layout::Mvtec)
        } else {
            Err(SampleError::UnknownLayout { root: root.into() })
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Mvtec => "mvtec",
            Layout::Index => "index",
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

/// Which part of a data set. DAPO learns from the test images of one data set and is tested on those of others,
/// because only they show defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// `train`: good images only.
    Train,
    /// `test`: good and defective images.
    Test,
}

impl Split {
    /// The folder's name.
    fn folder(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }
}

/// Lists the labelled images below `root` in the order of their relative paths, byte by byte; `layout` is told
/// from the files when it is `None`.
///
/// # Errors
/// See [`SampleError`]: no known layout, no image, a defective image without mask, a table that does not fit its
/// files.
pub fn read(root: &Path, layout: Option<Layout>, split: Split) -> Result<Vec<Sample>, SampleError> {
    let layout = layout.map_or_else(|| Layout::of(root), Ok)?;
    let mut samples = match layout {
        Layout::Mvtec => mvtec::read(root, split)?,
        Layout::Index => index::read(&index::table(root))?,
    };
    if samples.is_empty() {
        return Err(SampleError::NoImages { root: root.into(), layout, split: split.folder() });
    }
    samples.sort_by_cached_key(|sample| sort_key(&sample.image));
    Ok(samples)
}

/// The parts of a path joined by `/`: an order that does not depend on the system. All images share their root,
/// so comparing whole paths compares relative ones.
fn sort_key(path: &Path) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.iter().map(|part| part.as_encoded_bytes()).collect();
    parts.join(&b'/')
}

/// The defect that a label names; `None` for a good image.
fn defect(label: &str) -> Option<String> {
    let label = label.trim();
    let is_good = label.is_empty() || ["good", "normal"].iter().any(|good| label.eq_ignore_ascii_case(good));
    (!is_good).then(|| label.to_owned())
}

/// The name of a folder, also where it is given as `.`.
fn folder_name(folder: &Path) -> String {
    let real = folder.canonicalize();
    let name = real.as_deref().unwrap_or(folder).file_name();
    name.map_or_else(|| "object".into(), |name| name.to_string_lossy().into_owned())
}
