//! Errors of the generator.

use std::io;
use std::path::PathBuf;

use super::canvas::SIZE_RANGE;
use crate::words::plural;

/// Largest number of images of one kind: the list of what to draw is made before the first is drawn.
pub(super) const MAX_COUNT: usize = 100_000;

/// An error of the generator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SynthError {
    /// An object name that is not in the catalogue.
    #[error("unknown object '{name}'; known objects: {known}")]
    UnknownObject {
        /// As given.
        name: String,
        /// All names, comma-separated.
        known: String,
    },
    /// A defect name that is not in the catalogue.
    #[error("unknown defect '{name}'; known defects: {known}")]
    UnknownDefect {
        /// As given.
        name: String,
        /// All names, comma-separated.
        known: String,
    },
    /// An image size outside the supported range.
    #[error("size {size} is outside {}..={}", SIZE_RANGE.start(), SIZE_RANGE.end())]
    Size {
        /// As given, in pixels.
        size: usize,
    },
    /// A folder to be replaced that was not made by this generator.
    #[error(
        "{path}: not made by `dapo-wgpu synth`, so --overwrite does not delete it; choose another --out or remove it yourself"
    )]
    NotOurs {
        /// The folder or file.
        path: PathBuf,
    },
    /// An unreasonably large number of images.
    #[error("{} of one kind are too many; ask for at most {MAX_COUNT}", plural(*.count, "image"))]
    Count {
        /// As given.
        count: usize,
    },
    /// A chosen object that can have none of the chosen defects.
    #[error("none of the chosen defects can occur on '{object}'; it can have: {possible}")]
    NothingPossible {
        /// The object.
        object: String,
        /// Its defects, comma-separated.
        possible: String,
    },
    /// A share that is not in 0–1.
    #[error("the share of good images must lie in 0..=1, not {value}")]
    GoodFraction {
        /// As given.
        value: f64,
    },
    /// The output folder is not empty.
    #[error("{} exists and is not empty; choose another folder or allow overwriting", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// File or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// An image could not be encoded or written.
    #[error("cannot write the image {}: {source}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: image::ImageError,
    },
}
