//! What a run leaves for readers, made in memory: the results of photos, and the roofline of a benchmark.
//!
//! The program writes these to files, and a page of the browser offers them for download; both call this, so that they are
//! the same documents.

mod bench;
mod detection;

pub use bench::roofline;
pub use detection::{DetectionRun, adapter, model};
