//! Labelled images.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::mask::Mask;
use super::problem::Problem;

/// One labelled image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The image file.
    pub image: PathBuf,
    /// Its ground truth. A defective image may lack one, see [`Problem::NoMask`]; [`read`](super::read) refuses that.
    pub mask: Option<Mask>,
    /// Name of the product.
    pub product: String,
    /// The name of the defect; `None` for a good image.
    pub defect: Option<String>,
}

/// The labelled images below a folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The images, in the order of their relative paths, byte by byte.
    pub samples: Vec<Sample>,
    /// All products, also those without an image.
    pub products: BTreeSet<String>,
    /// Problems of the data set.
    pub problems: Vec<Problem>,
    /// The file that lists the images, where there is one.
    pub list: Option<PathBuf>,
}

impl Listing {
    /// The images, if each has its file, and each defective one its mask.
    ///
    /// # Errors
    /// [`SampleError::Unusable`] with the first problem for which [`Problem::is_fatal`].
    pub fn strict(self) -> Result<Vec<Sample>, SampleError> {
        match self.problems.into_iter().find(Problem::is_fatal) {
            Some(problem) => Err(SampleError::Unusable(problem)),
            None => Ok(self.samples),
        }
    }
}

/// The name of a folder, resolved if it is given as `.`.
pub(in crate::data) fn folder_name(folder: &Path) -> String {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let real = folder.canonicalize();
    let name = real.as_deref().unwrap_or(folder).file_name();
    name.map_or_else(|| "object".into(), |name| name.to_string_lossy().into_owned())
}
