//! Evaluation of whole data sets: from maps, masks and labels to `metrics.json`.

pub mod assemble;
