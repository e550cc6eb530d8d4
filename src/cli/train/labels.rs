//! The images of a run and their classes.

use super::feed::LabelledImage;
use crate::cli::Failure;
use crate::cli::say::say;
use crate::dapo::Prompts;
use crate::dapo::run::RunConfig;
use crate::data::samples::{Listing, Problem, Sample};

/// The images. Problems that do not matter for training are printed as notes.
///
/// # Errors
/// A defective image without mask, or a list that names files which are not there.
pub fn usable(listing: Listing) -> Result<Vec<Sample>, Failure> {
    const SHOWN: usize = 10;
    let odd: Vec<&Problem> = listing.problems.iter().filter(|problem| !problem.is_fatal()).collect();
    for problem in odd.iter().take(SHOWN) {
        say!("note: {problem}");
    }
    if odd.len() > SHOWN {
        say!("note: and {} more; dapo-wgpu data inspect lists all", odd.len() - SHOWN);
    }
    Ok(listing.strict()?)
}

/// The images with their classes.
///
/// # Errors
/// A label without a class, no defect at all, or a name that detection would refuse.
pub fn labelled(found: &[Sample], run: &mut RunConfig) -> Result<Vec<LabelledImage>, Failure> {
    let classes = run.classes(found.iter().filter_map(|s| s.defect.as_deref())).map_err(|e| {
        Failure::new(e.to_string()).hint("name it in --defects, or as a label of a class in the settings")
    })?;
    if run.defects.is_empty() {
        return Err(Failure::new("the data set shows no defect, and none is named")
            .hint("DAPO learns from images with defects and masks; see docs/training.md for the layouts"));
    }
    // What detection would refuse is refused before the training.
    Prompts::new(None, &run.test_names())?;
    let class = |s: &Sample| s.defect.as_ref().map_or(0, |d| classes[d]);
    let image = |s: &Sample| LabelledImage { image: s.image.clone(), mask: s.mask.clone(), class: class(s) };
    Ok(found.iter().map(image).collect())
}
