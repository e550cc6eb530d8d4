//! Problems of a data set that do not prevent its use.

use std::fmt;
use std::path::{Path, PathBuf};

use super::remark::MaskRemark;
use crate::data::left_out::Reason;
use crate::words::plural;

/// A problem that may affect results. Each message names a path and a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A defective image without mask: it is part of the image metrics, not of the pixel metrics.
    NoMask {
        /// The image.
        image: PathBuf,
        /// Its label.
        defect: String,
        /// Where a mask is expected, or should be named.
        fix: String,
    },
    /// A defective image with an empty mask.
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
    /// A mask that is odd in another way.
    Mask {
        /// The image.
        image: PathBuf,
        /// What is odd.
        remark: MaskRemark,
    },
    /// A mask whose defects vanish when it is scaled to the size of a model's images.
    MaskVanishes {
        /// The image.
        image: PathBuf,
        /// The largest usual size at which they do, in pixels.
        size: u32,
    },
    /// A box that reaches beyond its image: it is cut off there.
    BoxOutside {
        /// The image.
        image: PathBuf,
        /// Width and height of the image, as its list says.
        size: (u32, u32),
        /// The box: left edge, upper edge, width and height.
        shape: String,
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
    /// A list names a file that does not exist.
    MissingFile {
        /// The list.
        list: PathBuf,
        /// Where in it.
        place: String,
        /// `image` or `mask`.
        what: &'static str,
        /// The file as spelled in the list.
        file: String,
    },
    /// An invalid entry of a list.
    Entry {
        /// The list.
        list: PathBuf,
        /// Where in it.
        place: String,
        /// What is wrong and how to fix it.
        problem: String,
    },
    /// A broken link.
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
    /// A file or folder that is no image to look at.
    LeftOut {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        reason: Reason,
    },
    /// An image with more than one label; the first is used.
    SeveralLabels {
        /// The image.
        image: PathBuf,
        /// Its labels.
        labels: Vec<String>,
    },
    /// A label that counts as a defect and looks like a word for "good".
    LikeGood {
        /// The first image that has it.
        image: PathBuf,
        /// How many have it.
        images: usize,
        /// The label.
        label: String,
        /// The word.
        word: String,
    },
    /// There is no list of splits, so every image belongs to both.
    NoSplit {
        /// Where the list is expected.
        path: PathBuf,
    },
}

impl Problem {
    /// Whether it makes training impossible: an image without its mask, or a list that does not match its files.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::NoMask { .. } | Self::MissingFile { .. } | Self::Entry { .. })
    }

    /// The file or folder concerned.
    pub fn path(&self) -> &Path {
        match self {
            Self::NoMask { image, .. }
            | Self::EmptyMask { image }
            | Self::MaskSize { image, .. }
            | Self::BoxOutside { image, .. }
            | Self::Mask { image, .. }
            | Self::MaskVanishes { image, .. }
            | Self::Duplicate { image, .. }
            | Self::LikeGood { image, .. }
            | Self::SeveralLabels { image, .. } => image,
            Self::Unreadable { path, .. }
            | Self::BrokenLink { path }
            | Self::Dropped { path, .. }
            | Self::LeftOut { path, .. }
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
            Self::Mask { remark, .. } => remark.code(),
            Self::MaskVanishes { .. } => "mask_vanishes",
            Self::BoxOutside { .. } => "box_outside",
            Self::Unreadable { .. } => "unreadable",
            Self::Duplicate { .. } => "duplicate",
            Self::MissingFile { .. } => "missing_file",
            Self::Entry { .. } => "entry",
            Self::BrokenLink { .. } => "broken_link",
            Self::EmptyProduct { .. } => "empty_product",
            Self::Dropped { .. } => "dropped",
            Self::LeftOut { .. } => "left_out",
            Self::SeveralLabels { .. } => "several_labels",
            Self::LikeGood { .. } => "like_good",
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
            Self::Mask { remark, .. } => write!(f, "{path}: {}", remark.words()),
            Self::MaskVanishes { size, .. } => write!(
                f,
                "{path}: its mask shows nothing at {size} px, the size of the images of some models; take a larger \
                 --image-size"
            ),
            Self::BoxOutside { size: (w, h), shape, .. } => write!(
                f,
                "{path}: the box {shape} reaches beyond the image of {w}x{h} and is cut off; was it drawn on an image of \
                 another size or orientation?"
            ),
            Self::Unreadable { reason, .. } => f.write_str(reason),
            Self::Duplicate { of, .. } => {
                write!(f, "{path}: the same bytes as {}; remove one of them", of.display())
            }
            Self::MissingFile { place, what, file, .. } => {
                write!(
                    f,
                    "{path}, {place}: {what} {file:?} does not exist; copy it, or correct the list (paths are relative to its folder)"
                )
            }
            Self::Entry { place, problem, .. } => write!(f, "{path}, {place}: {problem}"),
            Self::BrokenLink { .. } => {
                write!(f, "{path}: the link is broken; copy the file it refers to")
            }
            Self::EmptyProduct { .. } => {
                write!(f, "{path}: no image of this product; download it again, or remove it")
            }
            Self::Dropped { rule, .. } => write!(f, "{path}: left out: {rule}"),
            Self::LeftOut { reason, .. } => write!(f, "{path}: left out: {}", reason.words()),
            Self::SeveralLabels { labels, .. } => {
                let first = labels.first().map_or("", String::as_str);
                write!(f, "{path}: several labels ({}); it counts as '{first}'", labels.join(", "))
            }
            Self::LikeGood { images, label, word, .. } => {
                write!(
                    f,
                    "{path}: the label '{label}' ({}) counts as a defect, though it looks like '{word}'; if it means good, add it \
                     with --good-words '{label}'; if not, name its class in a --description",
                    plural(*images, "image")
                )
            }
            Self::NoSplit { .. } => {
                write!(f, "{path}: there is no such list of splits; every image counts for both splits")
            }
        }
    }
}
