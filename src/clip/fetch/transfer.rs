//! The transfer of one file.

use super::headers::{announced_blob, announced_sha256, range_start, resolve};
use super::types::{FetchError, Fetched, Progress};
use crate::files::faults::before_write;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ureq::http::Response;

/// Bytes per read and per progress report.
const BLOCK: usize = 1 << 20;
/// Redirections followed for one request.
const MAX_HOPS: usize = 8;

/// The HTTP client and when it gives up.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub agent: ureq::Agent,
    /// Address of the hub, and the user's token, which no other server gets.
    pub base: String,
    pub token: Option<String>,
    /// Consecutive attempts at a file without progress before giving up.
    pub attempts: u32,
    /// Time between two attempts.
    pub pause: Duration,
    /// The most time that all files may take together.
    pub limit: Duration,
}

impl Client {
    /// What the hub answers to a request.
    ///
    /// # Errors
    /// [`FetchError`]: no answer, a refusal, more than `limit` bytes.
    pub fn get(&self, url: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
        let transfer = Transfer {
            client: self,
            url: url.to_owned(),
            name: "",
            expected: None,
            blob: None,
            cached: None,
            max_bytes: limit,
            begun: Instant::now(),
            out: Path::new(""),
        };
        let answer = transfer.request(0)?;
        if answer.response.status() != 200 {
            return Err(transfer.refused(answer.response.status().as_u16()));
        }
        let mut bytes = Vec::new();
        let read = answer.response.into_body().into_reader().take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|e| FetchError::Interrupted { url: url.to_owned(), done: 0, reason: e.to_string() })?;
        if bytes.len() as u64 > limit {
            return Err(FetchError::TooLong { url: url.to_owned(), max_bytes: limit });
        }
        Ok(bytes)
    }
}

/// The download of one file from `url` to `out/name`.
pub(super) struct Transfer<'a> {
    pub client: &'a Client,
    pub url: String,
    pub name: &'a str,
    /// The known checksum.
    pub expected: Option<&'a str>,
    /// Git's known SHA-1, where there is no other.
    pub blob: Option<&'a str>,
    /// Where the hub's own programs may have put it.
    pub cached: Option<PathBuf>,
    /// The most bytes that it can have.
    pub max_bytes: u64,
    /// When the first file was begun.
    pub begun: Instant,
    pub out: &'a Path,
}

/// The final response to a request, after redirections.
struct Answer {
    response: Response<ureq::Body>,
    /// The checksum that the hub sent, with this response or a redirection.
    announced: Option<String>,
    /// Git's SHA-1, as the hub sent it.
    blob: Option<String>,
}

impl Transfer<'_> {
    /// Downloads the file unless it is complete already.
    pub fn run(&self, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, FetchError> {
        let target = self.out.join(self.name);
        if target.is_file() {
            let mut file = File::open(&target).map_err(|e| FetchError::io(&target, e))?;
            let mut hash = Sha256::new();
            let bytes = std::io::copy(&mut file, &mut hash).map_err(|e| FetchError::io(&target, e))?;
            let sha256 = hex(hash);
            let is_right = match (self.expected, self.blob) {
                (Some(expected), _) => expected.eq_ignore_ascii_case(&sha256),
                (None, Some(blob)) => is_blob(&target, blob).map_err(|e| FetchError::io(&target, e))?,
                (None, None) => bytes <= self.max_bytes && self.check_form(&target).is_ok(),
            };
            if is_right {
                let verified = self.expected.is_some() || self.blob.is_some();
                return Ok(Fetched { path: target, bytes, sha256, verified, kept: true });
            }
        }
        let part = self.out.join(format!("{}.part", self.name));
        if let Some(fetched) = self.copy(&part, &target, progress)? {
            return Ok(fetched);
        }
        let fetched = match self.download(&part, &target, progress) {
            Err(error) => {
                self.clean(&part, &error);
                return Err(error);
            }
            Ok(fetched) => fetched,
        };
        // Nothing may be known of it but what it must look like.
        if let (None, Err(error)) = (self.expected, self.check_form(&part)) {
            std::fs::remove_file(&part).ok();
            return Err(error);
        }
        // The file is closed by now, which Windows requires for renaming.
        let renamed = before_write().and_then(|()| std::fs::rename(&part, &target));
        renamed.map_err(|e| FetchError::io(&target, e))?;
        Ok(fetched)
    }

    /// Takes the file from the hub's own cache, if it is there and what it should be.
    fn copy(
        &self,
        part: &Path,
        target: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Fetched>, FetchError> {
        let Some(mut source) = self.cached.as_ref().and_then(|path| File::open(path).ok()) else {
            return Ok(None);
        };
        let io = |e| FetchError::io(part, e);
        let mut file = File::create(part).map_err(io)?;
        let mut hash = Sha256::new();
        let total = source.metadata().ok().map(|about| about.len());
        let (mut bytes, mut block) = (0, vec![0; BLOCK]);
        loop {
            let count = match source.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                // A cache that cannot be read is none.
                Err(_) => break,
            };
            before_write().and_then(|()| file.write_all(&block[..count])).map_err(io)?;
            hash.update(&block[..count]);
            bytes += count as u64;
            progress(Progress { file: self.name, done: bytes, total });
        }
        file.sync_all().map_err(io)?;
        drop(file);
        let sha256 = hex(hash);
        let is_right = match (self.expected, self.blob) {
            (Some(expected), _) => expected.eq_ignore_ascii_case(&sha256),
            (None, Some(blob)) => is_blob(part, blob).map_err(io)?,
            (None, None) => false,
        };
        if !is_right {
            std::fs::remove_file(part).ok();
            return Ok(None);
        }
        let renamed = before_write().and_then(|()| std::fs::rename(part, target));
        renamed.map_err(|e| FetchError::io(target, e))?;
        Ok(Some(Fetched { path: target.to_owned(), bytes, sha256, verified: true, kept: true }))
    }

    /// Downloads into `part`, reconnecting as often as needed.
    fn download(
        &self,
        part: &PathBuf,
        target: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, FetchError> {
        let io = |e| FetchError::io(part, e);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(part).map_err(io)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(FetchError::Busy { path: part.clone() }),
            // Some network file systems have no locks; the checksum still guards the result.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let (mut failures, mut connected) = (0, false);
        loop {
            let before = file.metadata().map_err(io)?.len();
            let reason = match self.attempt(part, &mut file, target, progress) {
                Err(FetchError::Interrupted { reason, .. }) => reason,
                // At first this means no network; later it is part of the same interruption.
                Err(FetchError::Connect { reason, .. }) if connected => reason,
                finished => return finished,
            };
            connected = true;
            let done = file.metadata().map_err(io)?.len();
            failures = if done > before { 0 } else { failures + 1 };
            self.in_time(done)?;
            if failures >= self.client.attempts {
                return Err(FetchError::Interrupted { url: self.url.clone(), done, reason });
            }
            std::thread::sleep(self.client.pause);
        }
    }

    /// Fails when the files have taken too long.
    fn in_time(&self, done: u64) -> Result<(), FetchError> {
        let limit = self.client.limit;
        match self.begun.elapsed() <= limit {
            true => Ok(()),
            false => Err(FetchError::Slow { url: self.url.clone(), done, limit }),
        }
    }

    /// One connection: appends to `file` and verifies it when complete.
    fn attempt(
        &self,
        part: &Path,
        file: &mut File,
        target: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, FetchError> {
        let io = |e| FetchError::io(part, e);
        let mut start = file.metadata().map_err(io)?.len();
        let mut answer = self.request(start)?;
        if let (Some(expected), Some(announced)) = (self.expected, &answer.announced)
            && !expected.eq_ignore_ascii_case(announced)
        {
            let (announced, expected) = (announced.clone(), expected.to_owned());
            return Err(FetchError::Announced { url: self.url.clone(), announced, expected });
        }
        let checksum = self.expected.map(str::to_ascii_lowercase).or(answer.announced.take());

        // Continuing is safe only if the checksum would reveal that the two halves do not belong
        // together. Status 416 means that there is nothing after `start`: the part may be complete.
        let complete = start > 0 && answer.response.status() == 416 && checksum.is_some();
        let continues = answer.response.status() == 206
            && checksum.is_some()
            && range_start(answer.response.headers()) == start;
        if !complete && !continues {
            if start > 0 && matches!(answer.response.status().as_u16(), 206 | 416) {
                answer = self.request(0)?;
            }
            // Only a complete response replaces the part: a busy server must not destroy it.
            if answer.response.status() != 200 {
                return Err(self.refused(answer.response.status().as_u16()));
            }
            file.set_len(0).map_err(io)?;
            start = 0;
        }

        let mut hash = Sha256::new();
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let mut done = std::io::copy(&mut file.take(start), &mut hash).map_err(io)?;
        let answer_blob = answer.blob.take();
        if !complete {
            let total = answer.response.body().content_length().map(|rest| start + rest);
            self.receive(answer.response, file, &mut hash, &mut done, total, part, progress)?;
        }
        let found = hex(hash);
        match checksum {
            Some(expected) if expected != found => {
                file.set_len(0).map_err(io)?;
                std::fs::remove_file(part).ok(); // emptied already, so a leftover does no harm
                Err(FetchError::Checksum { path: target.to_owned(), bytes: done, found, expected })
            }
            known => {
                file.sync_all().map_err(io)?;
                let blob = self.blob.map(str::to_ascii_lowercase).or(answer_blob).filter(|_| known.is_none());
                if let Some(expected) = &blob
                    && !is_blob(part, expected).map_err(io)?
                {
                    std::fs::remove_file(part).ok();
                    let (path, expected) = (target.to_owned(), format!("Git's SHA-1 {expected}"));
                    return Err(FetchError::Checksum { path, bytes: done, found, expected });
                }
                let verified = known.is_some() || blob.is_some();
                Ok(Fetched { path: target.to_owned(), bytes: done, sha256: found, verified, kept: false })
            }
        }
    }

    /// Appends the body of `response` to `file` and `hash`.
    #[allow(clippy::too_many_arguments)] // all of one loop
    fn receive(
        &self,
        response: Response<ureq::Body>,
        file: &mut File,
        hash: &mut Sha256,
        done: &mut u64,
        total: Option<u64>,
        part: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), FetchError> {
        let broken = |done, reason: String| FetchError::Interrupted { url: self.url.clone(), done, reason };
        let mut body = response.into_body().into_reader();
        let mut block = vec![0; BLOCK];
        progress(Progress { file: self.name, done: *done, total });
        let too_long = || FetchError::TooLong { url: self.url.clone(), max_bytes: self.max_bytes };
        if total.is_some_and(|total| total > self.max_bytes) {
            return Err(too_long());
        }
        loop {
            self.in_time(*done)?;
            let count = match body.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(broken(*done, e.to_string())),
            };
            if *done + count as u64 > self.max_bytes {
                return Err(too_long());
            }
            let written = before_write().and_then(|()| file.write_all(&block[..count]));
            written.map_err(|e| FetchError::io(part, e))?;
            hash.update(&block[..count]);
            *done += count as u64;
            progress(Progress { file: self.name, done: *done, total });
        }
        match total {
            Some(total) if *done < total => Err(broken(*done, format!("{total} bytes announced"))),
            _ => Ok(()),
        }
    }

    /// Requests the bytes from `start` on, following redirections.
    fn request(&self, start: u64) -> Result<Answer, FetchError> {
        let mut url = self.url.clone();
        let (mut announced, mut blob) = (None, None);
        for _ in 0..MAX_HOPS {
            let mut request = self.client.agent.get(&url);
            let own = url.strip_prefix(&self.client.base).is_some_and(|rest| rest.starts_with('/'));
            if let (Some(token), true) = (&self.client.token, own) {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            if start > 0 {
                request = request.header("Range", format!("bytes={start}-"));
            }
            let connect =
                |reason: String| FetchError::Connect { url: url.clone(), reason, by_hand: String::new() };
            let response = request.call().map_err(|e| connect(e.to_string()))?;
            announced = announced.or_else(|| announced_sha256(response.headers()));
            if own {
                blob = blob.or_else(|| announced_blob(response.headers()));
            }
            if !response.status().is_redirection() {
                return Ok(Answer { response, announced, blob });
            }
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            url = location.and_then(|to| resolve(&url, to)).ok_or_else(|| {
                connect(format!("it redirects to {location:?}, which is not a usable address"))
            })?;
        }
        Err(FetchError::Connect {
            url: self.url.clone(),
            reason: "too many redirections".into(),
            by_hand: String::new(),
        })
    }

    fn refused(&self, status: u16) -> FetchError {
        let fix = match status {
            401 | 403 => "the repository is private, needs its terms accepted, or is misspelt",
            404 => "check the names of the repository, the revision and the file",
            429 | 500.. => "the server is busy or out of order; try again later",
            _ => "check the address of the hub",
        };
        FetchError::Status { url: self.url.clone(), status, fix }
    }
}

/// Whether a file has this SHA-1 as an object of Git.
fn is_blob(path: &Path, expected: &str) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", file.metadata()?.len()));
    std::io::copy(&mut file, &mut hash)?;
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(found.eq_ignore_ascii_case(expected))
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
