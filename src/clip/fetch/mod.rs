//! Downloads a model folder from the Hugging Face hub, or a mirror of it.
//!
//! A file goes to `<file>.part` and is renamed when it is complete and its SHA-256 is right, so a
//! file with its final name is always complete. An interrupted download continues where it stopped, within a run
//! and in the next one.

mod headers;
mod leftovers;
mod models;
mod repository;
mod transfer;
mod types;

pub use models::{KNOWN_MODELS, KnownModel};
pub use repository::{Listed, Repository, Selection, hub_cache};
pub use types::{ENDPOINT_VARIABLE, FetchError, Fetched, HUB_VARIABLE, Progress, RemoteFile, Source};

use std::path::{Path, PathBuf};
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
    /// The cache of the hub's own programs.
    cache: Option<PathBuf>,
}

impl Hub {
    /// The hub at `base`, or at the address in `DAPO_HUB_URL` or `HF_ENDPOINT`, or at [`DEFAULT_HUB`]; with the user's token
    /// for it, if there is one.
    pub fn new(base: Option<&str>) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|url| !url.trim().is_empty());
        let base = base
            .map(str::to_owned)
            .or_else(|| variable(HUB_VARIABLE))
            .or_else(|| variable(ENDPOINT_VARIABLE))
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
        let (attempts, pause, token) = (5, Duration::from_secs(2), repository::token());
        let client = Client { agent, base: base.clone(), token, attempts, pause, limit: LIMIT };
        Hub { base, client, cache: hub_cache() }
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

    /// Looks for files in this folder before it downloads them, which is laid out as the cache of the hub's own programs is,
    /// and uses this token.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<PathBuf>, token: Option<String>) -> Self {
        (self.cache, self.client.token) = (cache, token);
        self
    }

    /// What a repository holds at a branch, tag or commit; as the hub's own cache knows it where the hub cannot be reached.
    ///
    /// # Errors
    /// [`FetchError`]: names that are none, a repository that is not there or not open to this user, an answer that is
    /// none.
    pub fn repository(&self, name: &str, revision: &str) -> Result<Repository, FetchError> {
        check_name(name, true)?;
        check_name(revision, true)?;
        let url = format!("{}/api/models/{name}/revision/{revision}?blobs=true", self.base);
        match self.client.get(&url, repository::MAX_ANSWER) {
            Ok(answer) => repository::listed(&url, name, &answer),
            Err(error @ FetchError::Connect { .. }) => {
                let cached = self.cache.as_ref().and_then(|cache| repository::cached(cache, name, revision));
                cached.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Downloads the chosen files of a repository into a folder, and OpenAI's tokenizer where the repository has none.
    ///
    /// # Errors
    /// As [`Hub::fetch`].
    pub fn fetch_selection(
        &self,
        repository: &Repository,
        selection: &Selection,
        out: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<Fetched>, FetchError> {
        let files: Vec<RemoteFile<'_>> = selection
            .files
            .iter()
            .map(|file| RemoteFile {
                name: &file.name,
                sha256: file.sha256.as_deref(),
                blob: file.blob.as_deref(),
                max_bytes: file.bytes,
            })
            .collect();
        let (repo, revision, tokenizer) = repository::FOREIGN_TOKENIZER;
        let mut sources =
            vec![Source { repo: &repository.name, revision: &repository.revision, files: &files }];
        if selection.foreign_tokenizer {
            sources.push(Source { repo, revision, files: std::slice::from_ref(tokenizer) });
        }
        self.fetch(&sources, out, progress)
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
                let cached = self.cache.as_ref().map(|cache| {
                    let folder = format!("models--{}", repo.replace('/', "--"));
                    cache.join(folder).join("snapshots").join(revision).join(file.name)
                });
                jobs.push((self.url(repo, revision, file.name), file, cached));
            }
        }
        let is_new = !out.exists();
        std::fs::create_dir_all(out).map_err(|e| FetchError::io(out, e))?;
        let begun = Instant::now();
        let mut fetched = Vec::with_capacity(jobs.len());
        for (index, (url, file, cached)) in jobs.iter().enumerate() {
            let transfer = Transfer {
                client: &self.client,
                url: url.clone(),
                name: file.name,
                expected: file.sha256,
                blob: file.blob,
                cached: cached.clone(),
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
            let line = |(url, file, _): &(String, &RemoteFile, Option<PathBuf>)| {
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

/// Whether this is the name of a repository, `OWNER/NAME`.
pub fn is_repository(name: &str) -> bool {
    name.split('/').count() == 2 && check_name(name, true).is_ok()
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
