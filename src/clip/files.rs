//! The small files of a model folder, and what people have in their place.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::ModelError;
use crate::files::{open_regular, unmarked};

/// Most bytes of a configuration, an index or a tokenizer. The largest tokenizers of published models have 20 MB.
pub(super) const MAX_BYTES: u64 = 256 << 20;
/// How the placeholder begins that Git leaves where Git LFS did not fetch the file itself.
pub const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Opens a file of a model folder for reading.
///
/// # Errors
/// [`ModelError::Read`], also for what is no regular file: opening a pipe would wait for ever.
pub(super) fn open(path: &Path) -> Result<File, ModelError> {
    open_regular(path).map_err(|source| ModelError::read(path, source))
}

/// Refuses a file that begins as the placeholder of Git LFS does.
///
/// # Errors
/// [`ModelError::LfsPointer`].
pub(super) fn refuse_pointer(path: &Path, first_bytes: &[u8]) -> Result<(), ModelError> {
    match first_bytes.starts_with(LFS_POINTER) {
        true => Err(ModelError::LfsPointer { path: path.to_owned() }),
        false => Ok(()),
    }
}

/// The contents of a text file, without a byte order mark.
///
/// # Errors
/// [`ModelError::Read`]; [`ModelError::LfsPointer`]; [`ModelError::TooLarge`].
pub(super) fn read_text(path: &Path) -> Result<Vec<u8>, ModelError> {
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is noticed.
    open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| ModelError::read(path, e))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ModelError::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    plain_text(path, bytes)
}

/// Text without a byte order mark.
///
/// # Errors
/// [`ModelError::LfsPointer`].
pub(super) fn plain_text(path: &Path, mut bytes: Vec<u8>) -> Result<Vec<u8>, ModelError> {
    refuse_pointer(path, &bytes)?;
    let mark = bytes.len() - unmarked(&bytes).len();
    bytes.drain(..mark);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_place_of_a_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, b"\xef\xbb\xbf{}").unwrap();
        assert_eq!(read_text(&path).unwrap(), b"{}");
        std::fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n").unwrap();
        let message = read_text(&path).unwrap_err().to_string();
        assert!(message.contains("config.json") && message.contains("git lfs pull"), "{message}");
        let message = read_text(folder.path()).unwrap_err().to_string();
        assert!(message.contains("not a regular file"), "{message}");
    }
}
