//! The lines of `watch`: what they were made with, one for each version of a file, and which versions have one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::Failure;
use crate::data::Stamp;
use crate::files::digest;
use crate::report::results::ImageResult;
use crate::report::{Contents, Ledger, LedgerError, Lock, MadeWith};

/// What the first line says.
const SCHEMA: &str = "dapo-wgpu/watch/1";

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Header {
    /// The folder that is watched.
    pub folder: String,
    /// What results depend on.
    #[serde(flatten)]
    pub made_with: MadeWith,
}

/// A line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Line {
    /// The version of the file: a file that is written again is another image.
    pub bytes: u64,
    pub modified_ns: u64,
    #[serde(default)]
    pub changed_ns: u64,
    #[serde(default)]
    pub inode: u64,
    /// What the file holds.
    pub content: String,
    /// The bytes of a name that is not text in UTF-8, as hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    #[serde(flatten)]
    pub result: ImageResult,
}

impl Line {
    /// The line of a version of a file.
    pub fn new(relative: &Path, stamp: Stamp, content: String, result: ImageResult) -> Self {
        let Stamp { bytes, modified_ns, changed_ns, inode } = stamp;
        let hex = || relative.as_os_str().as_encoded_bytes().iter().map(|b| format!("{b:02x}")).collect();
        let path_bytes = relative.to_str().is_none().then(hex);
        Self { bytes, modified_ns, changed_ns, inode, content, path_bytes, result }
    }

    /// The file's path below the watched folder.
    pub fn path(&self) -> PathBuf {
        self.path_bytes.as_deref().and_then(path_of).unwrap_or_else(|| PathBuf::from(self.result.path()))
    }

    /// Its version.
    pub fn stamp(&self) -> Stamp {
        let Self { bytes, modified_ns, changed_ns, inode, .. } = *self;
        Stamp { bytes, modified_ns, changed_ns, inode }
    }
}

#[cfg(unix)]
fn path_of(hex: &str) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let byte = |at: usize| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes = (0..hex.len() / 2).map(byte).collect::<Option<Vec<u8>>>()?;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(_: &str) -> Option<PathBuf> {
    None
}

/// A ledger to write to, which versions have a line, and the files that had one before.
pub type Continued = (Ledger, Done, Vec<(PathBuf, Stamp)>);

/// The ledger before it is known what lines are made with.
pub struct Opened {
    path: PathBuf,
    ledger: Ledger,
    contents: Option<Contents<Header, Line>>,
}

impl Opened {
    /// Opens the file, locked by `FILE.lock` beside it.
    ///
    /// # Errors
    /// [`LedgerError`]: a file that is no ledger of `watch` is left as it is.
    pub fn new(path: &Path) -> Result<Self, LedgerError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let lock = Lock::take(Path::new(&beside))?;
        let (ledger, contents) = Ledger::open(path, lock, SCHEMA)?;
        Ok(Self { path: path.into(), ledger, contents })
    }

    /// Begins a new file, or goes on with one of the same settings. What is done already comes with it.
    ///
    /// # Errors
    /// Other settings; an unwritable file.
    pub fn with(self, header: &Header) -> Result<Continued, Failure> {
        let Self { path, mut ledger, contents } = self;
        let Some(contents) = contents else {
            ledger.begin::<_, Line>(header, &[])?;
            return Ok((ledger, Done::default(), Vec::new()));
        };
        let other_folder = || {
            let (theirs, ours) = (&contents.header.folder, &header.folder);
            (theirs != ours).then(|| ("folder".to_owned(), theirs.clone(), ours.clone()))
        };
        let difference =
            MadeWith::difference(&contents.header.made_with, &header.made_with).or_else(other_folder);
        if let Some((field, theirs, ours)) = difference {
            return Err(Failure::new(format!(
                "{}: its lines were made with another {field}: {theirs}, not {ours}",
                path.display()
            ))
            .hint("choose another file with --out, or repeat the options of its first line"));
        }
        let known = contents.entries.iter().map(|line| (line.path(), line.stamp())).collect();
        let mut done = Done::default();
        contents.entries.iter().for_each(|line| done.add(line));
        Ok((ledger, done, known))
    }
}

/// The last version of each file that has a line.
#[derive(Debug, Default)]
pub struct Done(HashMap<PathBuf, (Stamp, String)>);

impl Done {
    /// Notes a line.
    pub fn add(&mut self, line: &Line) {
        self.0.insert(line.path(), (line.stamp(), line.content.clone()));
    }

    /// Whether a file is the one that has a line, though the system says that something of it has changed: its mode, its
    /// links, or that it was copied with its times.
    pub fn is_same(&self, relative: &Path, stamp: Stamp, file: &Path) -> bool {
        self.0.get(relative).is_some_and(|(known, content)| {
            (known.bytes, known.modified_ns) == (stamp.bytes, stamp.modified_ns) && *content == digest(file)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::results::FailedImage;

    fn line(path: &Path) -> Line {
        let stamp = Stamp { bytes: 1, modified_ns: 2, changed_ns: 3, inode: 4 };
        let text = path.to_string_lossy().into_owned();
        let result = ImageResult::Failed(FailedImage { path: text, error: "no".into(), hint: String::new() });
        Line::new(path, stamp, "00".into(), result)
    }

    #[test]
    fn names_come_back_as_they_were() {
        let mut names = vec![PathBuf::from("a/ü b.png"), PathBuf::from("ff/\u{fffd}.png")];
        #[cfg(unix)]
        for bytes in [&b"a\xff.png"[..], b"a\xfe.png", b"\xff/\xc3\x28"] {
            use std::os::unix::ffi::OsStrExt;
            names.push(std::ffi::OsStr::from_bytes(bytes).into());
        }
        for name in names {
            let text = serde_json::to_string(&line(&name)).expect("JSON");
            let back: Line = serde_json::from_str(&text).expect("a line");
            assert_eq!((back.path(), back.stamp()), (name.clone(), line(&name).stamp()), "{text}");
            assert_eq!(back.path_bytes.is_some(), name.to_str().is_none());
        }
    }
}
