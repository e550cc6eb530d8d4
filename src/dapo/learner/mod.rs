//! DAPO's learner (arXiv 2512.09446): learned context words in prompts for "normal" and for defects,
//! learned tokens in every layer of both towers, and adapters for patch tokens. CLIP itself is frozen.
//!
//! [`config`] has the hyper-parameters; [`parameters`] holds the values on the host under the [`names`] of the
//! official checkpoints, `init.rs` their initial values; [`prompts`] makes token ids; `forward.rs` is the model on a
//! tape; [`train`] takes steps; [`detect`] detects with the result. `examples/train.rs` trains one.
//!
//! Functions that take a model or a tape return the device's errors too; `# Errors` sections list the others.

mod batch;
pub mod checkpoint;
pub mod config;
pub mod description;
pub mod detect;
mod encode;
mod error;
mod forward;
mod gradients;
mod init;
pub mod memory;
pub mod names;
mod options;
pub mod parameters;
pub mod prompts;
pub mod train;

pub use batch::Batch;
pub use config::{ImageScore, LearnerConfig, Method, Pooling, Rates, TextMask};
pub use description::{Description, LearnerFile, ModelShape};
pub use detect::LearnedDetector;
pub use error::DapoError;
pub use parameters::{LearnerError, Parameters, Values};
pub use train::{Losses, Snapshot, Trainer};
