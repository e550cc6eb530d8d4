//! What is odd about a data set and does not keep it from being used.

use std::fmt;
use std::path::{Path, PathBuf};

/// Something that whoever trusts a number should know. Each names a path and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A defective image whose mask is not there: it counts as an image, not in its pixels.
    NoMask {
        /// The image.
        image: PathBuf,
        /// Its label.
        defect: String,
        /// Where a mask was looked for, or should be named.
        fix: String,
    },
    /// A defective image whose mask shows no defect.
    EmptyMask {
        /// The image.
        image: PathBuf,
    },
    /// A mask of another size than its image. It is scaled as the image is.
    MaskSize {
        /// The image.
        image: PathBuf,
        /// Width and height of the image.
        image_size: (u32, u32),
        /// Width and height of the mask.
        mask_size: (u32, u32),
    },
    /// An image or mask that cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason, which names the file.
        reason: String,
    },
    /// An image with the same bytes as an earlier one.
    Duplicate {
        /// The image.
        image: PathBuf,
        /// The earlier one.
        of: PathBuf,
    },
    /// A list names a file that is not there.
    MissingFile {
        /// The list.
        list: PathBuf,
        /// Where in it.
        place: String,
        /// `image` or `mask`.
        what: &'static str,
        /// The file as the list spells it.
        file: String,
    },
    /// An entry of a list that makes no sense.
    Entry {
        /// The list.
        list: PathBuf,
        /// Where in it.
        place: String,
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// A link that leads nowhere.
    BrokenLink {
        /// The link.
        path: PathBuf,
    },
    /// A product without an image in this split.
    EmptyProduct {
        /// Its folder.
        folder: PathBuf,
    },
    /// An image, or a folder of images, that a rule leaves out.
    Dropped {
        /// The image or folder.
        path: PathBuf,
        /// Why.
        rule: String,
    },
    /// An image with more than one label, which counts as the first.
    SeveralLabels {
        /// The image.
        image: PathBuf,
        /// Its labels.
        labels: Vec<String>,
    },
    /// There is no list of splits, so that every image belongs to both.
    NoSplit {
        /// Where the list was looked for.
        path: PathBuf,
    },
}

impl Problem {
    /// Whether training must not go on: an image without its mask, or a list that does not fit its files.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::NoMask { .. } | Self::MissingFile { .. } | Self::Entry { .. })
    }

    /// The file or folder concerned.
    pub fn path(&self) -> &Path {
        match self {
            Self::NoMask { image, .. }
            | Self::EmptyMask { image }
            | Self::MaskSize { image, .. }
            | Self::Duplicate { image, .. }
            | Self::SeveralLabels { image, .. } => image,
            Self::Unreadable { path, .. }
            | Self::BrokenLink { path }
            | Self::Dropped { path, .. }
            | Self::NoSplit { path } => path,
            Self::MissingFile { list, .. } | Self::Entry { list, .. } => list,
            Self::EmptyProduct { folder } => folder,
        }
    }

    /// The kind of problem, as in `--json`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoMask { .. } => "no_mask",
            Self::EmptyMask { .. } => "empty_mask",
            Self::MaskSize { .. } => "mask_size",
            Self::Unreadable { .. } => "unreadable",
            Self::Duplicate { .. } => "duplicate",
            Self::MissingFile { .. } => "missing_file",
            Self::Entry { .. } => "entry",
            Self::BrokenLink { .. } => "broken_link",
            Self::EmptyProduct { .. } => "empty_product",
            Self::Dropped { .. } => "dropped",
            Self::SeveralLabels { .. } => "several_labels",
            Self::NoSplit { .. } => "no_split",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().display();
        match self {
            Self::NoMask { defect, fix, .. } => {
                write!(f, "{path}: the image shows '{defect}' but has no mask; {fix}")
            }
            Self::EmptyMask { .. } => {
                write!(
                    f,
                    "{path}: the mask of this defective image is empty; draw it, or label the image good"
                )
            }
            Self::MaskSize { image_size: (w, h), mask_size: (mw, mh), .. } => {
                write!(
                    f,
                    "{path}: the image is {w}x{h} and its mask {mw}x{mh}; both are scaled to the same square"
                )
            }
            Self::Unreadable { reason, .. } => f.write_str(reason),
            Self::Duplicate { of, .. } => {
                write!(f, "{path}: the same bytes as {}; remove one of them", of.display())
            }
            Self::MissingFile { place, what, file, .. } => {
                write!(
                    f,
                    "{path}, {place}: {what} {file:?} is not there; copy it, or mend the list (paths are relative to its folder)"
                )
            }
            Self::Entry { place, problem, .. } => write!(f, "{path}, {place}: {problem}"),
            Self::BrokenLink { .. } => {
                write!(f, "{path}: the link leads nowhere; copy the file it stands for")
            }
            Self::EmptyProduct { .. } => {
                write!(f, "{path}: no image of this product; download it again, or remove it")
            }
            Self::Dropped { rule, .. } => write!(f, "{path}: left out: {rule}"),
            Self::SeveralLabels { labels, .. } => {
                let first = labels.first().map_or("", String::as_str);
                write!(f, "{path}: several labels ({}); it counts as '{first}'", labels.join(", "))
            }
            Self::NoSplit { .. } => {
                write!(f, "{path}: there is no such list of splits; every image counts for both splits")
            }
        }
    }
}
