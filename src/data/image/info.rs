//! How image files are asked to be read, and what there is to know of how one was.

use crate::data::depth::{Bits, Depth};
use crate::data::orientation::{Frame, Orient};

/// How image files are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReadOptions {
    /// The bits of 16-bit samples.
    pub bits: Bits,
    /// Which way up.
    pub orient: Orient,
    /// Whether JPEG files are read as far as they go, in spite of faults.
    pub lenient: bool,
}

/// What there is to know of how an image file was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadInfo {
    /// What a user would not expect. Images that were read alike have the same notes.
    pub notes: Vec<String>,
    /// Bits of the samples that were used, of a file with more than 8.
    pub bits: Option<u8>,
    /// Its size, and which way up it was read.
    pub frame: Frame,
    /// Side of the squares of pixels that became one, where an image was too large to be kept; else 1.
    pub reduced: u32,
}

impl ReadInfo {
    /// An ordinary image of this size.
    pub fn plain(size: (u32, u32)) -> Self {
        Self { notes: Vec::new(), bits: None, frame: Frame::new(size, 1, Orient::Exif), reduced: 1 }
    }

    /// Takes note of what samples were taken for.
    pub(super) fn add(&mut self, depth: Option<Depth>) {
        self.bits = depth.as_ref().map(|depth| depth.bits);
        self.notes.extend(depth.and_then(|depth| depth.note));
    }

    /// Takes note of alpha that hides this share of the pixels.
    pub(super) fn add_hidden(&mut self, hidden: Option<f64>) {
        let note = hidden.map(|share| match share {
            1.0.. => {
                "its alpha makes every pixel transparent and was ignored: pixels have their stored colours"
            }
            _ => "its alpha makes some pixels transparent and was ignored: pixels have their stored colours",
        });
        self.notes.extend(note.map(str::to_owned));
    }
}
