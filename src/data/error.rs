//! Errors of image files. Each message names the file and a fix.

use std::io;
use std::path::PathBuf;

use crate::files::{NotRegular, OverBudget};

/// The formats that can be read, for messages.
pub(crate) const FORMATS: &str = "PNG, JPEG, BMP, TIFF, WebP, PNM";

/// An image that could not be read, or paths without images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The path does not exist.
    #[error("{}: no such file or folder; check the spelling and the current directory", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder (or a device) was given where one image is expected.
    #[error("{}: is not a regular file; name an image in it instead", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The file has no bytes at all.
    #[error("{}: the file is empty (0 bytes); copy or download it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The first bytes belong to no image format that can be read.
    #[error("{}: not a readable image ({detail}); readable formats are {FORMATS}", path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What the content looks like.
        detail: String,
    },
    /// The file ends before its last pixel.
    #[error("{}: the image is cut short ({detail}); copy or download it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// What the decoder reported.
        detail: String,
    },
    /// The content is inconsistent: a wrong checksum, an impossible code, a bad header.
    #[error("{}: the image is damaged ({detail}); restore it from its source or save it anew", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the decoder reported.
        detail: String,
    },
    /// A file with faults that a lenient decoder passes over, such as a missing end; see
    /// [`ReadOptions::lenient`](super::image::ReadOptions::lenient).
    #[error("{error}, or read what there is of it with --lenient")]
    Faulty {
        /// What is wrong.
        error: Box<ImageError>,
    },
    /// A valid file in a coding that is not read.
    #[error("{}: {coding} is not read; convert it to PNG, or to baseline or progressive JPEG", path.display())]
    UnsupportedCoding {
        /// The file.
        path: PathBuf,
        /// The name of the coding.
        coding: String,
    },
    /// A valid file whose samples have no standard conversion to 8 bits, such as floating point TIFF.
    #[error(
        "{}: unsupported kind of pixels ({detail}); scale them to 8- or 16-bit integer gray or RGB and save as PNG",
        path.display()
    )]
    UnsupportedPixels {
        /// The file.
        path: PathBuf,
        /// The kind of its samples.
        detail: String,
    },
    /// More pixels than may be decoded, see [`MAX_PIXELS`](super::image::MAX_PIXELS).
    #[error(
        "{}: {width}x{height} is {} megapixels, above the limit of {} megapixels; cut it into tiles or scale it down first (a photo saved as a TIFF in strips is read in parts)",
        path.display(), u64::from(*width) * u64::from(*height) / 1_000_000, limit / 1_000_000
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Width in the header, in pixels.
        width: u32,
        /// Height in the header, in pixels.
        height: u32,
        /// The limit, in pixels.
        limit: u64,
    },
    /// An image of a shape, or in a file of a length, that no photo has; see [`BUDGET`](crate::files::BUDGET).
    #[error("{}: {width}x{height} pixels {reason}", path.display())]
    Implausible {
        /// The file.
        path: PathBuf,
        /// Width in the header, in pixels.
        width: u32,
        /// Height in the header, in pixels.
        height: u32,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file that asks for more than the [budget](crate::files::BUDGET) has.
    #[error("{}: {source}; cut it into parts, or save it in a compressed format", path.display())]
    OverBudget {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        source: OverBudget,
    },
    /// No image in any of the given paths.
    #[error(
        "{}: no images found; looked for {extensions}{}",
        paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "),
        left_out.iter().map(|line| format!("; {line}")).collect::<String>()
    )]
    NothingFound {
        /// The paths as given.
        paths: Vec<PathBuf>,
        /// The extensions looked for.
        extensions: String,
        /// What there was instead.
        left_out: Vec<String>,
    },
    /// No path was given at all.
    #[error("no image was named; give at least one image file or folder")]
    NoPaths,
    /// An error of the operating system.
    #[error("{}: cannot be read ({source}); check its permissions and the disk", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its cause.
        source: io::Error,
    },
}

impl ImageError {
    /// Maps a system error on `path` to [`NotFound`](Self::NotFound), [`NotAFile`](Self::NotAFile),
    /// [`Truncated`](Self::Truncated) or [`Io`](Self::Io).
    pub(crate) fn from_io(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if NotRegular::is_cause_of(&source) {
            return Self::NotAFile { path };
        }
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            io::ErrorKind::UnexpectedEof => Self::Truncated { path, detail: source.to_string() },
            // Decoders report some of their own errors as I/O errors.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::Corrupt { path, detail: source.to_string() }
            }
            _ => Self::Io { path, source },
        }
    }

    /// The file or folder concerned; `None` where several or no paths are.
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::NotFound { path }
            | Self::NotAFile { path }
            | Self::Empty { path }
            | Self::NotAnImage { path, .. }
            | Self::Truncated { path, .. }
            | Self::Corrupt { path, .. }
            | Self::UnsupportedCoding { path, .. }
            | Self::UnsupportedPixels { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Implausible { path, .. }
            | Self::OverBudget { path, .. }
            | Self::Io { path, .. } => Some(path),
            Self::Faulty { error } => error.path(),
            Self::NothingFound { .. } | Self::NoPaths => None,
        }
    }
}
