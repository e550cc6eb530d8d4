//! From photos to detections: the one way that all verbs of the program, and users of the library, take.
//!
//! An [`Inspector`] holds a [`Detector`](crate::dapo::Detector) and takes image files. Files are decoded once, on
//! threads that read ahead; their inputs (the whole photo, and tiles of large ones) go through the model in full
//! batches; each file comes out in order with its photo and its detection, or with the reason why it could not be
//! read. [`Batches`] is the same for another model or question; a batch whose device was lost goes through the model again
//! on the device that [`Batches::renewing`] opens. [`picture`] draws what was found.

mod batches;
mod boxes;
mod detectors;
mod good;
mod inspector;
mod left_out;
mod part;
pub mod picture;
mod tiles;

pub use batches::{Batches, Inspected, JoinTiles, Model, ReadPhoto, Renew, read_photos};
pub use boxes::{BoxOptions, box_remarks};
pub use detectors::MAX_LOSSES;
pub use good::{GoodError, GoodOptions, GoodPatch, GoodPhotos};
pub use inspector::{DEFAULT_BATCH, InspectError, Inspector, image_features, preprocess};
pub use left_out::left_out;
pub use part::{Part, PartAbout, PartError, SCHEMA as PART_SCHEMA};
pub use tiles::merge;
