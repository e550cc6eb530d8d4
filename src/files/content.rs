//! What files hold, in a few characters: by them a run knows a file again, whatever its name and its time.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{BUDGET, open_regular};

/// Bytes of the SHA-256 that are kept.
const KEPT: usize = 12;
/// Bytes of a large file that one thread reads.
const PART: u64 = 8 << 20;

/// In place of the digest of a file that cannot be read.
pub const UNREADABLE: &str = "-";

/// The beginning of the SHA-256 of a file as hexadecimal digits; a dash for one that cannot be read, or is no regular file. Of
/// a file above [`Budget::file_bytes`](super::Budget::file_bytes) only its length, beginning and end are looked at: a sparse one
/// of a few bytes can claim so many that reading them takes days.
pub fn digest(path: impl AsRef<Path>) -> String {
    let read = |path: &Path| -> io::Result<String> {
        let mut file = open_regular(path)?;
        let length = file.metadata()?.len();
        let mut hash = Sha256::new();
        if BUDGET.check_file(length).is_err() {
            hash.update(length.to_le_bytes());
            io::copy(&mut file.by_ref().take(PART), &mut hash)?;
            file.seek(SeekFrom::Start(length - PART))?;
        }
        // It may grow meanwhile.
        io::copy(&mut file.by_ref().take(BUDGET.file_bytes), &mut hash)?;
        Ok(hex(&hash.finalize()[..KEPT]))
    };
    read(path.as_ref()).unwrap_or_else(|_| UNREADABLE.to_owned())
}

/// The beginning of the SHA-256 of bytes, as that of a file that holds them.
pub fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..KEPT])
}

/// What the files of a folder hold that have one of these extensions, not those of folders in it: the names, and each
/// content. Parts of large files are read side by side.
///
/// # Errors
/// A folder or a file that cannot be read.
pub fn folder_digest(folder: &Path, extensions: &[&str]) -> io::Result<String> {
    let mut files: Vec<(PathBuf, u64)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let has = |wanted: &&str| path.extension().is_some_and(|found| found == *wanted);
        if extensions.iter().any(has) && path.is_file() {
            let length = fs::metadata(&path)?.len();
            files.push((path, length));
        }
    }
    files.sort();
    let parts: Vec<(&Path, u64)> = files
        .iter()
        .flat_map(|(path, length)| (0..length.div_ceil(PART).max(1)).map(move |n| (path.as_path(), n * PART)))
        .collect();
    let read = |(path, at): &(&Path, u64)| -> io::Result<[u8; 32]> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(*at))?;
        let mut hash = Sha256::new();
        io::copy(&mut file.take(PART), &mut hash)?;
        Ok(hash.finalize().into())
    };
    let hashes = parts.par_iter().map(read).collect::<io::Result<Vec<_>>>()?;
    let mut whole = Sha256::new();
    for (path, length) in &files {
        whole.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        whole.update([0]);
        whole.update(length.to_le_bytes());
    }
    hashes.iter().for_each(|hash| whole.update(hash));
    Ok(hex(&whole.finalize()[..KEPT]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "text").unwrap();
        assert_eq!(digest(&path), digest_of(b"text"));
        assert_eq!(digest(&path).len(), 2 * KEPT);
        assert_eq!((digest(folder.path()), digest(folder.path().join("gone"))), ("-".into(), "-".into()));
        // It would take days to read, and takes no time.
        let sparse = File::create(&path).unwrap();
        if sparse.set_len(1 << 43).is_ok() {
            let first = digest(&path);
            assert_eq!(first.len(), 2 * KEPT);
            sparse.set_len((1 << 43) + 1).unwrap();
            assert_ne!(digest(&path), first);
        }
    }

    #[test]
    fn a_folder_is_its_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let now = || folder_digest(folder.path(), &["bin", "json"]).unwrap();
        write("a.bin", &vec![1; PART as usize + 3]);
        write("b.json", b"{}");
        let first = now();
        write("c.txt", b"of no concern");
        assert_eq!(now(), first);
        let mut other = vec![1; PART as usize + 3];
        other[PART as usize + 1] = 2;
        write("a.bin", &other);
        assert_ne!(now(), first);
        write("a.bin", &vec![1; PART as usize + 3]);
        assert_eq!(now(), first);
        fs::rename(folder.path().join("b.json"), folder.path().join("d.json")).unwrap();
        assert_ne!(now(), first);
    }
}
