//! Where the files of a model are: in a folder, or in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::ModelError;
use super::files::{self, MAX_BYTES};

/// Bytes that are read by their position: a file, memory, or what else holds some.
pub trait ReadAt: std::fmt::Debug + Send + Sync {
    /// How many there are.
    ///
    /// # Errors
    /// Those of what holds them.
    fn length(&self) -> io::Result<u64>;

    /// Fills `to` with the bytes from `start` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where there are fewer; those of what holds them.
    fn read_at(&self, start: u64, to: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for &'static [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, start: u64, to: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let bytes = start.checked_add(to.len()).and_then(|end| self.get(start..end));
        to.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// An open file. It is read, not mapped: a mapped file that somebody cuts short ends the whole program with a signal, a
/// read file gives an error. Reading is as fast.
#[derive(Debug)]
struct DiskFile(Mutex<File>);

impl ReadAt for DiskFile {
    fn length(&self) -> io::Result<u64> {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, start: u64, to: &mut [u8]) -> io::Result<()> {
        // Behind a lock because reading moves the position.
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(to)
    }
}

/// The files of a model, by name, where there is no folder: each in memory, or read piece by piece.
///
/// ```
/// use dapo_wgpu::clip::ModelFiles;
///
/// let config: &[u8] = b"{}";
/// let files = ModelFiles::new("my-model").with("config.json", config);
/// assert_eq!(files.name(), "my-model");
/// ```
#[derive(Debug, Clone, Default)]
pub struct ModelFiles {
    name: String,
    files: BTreeMap<String, Arc<dyn ReadAt>>,
}

impl ModelFiles {
    /// No files yet. The name is that of the model in messages and results, as a folder's is.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), files: BTreeMap::new() }
    }

    /// With a file of this name.
    pub fn with(mut self, name: impl Into<String>, bytes: impl ReadAt + 'static) -> Self {
        self.files.insert(name.into(), Arc::new(bytes));
        self
    }

    /// The name of the model.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Where a model is read from.
#[derive(Debug, Clone, Copy)]
pub enum Folder<'a> {
    /// A folder of a disk.
    Disk(&'a Path),
    /// Files without a folder.
    Memory(&'a ModelFiles),
}

impl Folder<'_> {
    /// What stands for it in messages.
    pub(super) fn path(&self) -> &Path {
        match self {
            Folder::Disk(path) => path,
            Folder::Memory(files) => Path::new(&files.name),
        }
    }

    /// What stands for one of its files in messages.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Its own name, without the folders around it.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Folder::Disk(path) => {
                let full = path.canonicalize().ok()?;
                full.file_name().map(|name| name.to_string_lossy().into_owned())
            }
            Folder::Memory(files) => Some(files.name.clone()),
        }
    }

    /// Whether it has a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Folder::Disk(path) => path.join(name).is_file(),
            Folder::Memory(files) => files.files.contains_key(name),
        }
    }

    /// Names of its files, in order.
    ///
    /// # Errors
    /// [`ModelError::Read`].
    pub(super) fn names(&self) -> Result<Vec<String>, ModelError> {
        let path = match self {
            Folder::Disk(path) => *path,
            Folder::Memory(files) => return Ok(files.files.keys().cloned().collect()),
        };
        let read = |error| ModelError::read(path, error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).map_err(read)? {
            let entry = entry.map_err(read)?;
            // A name that is no text is none that is looked for.
            names.extend(entry.file_name().into_string().ok().filter(|_| entry.path().is_file()));
        }
        names.sort();
        Ok(names)
    }

    /// One of its files, to read from.
    ///
    /// # Errors
    /// [`ModelError::Read`].
    pub(super) fn open(&self, name: &str) -> Result<Arc<dyn ReadAt>, ModelError> {
        match self {
            Folder::Disk(path) => Ok(Arc::new(DiskFile(Mutex::new(files::open(&path.join(name))?)))),
            Folder::Memory(files) => {
                files.files.get(name).cloned().ok_or_else(|| {
                    ModelError::read(&self.join(name), io::Error::from(io::ErrorKind::NotFound))
                })
            }
        }
    }

    /// The contents of a text file, without a byte order mark.
    ///
    /// # Errors
    /// [`ModelError::Read`]; [`ModelError::LfsPointer`]; [`ModelError::TooLarge`].
    pub(super) fn text(&self, name: &str) -> Result<Vec<u8>, ModelError> {
        let path = self.join(name);
        if let Folder::Disk(_) = self {
            return files::read_text(&path);
        }
        let read = |error| ModelError::read(&path, error);
        let file = self.open(name)?;
        let length = file.length().map_err(read)?;
        if length > MAX_BYTES {
            return Err(ModelError::TooLarge { path, limit: MAX_BYTES });
        }
        let mut bytes = vec![0; length as usize];
        file.read_at(0, &mut bytes).map_err(read)?;
        files::plain_text(&path, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_by_position() {
        let bytes: &'static [u8] = b"0123456789";
        let mut found = [0; 3];
        bytes.read_at(7, &mut found).unwrap();
        assert_eq!((&found, bytes.length().unwrap()), (b"789", 10));
        for start in [8, u64::MAX] {
            assert_eq!(bytes.read_at(start, &mut found).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_folder_and_memory_give_the_same() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.json"), b"\xef\xbb\xbf{}").unwrap();
        std::fs::write(folder.path().join("a.txt"), "a").unwrap();
        std::fs::create_dir(folder.path().join("c")).unwrap();
        let (text, json): (&[u8], &[u8]) = (b"a", b"\xef\xbb\xbf{}");
        let files = ModelFiles::new("model").with("b.json", json).with("a.txt", text);
        for place in [Folder::Disk(folder.path()), Folder::Memory(&files)] {
            assert_eq!(place.names().unwrap(), ["a.txt", "b.json"]);
            assert_eq!(place.text("b.json").unwrap(), b"{}", "without its mark");
            assert!(place.has("a.txt") && !place.has("c"));
            let message = place.open("d").unwrap_err().to_string();
            assert!(message.contains('d'), "{message}");
        }
    }
}
