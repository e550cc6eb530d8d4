//! Evaluation of whole data sets: from maps, masks and labels to `metrics.json`.

pub mod assemble;
pub mod image_scores;
pub mod list;
pub mod loaded;
pub mod maps;
pub mod meter;
pub mod score;
pub mod table;
