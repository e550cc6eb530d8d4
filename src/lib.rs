//! **dapo-wgpu** finds, localises and names defects in photos, with CLIP and the DAPO method
//! (arXiv 2512.09446), on any Vulkan, Metal or DX12 device, from hand-written WGSL kernels and no
//! machine-learning framework.
//!
//! Imports between the modules point one way only:
//!
//! ```text
//! cli → eval, synth, documents → inspect → dapo, data, lab, metrics, report → clip → autograd → ops → kernels → gpu, files, words
//! ```
//!
//! * [`gpu`] is the only one that names wgpu: adapters, buffers, pipelines, recording, errors.
//! * [`files`] opens files that a user named, and bounds what one may ask of memory; [`words`] counts things in messages.
//! * [`kernels`] describes each kernel with its variants, cost, float64 reference and error bound.
//! * [`ops`] adds shapes, [`autograd`] gradients; [`clip`] composes them into CLIP's two towers.
//! * [`dapo`] detects; [`data`] reads images and data sets; [`metrics`] scores; [`report`] writes; [`lab`] checks and
//!   measures kernels.
//! * [`inspect`] takes photos and gives detections; [`eval`] does so over whole data sets, with figures.
//! * [`documents`] makes what a run leaves for readers, in memory.
//! * `synth` (feature `synth`) generates labelled images.
//! * `cli` (feature `cli`) is the command line, one file per subcommand.
//!
//! All features are on by default, for the program. A program that uses the library depends on it with
//! `default-features = false`, and turns on what it needs: `synth`, `fetch` (downloads of models, `clip::fetch`).
//!
//! `docs/architecture.md` follows one photo through all of them.

// What cannot be written ends nothing: see `cli::say` and `cli::output`.
#![deny(clippy::print_stderr, clippy::print_stdout)]

pub mod autograd;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clip;
pub mod dapo;
pub mod data;
pub mod documents;
pub mod eval;
pub mod files;
pub mod gpu;
pub mod inspect;
pub mod kernels;
pub mod lab;
pub mod metrics;
pub mod ops;
pub mod report;
#[cfg(feature = "synth")]
pub mod synth;
pub mod words;
