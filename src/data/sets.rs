//! Data sets: labelled images together with the classes of their defects.
//!
//! A [`Description`] maps the labels of the files to classes, and lists the classes of each product. Descriptions of
//! published data sets are built in, see `configs/datasets`; without one, the classes are the labels in words
//! (`bent_lead` is "bent lead").

mod apply;
mod class;
mod data_set;
mod description;
pub mod inspect;
mod open;
#[cfg(test)]
mod tests;

pub use super::samples::{Layout, Mask, Problem, Sample, SampleError, Split};
pub use class::Class;
pub use data_set::DataSet;
pub use description::{Description, Expected, Totals};
pub use open::{Opened, open, open_with};
