//! Files that are either complete or absent.
//!
//! Bytes go to a temporary file in the *same folder* as the target (a rename across file systems would not be
//! atomic), are flushed to the disk, and only then renamed over the target. A reader never sees half a file, and a
//! crash or an error leaves an existing file as it was. The temporary file is removed when [`AtomicFile`] is dropped
//! without [`AtomicFile::commit`], and what a killed process left by the next one that writes to the folder: a file that is
//! being written is locked.

use std::collections::BTreeSet;
use std::fs::{self, TryLockError};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::NamedTempFile;

use crate::files::faults::before_write;

/// Why a file could not be written. Every message names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder that should hold the file does not exist.
    #[error(
        "cannot write '{}': the folder '{}' does not exist; create it or choose another output path",
        path.display(), folder.display()
    )]
    MissingFolder {
        /// The file that was to be written.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// A part of the path that should be a folder is a file.
    #[error(
        "cannot write '{}': '{}' is a file, not a folder; choose another output path",
        path.display(), folder.display()
    )]
    NotAFolder {
        /// The file that was to be written.
        path: PathBuf,
        /// The part of the path that is not a folder.
        folder: PathBuf,
    },
    /// The folder does not allow new files.
    #[error(
        "cannot write '{}': no permission to create files in '{}'; change its permissions or choose another output path",
        path.display(), folder.display()
    )]
    PermissionDenied {
        /// The file that was to be written.
        path: PathBuf,
        /// The folder without permission.
        folder: PathBuf,
    },
    /// The target exists and is a folder.
    #[error("cannot write '{}': it is a folder; give the name of a file", path.display())]
    IsFolder {
        /// The path that was given.
        path: PathBuf,
    },
    /// The target exists and is a device, a pipe or a socket, which a rename would destroy.
    #[error(
        "cannot write '{}': it is neither a file nor a new name (a device or a pipe?); give the name of a file",
        path.display()
    )]
    NotRegular {
        /// The path that was given.
        path: PathBuf,
    },
    /// The disk has no room left.
    #[error("cannot write '{}': the disk is full; free some space or choose another output path", path.display())]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// Any other error of the operating system.
    #[error("cannot write '{}': {source}", path.display())]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl WriteError {
    /// Classifies an error of the operating system for the target `path`.
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let (path, folder) = (path.to_path_buf(), folder_of(path));
        match source.kind() {
            ErrorKind::NotFound => Self::MissingFolder { path, folder },
            ErrorKind::NotADirectory => Self::NotAFolder { path, folder },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied { path, folder }
            }
            ErrorKind::IsADirectory => Self::IsFolder { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Folder that holds `path`; a bare file name lies in the current folder.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Follows a symbolic link, so that the file it points at is replaced and not the link, and refuses targets that
/// cannot be replaced by a file.
fn checked_target(path: &Path) -> Result<PathBuf, WriteError> {
    let Ok(found) = fs::metadata(path) else {
        return Ok(path.to_path_buf()); // A new name, or a problem that creating the file reports better.
    };
    if found.is_dir() {
        return Err(WriteError::IsFolder { path: path.into() });
    }
    if !found.is_file() {
        return Err(WriteError::NotRegular { path: path.into() });
    }
    Ok(fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()))
}

/// Writes `bytes` to `path`, replacing an existing file in one step.
///
/// ```
/// use dapo_wgpu::report::write_atomic;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("note.txt");
/// write_atomic(&path, b"either whole or absent")?;
/// assert_eq!(std::fs::read(&path)?, b"either whole or absent");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`WriteError`] naming the path; the previous content of `path` is then untouched.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), WriteError> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|source| WriteError::from_io(path, source))?;
    file.commit()
}

/// Removes the temporary files that killed processes left in a folder. Those that a process is writing are locked and
/// stay; where files have no such locks (not on Unix) no process may be writing there now.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            // Held until the file is gone, which `temporary_in` counts on. One that cannot be removed does no harm.
            let file = fs::OpenOptions::new().write(true).open(entry.path());
            if cfg!(not(unix)) || file.as_ref().is_ok_and(|file| file.try_lock().is_ok()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Sweeps a folder the first time that this process writes there.
fn sweep_once(folder: &Path) {
    static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let is_new = SWEPT.lock().is_ok_and(|mut swept| swept.insert(folder.to_path_buf()));
    if cfg!(unix) && is_new {
        sweep(folder);
    }
}

/// A new temporary file that no other process takes for one that was left behind.
fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // Temporary files are private by default; an output must be as readable as the user's umask says.
    #[cfg(unix)]
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    loop {
        let file = builder.tempfile_in(folder)?;
        // Locks of other systems would keep this process from opening it by its name.
        let swept = cfg!(unix)
            && match file.as_file().try_lock() {
                // Another process may have swept it before it was locked, or be about to.
                Ok(()) => !file.path().exists(),
                Err(TryLockError::WouldBlock) => true,
                // A file system without locks: nobody sweeps there.
                Err(TryLockError::Error(_)) => false,
            };
        if !swept {
            return Ok(file);
        }
    }
}

/// How the names of temporary files begin.
const PREFIX: &str = ".dapo-wgpu-";

/// How they end.
const SUFFIX: &str = ".tmp";

/// A buffered writer whose target appears only with [`AtomicFile::commit`].
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    target: PathBuf,
    writer: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Opens a temporary file beside `path`.
    ///
    /// # Errors
    /// [`WriteError`] if the folder is missing or not writable, or if `path` is a folder or a device.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        let path = path.as_ref().to_path_buf();
        let target = checked_target(&path)?;
        let folder = folder_of(&target);
        sweep_once(&folder);
        let temporary = before_write()
            .and_then(|()| temporary_in(&folder))
            .map_err(|source| WriteError::from_io(&path, source))?;
        Ok(Self { path, target, writer: BufWriter::new(temporary) })
    }

    /// The path this file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the temporary file, for libraries that write to a path.
    pub fn temporary(&self) -> &Path {
        self.writer.get_ref().path()
    }

    /// Flushes to the disk and renames over the target.
    ///
    /// # Errors
    /// [`WriteError`]; the temporary file is then removed and the target untouched.
    pub fn commit(self) -> Result<(), WriteError> {
        let Self { path, target, writer } = self;
        let temporary =
            writer.into_inner().map_err(|error| WriteError::from_io(&path, error.into_error()))?;
        before_write()
            .and_then(|()| temporary.as_file().sync_all())
            .map_err(|source| WriteError::from_io(&path, source))?;
        temporary.persist(&target).map_err(|error| WriteError::from_io(&path, error.error))?;
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("folder");
        entries.map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("out.txt");
        write_atomic(&path, b"first").expect("write");
        write_atomic(&path, b"second").expect("replace");
        assert_eq!(fs::read(&path).expect("read"), b"second");
        assert_eq!(names(folder.path()), ["out.txt"]);
    }

    #[test]
    fn dropping_keeps_the_old_file() {
        let folder = tempfile::tempdir().expect("temp dir");
        let path = folder.path().join("out.txt");
        write_atomic(&path, b"old").expect("write");
        let mut file = AtomicFile::create(&path).expect("create");
        file.write_all(b"half of the new").expect("buffer");
        drop(file);
        assert_eq!(fs::read(&path).expect("read"), b"old");
        assert_eq!(names(folder.path()), ["out.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().expect("temp dir");
        let left = folder.path().join(format!("{PREFIX}left{SUFFIX}"));
        fs::write(&left, b"half").expect("write");
        let mut file = AtomicFile::create(folder.path().join("out.txt")).expect("create");
        assert!(!left.exists());
        file.write_all(b"whole").expect("write");
        sweep(folder.path());
        assert!(file.temporary().exists(), "it is locked");
        file.commit().expect("commit");
        assert_eq!(names(folder.path()), ["out.txt"]);
    }

    #[test]
    fn errors_name_the_path_and_the_fix() {
        let folder = tempfile::tempdir().expect("temp dir");
        let missing = folder.path().join("no/such/out.txt");
        let error = write_atomic(&missing, b"").expect_err("missing folder");
        assert!(matches!(error, WriteError::MissingFolder { .. }), "{error:?}");
        assert!(error.to_string().contains("out.txt") && error.to_string().contains("create it"));

        let error = write_atomic(folder.path(), b"").expect_err("folder");
        assert!(matches!(error, WriteError::IsFolder { .. }), "{error:?}");

        let file = folder.path().join("file");
        write_atomic(&file, b"x").expect("write");
        let error = write_atomic(file.join("below"), b"").expect_err("below a file");
        // Windows reports a missing path here.
        assert!(
            matches!(error, WriteError::NotAFolder { .. } | WriteError::MissingFolder { .. }),
            "{error:?}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn devices_survive_links_are_followed_and_the_umask_applies() {
        use std::os::unix::fs::PermissionsExt;
        assert!(matches!(write_atomic("/dev/null", b"x"), Err(WriteError::NotRegular { .. })));

        let folder = tempfile::tempdir().expect("temp dir");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, b"old").expect("write");
        std::os::unix::fs::symlink(&real, &link).expect("link");
        write_atomic(&link, b"new").expect("write through the link");
        assert_eq!(fs::read(&real).expect("read"), b"new");
        assert!(fs::symlink_metadata(&link).expect("link").file_type().is_symlink());

        let plain = fs::metadata({
            let path = folder.path().join("plain");
            fs::write(&path, b"").expect("write");
            path
        });
        let mode = |m: io::Result<fs::Metadata>| m.expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode(fs::metadata(&real)), mode(plain));
    }

    #[test]
    fn io_errors_are_classified() {
        let sort = |kind: ErrorKind| WriteError::from_io(Path::new("a/b"), kind.into());
        assert!(matches!(sort(ErrorKind::PermissionDenied), WriteError::PermissionDenied { .. }));
        assert!(matches!(sort(ErrorKind::StorageFull), WriteError::DiskFull { .. }));
        assert!(matches!(sort(ErrorKind::Interrupted), WriteError::Io { .. }));
    }
}
