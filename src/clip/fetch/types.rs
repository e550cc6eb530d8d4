//! What is downloaded, how far it is, and what can fail.

use std::path::{Path, PathBuf};

/// Environment variable with the address of another hub.
pub const HUB_VARIABLE: &str = "DAPO_HUB_URL";
/// The same variable of the hub's own programs.
pub const ENDPOINT_VARIABLE: &str = "HF_ENDPOINT";

/// A file of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteFile<'a> {
    /// Name in the repository and in the folder; no sub-folders.
    pub name: &'a str,
    /// SHA-256 in hexadecimal, if known. Otherwise the server's is used if it sends one.
    pub sha256: Option<&'a str>,
    /// Git's SHA-1 of it (of `blob LENGTH`, a zero byte and the content) in hexadecimal, if known and there is no SHA-256.
    /// Otherwise the server's is used if it sends one.
    pub blob: Option<&'a str>,
    /// The most bytes that it can have: what a server sends beyond is not taken.
    pub max_bytes: u64,
}

/// Files from one repository at one commit.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Owner and name on the hub.
    pub repo: &'a str,
    /// The commit, so that the files cannot change.
    pub revision: &'a str,
    /// The files.
    pub files: &'a [RemoteFile<'a>],
}

/// The progress of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Bytes on disk, including those of earlier runs.
    pub done: u64,
    /// Total bytes, if the server reports them.
    pub total: Option<u64>,
}

/// A file that is complete in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Whether the SHA-256, or Git's SHA-1 of a small file, was compared with a known one or the server's.
    pub verified: bool,
    /// Whether it existed already and was not downloaded.
    pub kept: bool,
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A repository, revision or file name that could lead out of the repository or the folder.
    #[error(
        "{0:?} is not a valid name of a repository, revision or file; use letters, digits, `.`, `-` and `_`"
    )]
    Name(String),
    /// The server cannot be reached.
    #[error(
        "cannot reach {url}: {reason}. Check the network and the proxy settings, or set {HUB_VARIABLE} to a \
             mirror. Without a network, download by hand:{by_hand}"
    )]
    Connect {
        /// The address.
        url: String,
        /// The operating system's reason.
        reason: String,
        /// Instructions for a manual download: which file goes where.
        by_hand: String,
    },
    /// The server answers, but not with the file.
    #[error("{url}: the server answers {status}; {fix}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What to do.
        fix: &'static str,
    },
    /// The connection was lost more often than it is retried.
    #[error(
        "{url}: the connection broke off after {done} bytes ({reason}); run the same command again to continue"
    )]
    Interrupted {
        /// The address.
        url: String,
        /// Bytes on disk.
        done: u64,
        /// The operating system's reason.
        reason: String,
    },
    /// A repository without a model that can be read.
    #[error("{repo}: it has {missing}; name a repository of a CLIP model")]
    NoModel {
        /// The repository.
        repo: String,
        /// What is missing.
        missing: String,
    },
    /// The server has a different file under this name.
    #[error(
        "{url}: the server offers a file with SHA-256 {announced}, expected {expected}; it is another version or \
             not the original, and has not been downloaded"
    )]
    Announced {
        /// The address.
        url: String,
        /// The server's checksum.
        announced: String,
        /// The known checksum.
        expected: String,
    },
    /// The file is complete but its checksum is wrong.
    #[error(
        "{path}: downloaded {bytes} bytes with SHA-256 {found}, expected {expected}; the download was deleted, run \
             the same command again"
    )]
    Checksum {
        /// Where the file would have gone.
        path: PathBuf,
        /// Bytes received.
        bytes: u64,
        /// The checksum found.
        found: String,
        /// The checksum expected.
        expected: String,
    },
    /// The server sends more than the file can have.
    #[error(
        "{url}: the server sends more than {max_bytes} bytes, which this file does not have; the download was deleted. \
         Check the address of the hub"
    )]
    TooLong {
        /// The address.
        url: String,
        /// The most bytes that are taken.
        max_bytes: u64,
    },
    /// A file without a known checksum that is not what its name says.
    #[error(
        "{url}: the server sends something else ({reason}); it was deleted. Check the address of the hub"
    )]
    Form {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The files did not arrive in time.
    #[error(
        "{url}: the download was not complete after {} minutes; {done} bytes are there. Run the same command again to \
         continue",
        limit.as_secs() / 60
    )]
    Slow {
        /// The address.
        url: String,
        /// Bytes on disk.
        done: u64,
        /// The most time that all files may take together.
        limit: std::time::Duration,
    },
    /// Another process is writing the same file.
    #[error("{path}: another download of this file is running; wait for it or stop it")]
    Busy {
        /// The unfinished file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("{path}: {source}; check the path, its permissions and the free space")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

impl FetchError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        FetchError::Io { path: path.to_owned(), source }
    }
}
