//! Labelled images: which file shows which product with which defect, and where its mask is.
//!
//! The layouts that are read are those of [`Layout`]. Names are spelled as in the files (`metal_nut`). Images are only
//! listed here, not decoded.
//!
//! ```
//! use dapo_wgpu::data::samples::{Split, list};
//!
//! let root = tempfile::tempdir()?;
//! for file in ["nut/test/good/000.png", "nut/test/bent/000.png", "nut/ground_truth/bent/000_mask.png"] {
//!     let path = root.path().join(file);
//!     std::fs::create_dir_all(path.parent().expect("a folder"))?;
//!     std::fs::write(path, "not decoded")?;
//! }
//! let listing = list(root.path(), None, Split::Test)?; // detected: Layout::Mvtec
//! let defects: Vec<Option<&str>> = listing.samples.iter().map(|sample| sample.defect.as_deref()).collect();
//! assert_eq!(defects, [Some("bent"), None]);
//! assert!(listing.problems.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boxes;
mod coco;
mod error;
mod folders;
mod ground;
mod index;
mod layout;
mod list;
mod lost;
mod mask;
mod meta;
mod mvtec;
mod problem;
mod real_iad;
mod remark;
mod sample;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod visa;
mod words;

pub use error::SampleError;
pub use layout::{Layout, Split, UnknownLayoutName};
pub use list::{detect_layout, detect_layout_with, list, list_with, read};
pub use mask::{Mask, MaskPixels, Truth, same_shape};
pub use problem::Problem;
pub use real_iad::view;
pub use remark::MaskRemark;
pub(super) use sample::folder_name;
pub use sample::{Listing, Sample};
pub(crate) use table::{Lines, delimiter};
pub use words::{GoodWords, is_unnamed};
