//! What a search for images leaves out, and why.

use std::collections::BTreeMap;
use std::path::Path;

/// Names that are kept of each reason.
const NAMED: usize = 5;

/// Why a file or folder is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A photo by its name, in a format that is not read.
    Format,
    /// A name without extension.
    NoExtension,
    /// The mask of an image that is there.
    Mask,
    /// An overlay or map that `detect` wrote.
    OwnOutput,
    /// Named or linked a second time.
    Repeated,
    /// A hidden photo or folder.
    Hidden,
    /// A link that leads nowhere.
    BrokenLink,
    /// A folder, pipe or device that cannot be read.
    Unreadable,
    /// Not a photo by its name.
    Other,
}

impl Reason {
    /// Its name in `results.json` and `metrics.json`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Format => "format_not_read",
            Self::NoExtension => "no_extension",
            Self::Mask => "mask",
            Self::OwnOutput => "own_output",
            Self::Repeated => "repeated",
            Self::Hidden => "hidden",
            Self::BrokenLink => "broken_link",
            Self::Unreadable => "unreadable",
            Self::Other => "other",
        }
    }

    /// What is said of the files.
    pub fn words(self) -> &'static str {
        match self {
            Self::Format => "in a format that is not read; save as PNG",
            Self::NoExtension => "without an extension",
            Self::Mask => "the mask of an image beside it",
            Self::OwnOutput => "output of detect",
            Self::Repeated => "named or linked before",
            Self::Hidden => "hidden",
            Self::BrokenLink => "a broken link",
            Self::Unreadable => "a folder that cannot be read, or no file",
            Self::Other => "no photo by its name",
        }
    }
}

/// Files of one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub count: usize,
    /// The first few names.
    pub first: Vec<String>,
}

/// What was left out, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<Reason, Group>);

impl LeftOut {
    /// Adds a file or folder.
    pub fn add(&mut self, reason: Reason, path: &Path) {
        let group = self.0.entry(reason).or_default();
        group.count += 1;
        if group.first.len() < NAMED {
            // With `/` on every system.
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            group.first.push(parts.join("/").replacen("//", "/", 1));
        }
    }

    /// Each reason with its files.
    pub fn groups(&self) -> impl Iterator<Item = (Reason, &Group)> {
        self.0.iter().map(|(reason, group)| (*reason, group))
    }

    /// How many files and folders.
    pub fn count(&self) -> usize {
        self.0.values().map(|group| group.count).sum()
    }

    /// One line for each reason; none where nothing was left out.
    pub fn lines(&self) -> Vec<String> {
        let line = |(reason, Group { count, first }): (&Reason, &Group)| {
            let more = if *count > first.len() { ", …" } else { "" };
            format!("{count} left out, {}: {}{more}", reason.words(), first.join(", "))
        };
        self.0.iter().map(line).collect()
    }
}
