//! Anomaly detection on top of CLIP: prompts, detection, regions. No type of the device layer appears
//! in any signature here. Functions that compute on the device return its errors.

pub mod alarm;
mod components;
mod detection;
mod detector;
mod ensemble;
mod features;
pub mod learner;
pub mod official;
pub mod prompts;
pub mod reference;
pub mod regions;
pub mod run;
mod scoring;

pub use alarm::{Alarm, AlarmError, Conditions};
pub use detection::Detection;
pub use detector::Detector;
pub use features::{ClassEmbeddings, ImageFeatures, MapChannels};
pub use learner::LearnedDetector;
pub use official::{Checkpoint, CheckpointError};
pub use prompts::{DEFAULT_DEFECTS, Prompts};
pub use reference::{
    Comparison, GoodFeatures, NearestPatch, ReferenceBuilder, ReferenceError, ReferenceOptions, References,
    ReferencesAbout, SCORING, SavedReferences, TOP_PATCHES, Usual,
};
