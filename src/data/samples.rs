//! Labelled images: which file shows which product with which defect, and where its mask lies.
//!
//! The layouts that are read are those of [`Layout`]. Names are as the files spell them (`metal_nut`); turning them
//! into words is left to whoever asks a model. Images are only listed here, not decoded.

mod coco;
mod error;
mod folders;
mod index;
mod layout;
mod mask;
mod meta;
mod mvtec;
mod problem;
mod real_iad;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod visa;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use error::SampleError;
pub use layout::Layout;
pub use mask::Mask;
pub use problem::Problem;
pub use real_iad::view;

/// One labelled image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The image file.
    pub image: PathBuf,
    /// Where it is defective. A defective image may lack one, see [`Problem::NoMask`]; [`read`] refuses that.
    pub mask: Option<Mask>,
    /// What is shown.
    pub product: String,
    /// The name of the defect; `None` for a good image.
    pub defect: Option<String>,
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
    /// Its name in folders and lists.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }
}

/// What was found below a folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The images, in the order of their relative paths, byte by byte.
    pub samples: Vec<Sample>,
    /// All products, also those without an image.
    pub products: BTreeSet<String>,
    /// What is odd about the data set.
    pub problems: Vec<Problem>,
    /// The file that lists the images, where there is one.
    pub list: Option<PathBuf>,
}

impl Listing {
    /// The images, if training may use them.
    ///
    /// # Errors
    /// The first problem that leaves an image without its file or mask.
    pub fn strict(self) -> Result<Vec<Sample>, SampleError> {
        match self.problems.into_iter().find(Problem::is_fatal) {
            Some(problem) => Err(SampleError::Unusable(problem)),
            None => Ok(self.samples),
        }
    }
}

/// Lists the labelled images below `root` and whatever is wrong with them; `layout` is told from the files when it
/// is `None`. `root` may also be the list itself: a table, or a JSON file.
///
/// # Errors
/// See [`SampleError`]: no known layout, no image, a list that cannot be read.
pub fn list(root: &Path, layout: Option<Layout>, split: Split) -> Result<Listing, SampleError> {
    let layout = layout.map_or_else(|| Layout::of(root), Ok)?;
    let mut listing = match layout {
        Layout::Mvtec => mvtec::read(root, split)?,
        Layout::Index => index::read(&index::table(root))?,
        Layout::Meta => meta::read(&meta::file(root), split)?,
        Layout::Visa => visa::read(root, split)?,
        Layout::RealIad => real_iad::read(root, split, false)?,
        Layout::RealIadSv => real_iad::read(root, split, true)?,
        Layout::Coco => coco::read(root, split)?,
        Layout::Folders => folders::read(root)?,
    };
    if listing.samples.is_empty() {
        return Err(SampleError::no_images(root, layout, split, &listing.problems));
    }
    listing.samples.sort_by_cached_key(|sample| sort_key(&sample.image));
    listing.products.extend(listing.samples.iter().map(|sample| sample.product.clone()));
    Ok(listing)
}

/// As [`list`], for those who need a mask for every defective image.
///
/// # Errors
/// As [`list`], and a defective image without mask, or a list that names files which are not there.
pub fn read(root: &Path, layout: Option<Layout>, split: Split) -> Result<Vec<Sample>, SampleError> {
    list(root, layout, split)?.strict()
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

/// Labels that say that an image is defective, and not how.
const UNNAMED: [&str; 10] =
    ["anomaly", "anomalous", "abnormal", "bad", "ng", "nok", "defect", "defects", "defective", "faulty"];

/// Whether a label says that an image is defective, and not how: `bad`, `NG`, `anomaly` and the like.
pub fn is_unnamed(label: &str) -> bool {
    UNNAMED.iter().any(|unnamed| label.trim().eq_ignore_ascii_case(unnamed))
}

/// The name of a folder, also where it is given as `.`.
pub(super) fn folder_name(folder: &Path) -> String {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = folder.canonicalize();
    let name = real.as_deref().unwrap_or(folder).file_name();
    name.map_or_else(|| "object".into(), |name| name.to_string_lossy().into_owned())
}
