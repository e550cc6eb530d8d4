//! Images and data sets: finding files, decoding them, and turning them into the network's input.
//!
//! The path of one image is [`collect()`] → [`PhotoReader`] → [`Preprocess`] → `[3, size, size]` floats; [`read_ahead()`] runs it
//! on background threads. [`samples`] lists images with their labels and masks, [`sets`] adds the classes of data sets.
//!
//! Resizing and normalising equal Pillow's and torchvision's to the bit (JPEG decoders differ by a few levels), because
//! CLIP was trained on their output and small differences in resampling change anomaly scores.

pub mod arrivals;
pub mod collect;
pub mod depth;
pub mod error;
pub mod image;
mod jpeg;
pub mod left_out;
pub mod names;
pub mod orientation;
pub mod photo;
pub mod preprocess;
pub mod raster;
pub mod read_ahead;
pub mod resize;
pub mod samples;
pub mod sets;
pub mod tally;
pub mod tiles;
mod walk;

pub use arrivals::{Arrivals, Stamp};
pub use collect::{Collected, ImageEntry, collect, collect_outside};
pub use depth::Bits;
pub use error::ImageError;
pub use image::{ReadInfo, ReadOptions, load, load_labels, load_rgb, with_photo};
pub use left_out::{LeftOut, Reason};
pub use names::{short_name, unique_names};
pub use orientation::{Frame, Orient};
pub use photo::{Photo, PhotoReader};
pub use preprocess::{MaskRule, Preprocess, load_mask};
pub use raster::{Mode, Raster};
pub use read_ahead::{ReadAhead, read_ahead};
pub use resize::{Filter, resize};
pub use tally::ReadTally;
pub use tiles::{Tile, Tiling};
pub use walk::looks_like_image;
