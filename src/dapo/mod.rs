//! Anomaly detection on top of CLIP: prompts, detection, regions. No type of the device layer appears
//! in any signature here.

pub mod alarm;
mod components;
pub mod detect;
pub mod learner;
mod looked;
mod looker;
pub mod official;
pub mod prompts;
pub mod regions;
pub mod run;
pub mod tiles;

pub use alarm::{Alarm, AlarmError, Conditions};
pub use detect::{Detection, Detector};
pub use learner::LearnedDetector;
pub use looked::{ClassSet, Looked, Maps};
pub use looker::Looker;
pub use official::{Checkpoint, CheckpointError};
pub use prompts::{DEFAULT_DEFECTS, Prompts};
pub use tiles::{Tile, Tiling};
