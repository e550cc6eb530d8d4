//! What must be the same of a data set when a run goes on: names, labels, and what the files hold.

use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::files::RunFolder;
use crate::cli::Failure;
use crate::cli::reading::ReadArgs;
use crate::dapo::learner::checkpoint::RunState;
use crate::data::samples::{Mask, Sample};
use crate::files::{self, digest_of};

/// The images of a run.
#[derive(Debug)]
pub struct Data {
    /// Names and labels.
    list: String,
    /// What each image and its mask hold.
    contents: Vec<String>,
    /// How images are read.
    reading: String,
}

impl Data {
    /// Reads all files.
    pub fn new(root: &Path, found: &[Sample], reading: &ReadArgs) -> Self {
        Self { list: digest(root, found), contents: contents(root, found), reading: reading.difference() }
    }

    /// A line for each image.
    pub fn contents(&self) -> &[String] {
        &self.contents
    }

    /// All of it in a line.
    pub fn text(&self) -> String {
        format!("{}+{}{}", self.list, digest_of(self.contents.join("\n").as_bytes()), self.reading)
    }

    /// Compares with what a run began with.
    ///
    /// # Errors
    /// Other images, other options, images or masks that have changed.
    pub fn check(&self, state: &RunState, root: &Path, folder: &RunFolder) -> Result<(), Failure> {
        let Some(then) = state.data.strip_prefix(&self.list) else {
            return Err(Failure::new(format!(
                "{}: these are not the images that the run began with",
                root.display()
            ))
            .hint(format!("give the same --data as then ({}), or begin a new run", state.data_folder)));
        };
        if then.find(' ').map_or("", |at| &then[at..]) != self.reading {
            return Err(Failure::new("--bits, --orient and --lenient are not those that the run began with")
                .hint("give the same as then; a run goes on with the settings it began with"));
        }
        // Checkpoints of earlier versions say nothing of contents.
        if then.starts_with('+') && state.data != self.text() {
            let names = folder.changed(&self.contents).join(", ");
            let names = if names.is_empty() { names } else { format!(" ({names})") };
            return Err(Failure::new(format!(
                "{}: images or masks have changed since the run began{names}",
                root.display()
            ))
            .hint("restore them, or begin a new run"));
        }
        Ok(())
    }
}

/// Names and labels, in order.
fn digest(root: &Path, found: &[Sample]) -> String {
    let mut hash = Sha256::new();
    for sample in found {
        let name = sample.image.strip_prefix(root).unwrap_or(&sample.image);
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(sample.defect.as_deref().unwrap_or_default());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// What the files of the images hold, and those of their masks: a line for each image.
fn contents(root: &Path, found: &[Sample]) -> Vec<String> {
    let line = |sample: &Sample| {
        let name = sample.image.strip_prefix(root).unwrap_or(&sample.image).display().to_string();
        let mask = match &sample.mask {
            Some(Mask::File(mask)) => format!("+{}", files::digest(mask)),
            Some(boxes @ Mask::Boxes { .. }) => format!("+{}", digest_of(format!("{boxes:?}").as_bytes())),
            None => String::new(),
        };
        format!("{}{mask} {name}", files::digest(&sample.image))
    };
    found.par_iter().map(line).collect()
}
