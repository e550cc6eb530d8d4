//! Watches a folder for new images; each version of a file is returned once, when it has stopped changing.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::left_out::Reason;
use super::walk::{Seen, walk};

/// A version of a file: a file that is rewritten is a new image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Size in bytes.
    pub bytes: u64,
    /// Time of the last change, in nanoseconds since 1970. Programs can set it to anything.
    pub modified_ns: u64,
    /// Time of the last change of the file or of what is known of it, which no program can set; 0 where the system does not
    /// tell.
    pub changed_ns: u64,
    /// Number of the file in its file system: another one by the same name has another number. 0 where there are none.
    pub inode: u64,
}

impl Stamp {
    /// The current version of a file; `None` if it does not exist.
    pub fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }
}

impl From<&fs::Metadata> for Stamp {
    fn from(metadata: &fs::Metadata) -> Self {
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (changed_ns, inode) = identity(metadata);
        Self { bytes: metadata.len(), modified_ns: since.as_nanos() as u64, changed_ns, inode }
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let ns = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    (ns.max(0) as u64, metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}

/// State of a file.
#[derive(Debug, Clone, Copy)]
enum State {
    /// Not returned yet, unchanged since this time.
    Settling(Stamp, Instant),
    /// Returned, result pending.
    Pending(Stamp),
    /// Could not be read: it is returned again later, in case it is still being written.
    Retry { stamp: Stamp, first: Instant, next: Instant },
    /// This version is done.
    Done(Stamp),
}

/// A folder that is polled.
#[derive(Debug)]
pub struct Arrivals {
    root: PathBuf,
    /// How long a file must be unchanged before it is read.
    settle: Duration,
    /// How long an unreadable file is retried.
    patience: Duration,
    files: HashMap<PathBuf, State>,
    /// What is left out, once it has been seen, and what of it has not been asked for yet.
    told: HashSet<(Reason, PathBuf)>,
    left_out: Vec<(Reason, PathBuf)>,
}

impl Arrivals {
    /// Watches `root`; `known` are versions of files (relative paths) that are done already.
    pub fn new(
        root: &Path,
        settle: Duration,
        patience: Duration,
        known: impl IntoIterator<Item = (PathBuf, Stamp)>,
    ) -> Self {
        let files = known.into_iter().map(|(path, stamp)| (path, State::Done(stamp))).collect();
        let (told, left_out) = (HashSet::new(), Vec::new());
        Self { root: root.to_owned(), settle, patience, files, told, left_out }
    }

    /// Scans the folder and returns what is ready: relative paths, sorted. Each must be reported with [`Arrivals::done`]
    /// or [`Arrivals::unreadable`].
    ///
    /// # Errors
    /// The folder itself cannot be read. Files and folders in it may appear and disappear.
    pub fn poll(&mut self, now: Instant) -> std::io::Result<Vec<(PathBuf, Stamp)>> {
        let found = walk(&self.root, &mut Seen::default())?;
        // A file may have gone since the folder was listed.
        let stamped =
            found.files.into_iter().filter_map(|path| Some((self.relative(&path), Stamp::of(&path)?)));
        let present: Vec<(PathBuf, Stamp)> = stamped.collect();
        for (reason, path) in found.left_out {
            let place = (reason, self.relative(&path));
            if reason != Reason::Other && self.told.insert(place.clone()) {
                self.left_out.push(place);
            }
        }
        let names: HashSet<&PathBuf> = present.iter().map(|(path, _)| path).collect();
        self.files.retain(|path, state| matches!(state, State::Done(_)) || names.contains(path));
        let mut ready = Vec::new();
        for (path, stamp) in present {
            let state = self.files.entry(path.clone()).or_insert(State::Settling(stamp, now));
            match *state {
                State::Done(known) | State::Pending(known) if known == stamp => {}
                State::Settling(known, since) if known == stamp => {
                    if now.duration_since(since) >= self.settle {
                        *state = State::Pending(stamp);
                        ready.push((path, stamp));
                    }
                }
                State::Retry { stamp: known, next, .. } if known == stamp => {
                    if now >= next {
                        ready.push((path, stamp));
                    }
                }
                _ => *state = State::Settling(stamp, now),
            }
        }
        ready.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(ready)
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }

    /// What was found since the last call that is no image to look at: each file or folder once.
    pub fn left_out(&mut self) -> Vec<(Reason, PathBuf)> {
        std::mem::take(&mut self.left_out)
    }

    /// Whether any file is not done.
    pub fn is_waiting(&self) -> bool {
        self.files.values().any(|state| !matches!(state, State::Done(_)))
    }

    /// Reports that a version of a file is done.
    pub fn done(&mut self, path: &Path, stamp: Stamp) {
        self.files.insert(path.to_owned(), State::Done(stamp));
    }

    /// Reports that a version of a file could not be read. Returns whether its time for retries is over; the file is then
    /// done until it changes.
    pub fn unreadable(&mut self, path: &Path, stamp: Stamp, now: Instant) -> bool {
        let first = match self.files.get(path) {
            Some(State::Retry { stamp: known, first, .. }) if *known == stamp => *first,
            _ => now,
        };
        let over = now.duration_since(first) >= self.patience;
        let state = match over {
            true => State::Done(stamp),
            false => State::Retry { stamp, first, next: now + self.settle.max(self.patience / 4) },
        };
        self.files.insert(path.to_owned(), state);
        over
    }

    /// Reports that a file disappeared before it was read; if it comes back, it is a new one.
    pub fn gone(&mut self, path: &Path) {
        self.files.remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock(Instant);

    impl Clock {
        fn after(&mut self, milliseconds: u64) -> Instant {
            self.0 += Duration::from_millis(milliseconds);
            self.0
        }
    }

    fn paths(ready: &[(PathBuf, Stamp)]) -> Vec<String> {
        ready.iter().map(|(p, _)| p.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_is_returned_once_when_it_has_settled_and_again_when_rewritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        let mut clock = Clock(Instant::now());
        let (settle, patience) = (Duration::from_millis(100), Duration::from_secs(10));
        let mut arrivals = Arrivals::new(folder.path(), settle, patience, []);
        write("a.png", "one");
        write(".hidden.png", "one");
        write("a.txt", "one");
        assert!(arrivals.poll(clock.after(0)).expect("read").is_empty());
        write("a.png", "one and more");
        assert!(arrivals.poll(clock.after(200)).expect("read").is_empty(), "it has changed meanwhile");
        let ready = arrivals.poll(clock.after(200)).expect("read");
        assert_eq!(paths(&ready), ["a.png"]);
        assert!(arrivals.poll(clock.after(200)).expect("read").is_empty(), "it is out");
        arrivals.done(&ready[0].0, ready[0].1);
        assert!(arrivals.poll(clock.after(200)).expect("read").is_empty());
        write("a.png", "something else altogether");
        assert!(arrivals.poll(clock.after(200)).expect("read").is_empty());
        assert_eq!(paths(&arrivals.poll(clock.after(200)).expect("read")), ["a.png"]);
    }

    #[test]
    fn an_unreadable_file_is_retried_until_patience_ends_or_it_is_completed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("deep")).expect("made");
        let file = folder.path().join("deep/a.png");
        fs::write(&file, "half").expect("written");
        let mut clock = Clock(Instant::now());
        let mut arrivals =
            Arrivals::new(folder.path(), Duration::from_millis(100), Duration::from_secs(4), []);
        arrivals.poll(clock.after(0)).expect("read");
        let ready = arrivals.poll(clock.after(100)).expect("read");
        let (path, stamp) = &ready[0];
        assert_eq!(path, Path::new("deep/a.png"));
        assert!(!arrivals.unreadable(path, *stamp, clock.after(0)));
        assert!(arrivals.poll(clock.after(500)).expect("read").is_empty(), "not at once");
        assert_eq!(arrivals.poll(clock.after(600)).expect("read").len(), 1);
        assert!(!arrivals.unreadable(path, *stamp, clock.after(0)));
        assert_eq!(arrivals.poll(clock.after(3000)).expect("read").len(), 1);
        assert!(arrivals.unreadable(path, *stamp, clock.after(0)), "four seconds are over");
        assert!(arrivals.poll(clock.after(9000)).expect("read").is_empty());
        fs::write(&file, "the whole of it").expect("written");
        arrivals.poll(clock.after(100)).expect("read");
        assert_eq!(arrivals.poll(clock.after(100)).expect("read").len(), 1);
    }

    #[test]
    fn files_done_before_are_not_returned_again() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.png"), "one").expect("written");
        let clock = Instant::now();
        let settle = Duration::ZERO;
        let mut first = Arrivals::new(folder.path(), settle, settle, []);
        let ready = first.poll(clock).expect("read");
        assert_eq!(ready.len(), 1);
        let mut second = Arrivals::new(folder.path(), settle, settle, ready);
        assert!(second.poll(clock).expect("read").is_empty());
    }

    #[test]
    fn links_are_followed_once_and_other_files_are_named_once() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.png", "face_mask.png", "b.gif", "notes.txt"] {
            fs::write(folder.path().join(name), "one").expect("written");
        }
        #[cfg(unix)]
        for name in ["self", "again", "third"] {
            std::os::unix::fs::symlink(".", folder.path().join(name)).expect("linked");
        }
        let mut arrivals = Arrivals::new(folder.path(), Duration::ZERO, Duration::ZERO, []);
        let now = Instant::now();
        assert_eq!(paths(&arrivals.poll(now).expect("read")), ["a.png", "face_mask.png"]);
        let left_out = arrivals.left_out();
        let of = |wanted: Reason| left_out.iter().filter(|(reason, _)| *reason == wanted).count();
        assert_eq!(
            (of(Reason::Format), of(Reason::Repeated)),
            (1, if cfg!(unix) { 3 } else { 0 }),
            "{left_out:?}"
        );
        arrivals.poll(now).expect("read");
        assert!(arrivals.left_out().is_empty());
    }
}
