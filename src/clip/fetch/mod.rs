//! Downloads a model folder from the Hugging Face hub, or a mirror of it.
//!
//! A file goes to `<file>.part` and is renamed when it is complete and its SHA-256 is right, so a
//! file with its final name is always complete. An interrupted download continues where it stopped, within a run
//! and in the next one.

mod headers;
mod leftovers;
mod models;
mod transfer;
mod types;

pub use models::{KNOWN_MODELS, KnownModel};
pub use types::{FetchError, Fetched, HUB_VARIABLE, Progress, RemoteFile, Source};

use std::path::Path;
use std::time::{Duration, Instant};
use transfer::{Client, Transfer};

/// The hub used unless another is given.
pub const DEFAULT_HUB: &str = "https://huggingface.co";

/// The most time that all files of a model may take: 1.7 GB at 80 kB/s.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// A server with the hub's addresses, `{base}/{repo}/resolve/{revision}/{file}`.
#[derive(Debug, Clone)]
pub struct Hub {
    base: String,
    client: Client,
}

impl Hub {
    /// The hub at `base`, or at the address in `DAPO_HUB_URL`, or at [`DEFAULT_HUB`].
    pub fn new(base: Option<&str>) -> Self {
        let base = base
            .map(str::to_owned)
            .or_else(|| std::env::var(HUB_VARIABLE).ok().filter(|url| !url.trim().is_empty()))
            .unwrap_or_else(|| DEFAULT_HUB.to_owned());
        let base = base.trim().trim_end_matches('/').to_owned();
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Redirections are followed here: the checksum is in the headers of the first response, the file
            // comes from another server.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
        if base.starts_with("http://127.0.0.1") || base.starts_with("http://localhost") {
            config = config.proxy(None); // a proxy cannot reach a mirror on this machine
        }
        let agent = config.build().new_agent();
        Hub { base, client: Client { agent, attempts: 5, pause: Duration::from_secs(2), limit: LIMIT } }
    }

    /// Gives up when all files together have not arrived after this time.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.client.limit = limit;
        self
    }

    /// Gives up after `attempts` consecutive attempts without progress, with `pause` between them.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32, pause: Duration) -> Self {
        (self.client.attempts, self.client.pause) = (attempts, pause);
        self
    }

    /// Address of a file.
    pub fn url(&self, repo: &str, revision: &str, file: &str) -> String {
        format!("{}/{repo}/resolve/{revision}/{file}", self.base)
    }

    /// Downloads all files of `sources` into the folder `out`, which is created if needed. Files that exist
    /// already are kept if their checksum is right; those without a known one, if they can be what they should be.
    ///
    /// # Errors
    /// Everything in [`FetchError`]. Files that were complete before the error are kept, and the part of one whose
    /// checksum is known, to be continued; nothing else is left.
    pub fn fetch(
        &self,
        sources: &[Source],
        out: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Fetched>, FetchError> {
        let mut jobs = Vec::new();
        for &Source { repo, revision, files } in sources {
            check_name(repo, true)?;
            check_name(revision, true)?;
            for file in files {
                check_name(file.name, false)?;
                jobs.push((self.url(repo, revision, file.name), file));
            }
        }
        let is_new = !out.exists();
        std::fs::create_dir_all(out).map_err(|e| FetchError::io(out, e))?;
        let begun = Instant::now();
        let mut fetched = Vec::with_capacity(jobs.len());
        for (index, (url, file)) in jobs.iter().enumerate() {
            let transfer = Transfer {
                client: &self.client,
                url: url.clone(),
                name: file.name,
                expected: file.sha256,
                max_bytes: file.max_bytes,
                begun,
                out,
            };
            let error = match transfer.run(progress) {
                Ok(file) => {
                    fetched.push(file);
                    continue;
                }
                Err(error) => error,
            };
            if is_new {
                std::fs::remove_dir(out).ok(); // which fails where there is something in it
            }
            let line = |(url, file): &(String, &RemoteFile)| {
                format!("\n  {url}\n    to {}", out.join(file.name).display())
            };
            return Err(match error {
                FetchError::Connect { url, reason, .. } => {
                    FetchError::Connect { url, reason, by_hand: jobs[index..].iter().map(line).collect() }
                }
                other => other,
            });
        }
        Ok(fetched)
    }
}

/// Refuses characters with a special meaning in URLs or paths, which names become parts of.
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
