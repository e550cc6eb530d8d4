//! Procedural inspection images: labelled pictures of materials and parts, good or with exactly one defect and its mask.
//!
//! Everything is drawn from noise, shapes and light, and on request from photographs of materials ([`Photos`]). A scene (surface, normal wear, visible edges) is changed
//! by a defect, then photographed by a simulated camera (lighting, tone, optics, sensor, compression). Normal variation is
//! drawn on good and defective images alike, so that a model does not mistake it for defects.
//!
//! An image depends on its [`SampleSpec`] only. The same specification gives the same image on one machine whatever the
//! number of threads; between platforms, the last bit of `sin` or `exp` may move single values by one level.

mod board;
mod camera;
mod canvas;
mod catalogue;
mod defect;
mod defects;
mod error;
mod fabrics;
mod hardware;
mod noise;
mod options;
mod photos;
mod pose;
mod render;
mod rng;
mod round_objects;
mod scene;
mod shapes;
mod staging;
mod textures;
mod wear;
mod write;

pub use canvas::SIZE_RANGE;
pub use catalogue::{OBJECTS, ObjectKind, objects};
pub use defect::{Defect, defects};
pub use error::SynthError;
pub use options::{Summary, SynthOptions};
pub use photos::Photos;
pub use render::{MIN_MASK_AT_128, Sample, SampleSpec, render};
pub use write::{write_mvtec, write_shards};
