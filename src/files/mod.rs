//! Files that a user named: only regular ones are opened, and what one of them may ask of memory is bounded.
//!
//! Opening a named pipe waits for a writer, perhaps for ever; a device may have no end; a small file can claim any size.
//! [`open_regular`], [`read_regular`], [`read_unmarked`] and [`read_text`] refuse the first two, [`BUDGET`] states the bounds.
//! [`digest`] tells whether a file is still the same, [`stop`] whether to wait for one any longer.

mod budget;
mod cell;
mod contained;
mod content;
pub mod faults;
pub mod stop;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

pub use budget::{BUDGET, Budget, Held, OverBudget};
pub use cell::inert;
pub use contained::{contained, silence_contained_panics};
pub use content::{UNREADABLE, digest, digest_of, folder_digest};

/// Something that is no regular file; the source of the error of [`open_regular`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is {0}, not a regular file; give a file")]
pub struct NotRegular(&'static str);

impl NotRegular {
    /// Whether this is why a file was not opened.
    pub fn is_cause_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }
}

/// Opens a file for reading.
///
/// # Errors
/// Those of the operating system; [`NotRegular`] for a folder, a named pipe, a socket or a device, without waiting for
/// the other end of it.
pub fn open_regular(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    // Before it is opened, for opening a pipe waits; and after, for the name may mean another file by then.
    regular(&std::fs::metadata(path).map_err(plain)?)?;
    let file = File::open(path).map_err(plain)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Checks the name of a file that will be opened for reading and writing: a new one, or a regular one.
///
/// # Errors
/// [`NotRegular`] for anything else.
pub fn regular_or_new(path: impl AsRef<Path>) -> io::Result<()> {
    // What else is wrong with the name will be seen when it is opened.
    std::fs::metadata(path).map_or(Ok(()), |metadata| regular(&metadata))
}

/// Reads a file as a whole, up to [`Budget::file_bytes`].
///
/// # Errors
/// As [`open_regular`]; [`OverBudget`] for a larger file, and one that does not fit the memory.
pub fn read_regular(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    let length = file.metadata()?.len();
    BUDGET.check_file(length)?;
    let mut bytes = Budget::reserve(length)?;
    // It may grow meanwhile, and some files, as in /proc, are longer than they say.
    file.by_ref().take(BUDGET.file_bytes + 1).read_to_end(&mut bytes)?;
    BUDGET.check_file(bytes.len() as u64)?;
    Ok(bytes)
}

/// Reads a text file as a whole, without a byte order mark: JSON, whose reader checks the encoding.
///
/// # Errors
/// As [`read_regular`].
pub fn read_unmarked(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = read_regular(path)?;
    let mark = bytes.len() - unmarked(&bytes).len();
    bytes.drain(..mark);
    Ok(bytes)
}

/// Text without the byte order mark, U+FEFF in UTF-8, which some editors put in front.
pub fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Reads a text file as a whole, without a byte order mark.
///
/// # Errors
/// As [`read_regular`]; [`io::ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8");
    String::from_utf8(read_unmarked(path)?).map_err(not_text)
}

/// The commonest mistake in words; the kind of the error stays.
fn plain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound => {
            io::Error::new(error.kind(), "there is no file of this name; check the spelling and the folder")
        }
        _ => error,
    }
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(io::Error::other(NotRegular(if kind.is_dir() { "a folder" } else { special(kind) })))
}

#[cfg(unix)]
fn special(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        _ if kind.is_fifo() => "a named pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn special(_: std::fs::FileType) -> &'static str {
    "a device"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_are_read_and_folders_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(
            (read_regular(&path).unwrap(), read_text(&path).unwrap()),
            (b"text".to_vec(), "text".into())
        );
        std::fs::write(&path, "\u{feff}{}").unwrap();
        assert_eq!((read_unmarked(&path).unwrap(), read_text(&path).unwrap()), (b"{}".to_vec(), "{}".into()));
        assert_eq!(read_regular(&path).unwrap().len(), 5);
        std::fs::write(&path, [0xFF]).unwrap();
        assert_eq!(read_text(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(regular_or_new(&path).is_ok() && regular_or_new(folder.path().join("new")).is_ok());
        let error = open_regular(folder.path()).unwrap_err();
        assert!(NotRegular::is_cause_of(&error) && error.to_string().contains("a folder"), "{error}");
        assert_eq!(open_regular(folder.path().join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn pipes_sockets_and_devices_are_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink(&pipe, folder.path().join("link")).unwrap();
        for (path, word) in [
            (pipe, "a named pipe"),
            (folder.path().join("link"), "a named pipe"),
            (socket, "a socket"),
            ("/dev/zero".into(), "a device"),
        ] {
            assert!(regular_or_new(&path).is_err(), "{path:?}");
            let error = read_regular(&path).unwrap_err();
            assert!(NotRegular::is_cause_of(&error) && error.to_string().contains(word), "{path:?}: {error}");
        }
    }

    #[test]
    fn a_file_larger_than_the_budget_is_refused_unread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let file = File::create(&path).unwrap();
        // Where the file system has no sparse files of this size, there is nothing to test.
        if file.set_len(BUDGET.file_bytes + 1).is_ok() {
            let error = read_regular(&path).unwrap_err();
            assert!(error.to_string().contains("1073741825 bytes"), "{error}");
        }
    }
}
