//! Downloads a model folder from the Hugging Face hub, or a mirror of it.
//!
//! A file goes to `<file>.part` and is renamed when it is complete and its SHA-256 is right, so a
//! file with its proper name is always whole. A download that was cut off continues where it
//! stopped, within a run and from one run to the next.

mod headers;
mod models;
mod transfer;

pub use models::{KNOWN_MODELS, KnownModel, Source};

use std::path::{Path, PathBuf};
use std::time::Duration;
use transfer::Transfer;

/// The hub used unless another is given.
pub const DEFAULT_HUB: &str = "https://huggingface.co";
/// Environment variable with the address of another hub.
pub const HUB_VARIABLE: &str = "DAPO_HUB_URL";

/// A file of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteFile<'a> {
    /// Name in the repository and in the folder; no sub-folders.
    pub name: &'a str,
    /// SHA-256 in hexadecimal, where known. Otherwise the server's is used if it names one.
    pub sha256: Option<&'a str>,
}

/// How far a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file's name.
    pub file: &'a str,
    /// Bytes on disk, those of earlier runs included.
    pub done: u64,
    /// Bytes in all, if the server says.
    pub total: Option<u64>,
}

/// A file that is now in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// Whether the SHA-256 was compared with a known or announced one.
    pub verified: bool,
    /// Whether it was there before and has not been downloaded.
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
        /// What the system says.
        reason: String,
        /// Lines that say which file goes where.
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
    /// The connection broke off, more often than it is retried.
    #[error(
        "{url}: the connection broke off after {done} bytes ({reason}); run the same command again to continue"
    )]
    Interrupted {
        /// The address.
        url: String,
        /// Bytes on disk.
        done: u64,
        /// What the system says.
        reason: String,
    },
    /// The server has another file under this name than the one expected.
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
    /// The file arrived whole but wrong.
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
        /// What the system says.
        source: std::io::Error,
    },
}

impl FetchError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        FetchError::Io { path: path.to_owned(), source }
    }
}

/// A server with the hub's addresses, `{base}/{repo}/resolve/{revision}/{file}`.
#[derive(Debug, Clone)]
pub struct Hub {
    base: String,
    agent: ureq::Agent,
    /// Fruitless attempts at a file before giving up.
    attempts: u32,
    pause: Duration,
}

impl Hub {
    /// The hub at `base`, else at the address in `DAPO_HUB_URL`, else at [`DEFAULT_HUB`].
    pub fn new(base: Option<&str>) -> Self {
        let base = base
            .map(str::to_owned)
            .or_else(|| std::env::var(HUB_VARIABLE).ok().filter(|url| !url.trim().is_empty()))
            .unwrap_or_else(|| DEFAULT_HUB.to_owned());
        let base = base.trim().trim_end_matches('/').to_owned();
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Redirections are followed by hand: the checksum stands in the headers of the first
            // answer, the file comes from another server.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
        if base.starts_with("http://127.0.0.1") || base.starts_with("http://localhost") {
            config = config.proxy(None); // a proxy cannot reach a mirror on this machine
        }
        let agent = config.build().new_agent();
        Hub { base, agent, attempts: 5, pause: Duration::from_secs(2) }
    }

    /// Gives up after `attempts` attempts in a row that bring nothing, with `pause` between them.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32, pause: Duration) -> Self {
        (self.attempts, self.pause) = (attempts, pause);
        self
    }

    /// Address of a file.
    pub fn url(&self, repo: &str, revision: &str, file: &str) -> String {
        format!("{}/{repo}/resolve/{revision}/{file}", self.base)
    }

    /// Brings `files` of `repo` at `revision` into the folder `out`, which is made if need be. Files
    /// that are there already are kept if their checksum is right or unknown.
    ///
    /// # Errors
    /// Everything in [`FetchError`]. Files that were complete before the error stay.
    pub fn fetch(
        &self,
        repo: &str,
        revision: &str,
        files: &[RemoteFile],
        out: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Fetched>, FetchError> {
        self.fetch_all(&[(repo, revision, files)], out, progress)
    }

    /// Brings all files of a known model into the folder `out`.
    ///
    /// # Errors
    /// As [`Hub::fetch`].
    pub fn fetch_model(
        &self,
        model: &KnownModel,
        out: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Fetched>, FetchError> {
        let sources: Vec<_> = model.sources.iter().map(|s| (s.repo, s.revision, s.files)).collect();
        self.fetch_all(&sources, out, progress)
    }

    /// [`Hub::fetch`] for several repositories: each with its revision and files.
    fn fetch_all(
        &self,
        sources: &[(&str, &str, &[RemoteFile])],
        out: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Fetched>, FetchError> {
        let mut jobs = Vec::new();
        for &(repo, revision, files) in sources {
            check_name(repo, true)?;
            check_name(revision, true)?;
            for file in files {
                check_name(file.name, false)?;
                jobs.push((self.url(repo, revision, file.name), file));
            }
        }
        std::fs::create_dir_all(out).map_err(|e| FetchError::io(out, e))?;
        let mut fetched = Vec::with_capacity(jobs.len());
        for (index, (url, file)) in jobs.iter().enumerate() {
            let transfer =
                Transfer { hub: self, url: url.clone(), name: file.name, expected: file.sha256, out };
            fetched.push(transfer.run(progress).map_err(|error| match error {
                FetchError::Connect { url, reason, .. } => {
                    let line = |(url, file): &(String, &RemoteFile)| {
                        format!("\n  {url}\n    to {}", out.join(file.name).display())
                    };
                    FetchError::Connect { url, reason, by_hand: jobs[index..].iter().map(line).collect() }
                }
                other => other,
            })?);
        }
        Ok(fetched)
    }
}

/// Brings `files` of `repo` at `revision` into the folder `out`; see [`Hub::new`] and [`Hub::fetch`].
///
/// # Errors
/// As [`Hub::fetch`].
pub fn fetch(
    repo: &str,
    revision: &str,
    files: &[RemoteFile],
    out: &Path,
    base_url: Option<&str>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Fetched>, FetchError> {
    Hub::new(base_url).fetch(repo, revision, files, out, progress)
}

/// Names become parts of addresses and paths, so they may hold nothing with a meaning in either.
fn check_name(name: &str, folders: bool) -> Result<(), FetchError> {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    let good = if folders { name.split('/').all(part) } else { part(name) };
    if good { Ok(()) } else { Err(FetchError::Name(name.into())) }
}

#[cfg(test)]
mod tests;
