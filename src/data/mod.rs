//! Images and data sets: finding files, decoding them, and turning them into the network's input.
//!
//! The path of one image is [`collect()`] → [`load`] → [`Preprocess`] → `[3, size, size]` floats; [`load_batches`] runs it
//! on background threads. [`samples`] lists images with their labels and masks, [`sets`] adds the classes of data sets.
//!
//! Resizing and normalising equal Pillow's and torchvision's to the bit (JPEG decoders differ by a few levels), because
//! CLIP was trained on their output and small differences in resampling change anomaly scores.

pub mod arrivals;
pub mod collect;
pub mod error;
pub mod image;
mod jpeg;
pub mod loader;
pub mod preprocess;
pub mod raster;
pub mod resize;
pub mod samples;
pub mod sets;

pub use arrivals::{Arrivals, Stamp};
pub use collect::{ImageEntry, collect};
pub use error::ImageError;
pub use image::{load, load_labels, load_rgb};
pub use loader::{Loaded, LoadedImage, load_batches};
pub use preprocess::{MaskRule, Preprocess, load_mask};
pub use raster::{Mode, Raster};
pub use resize::{Filter, resize};
