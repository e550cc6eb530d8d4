//! A data set in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::class::{Class, class_of};
use crate::data::samples::{Layout, Problem, Sample};

/// The images of one split of a data set, and the classes of its defects.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// The name in its description, or that of its folder.
    pub name: String,
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// Its layout.
    pub layout: Layout,
    /// The images, sorted by relative path. Defective ones may lack a mask.
    pub samples: Vec<Sample>,
    /// All classes of defects in order, for the decision good or defective.
    pub classes: Vec<Class>,
    /// The classes of each product in order, as indices, for the type of defect. Empty where types are unknown: the
    /// product has no defects, or its labels do not name them (`bad`).
    pub products: BTreeMap<String, Vec<usize>>,
    /// Problems found in names and lists; [`inspect`](super::inspect::inspect) also reads the files.
    pub problems: Vec<Problem>,
}

impl DataSet {
    /// The index of the class of a sample; `None` for a good one.
    pub fn class_of(&self, sample: &Sample) -> Option<usize> {
        class_of(&self.classes, sample.defect.as_deref()?)
    }
}
