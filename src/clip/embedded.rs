//! The model that is embedded in the program: `weights/dapo-nano`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::ModelError;
use super::folder::ModelFiles;
use super::tokenizer::Tokenizer;

/// Its name in results and reports.
pub const NAME: &str = "dapo-nano";

const TOKENIZER: &[u8] = include_bytes!("../../weights/dapo-nano/tokenizer.json");
const FILES: [(&str, &[u8]); 3] = [
    ("config.json", include_bytes!("../../weights/dapo-nano/config.json")),
    ("model.safetensors", include_bytes!("../../weights/dapo-nano/model.safetensors")),
    ("tokenizer.json", TOKENIZER),
];

/// Its tokenizer, also used for models with random weights: its ids are valid in every larger table.
///
/// # Errors
/// None with the file as it is embedded.
pub fn tokenizer() -> Result<Tokenizer, ModelError> {
    Tokenizer::parse(TOKENIZER, Path::new("the embedded tokenizer.json"))
}

/// The model's files as they lie in the program, for [`Clip::from_files`](super::Clip::from_files).
pub fn files() -> ModelFiles {
    FILES.iter().fold(ModelFiles::new(NAME), |files, &(name, bytes)| files.with(name, bytes))
}

/// Writes the model's files to the user's cache, once per version of the model, and returns the folder for
/// [`Clip::open`](super::Clip::open).
///
/// # Errors
/// [`ModelError::Unpack`] when neither the cache nor the temporary folder can be written.
pub fn unpack() -> Result<PathBuf, ModelError> {
    let mut digest = Sha256::new();
    FILES.iter().for_each(|(_, bytes)| digest.update(bytes));
    let version: String = digest.finalize().iter().take(6).map(|b| format!("{b:02x}")).collect();
    let mut last = None;
    let cache = cache_folder().map(|base| Ok(base.join("dapo-wgpu")));
    let candidates = cache.into_iter().chain(std::iter::once_with(|| own_folder(&std::env::temp_dir())));
    for base in candidates {
        let folder =
            base.as_ref().map_or(std::env::temp_dir(), PathBuf::clone).join(format!("{NAME}-{version}"));
        let unpacked =
            base.and_then(|_| FILES.iter().try_for_each(|(name, bytes)| write(&folder, name, bytes)));
        match unpacked {
            Ok(()) => return Ok(folder),
            Err(source) => last = Some(ModelError::Unpack { path: folder, source }),
        }
    }
    Err(last.unwrap_or_else(|| ModelError::Unpack {
        path: PathBuf::new(),
        source: std::io::Error::other("no folder to unpack to"),
    }))
}

/// A folder below the temporary folder `base`, which other users share, that belongs to this user alone. What another
/// user put there under its name is refused: a link would lead to files of their choice.
#[cfg(unix)]
fn own_folder(base: &Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    // Files that a process makes have its user; the standard library has no other way to ask.
    let user = tempfile::tempfile_in(base)?.metadata()?.uid();
    let folder = base.join(format!("dapo-wgpu-{user}"));
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    // Of the name itself, not of what a link leads to.
    let found = std::fs::symlink_metadata(&folder)?;
    match found.is_dir() && found.uid() == user && found.mode() & 0o077 == 0 {
        true => Ok(folder),
        false => Err(std::io::Error::other(format!(
            "{} is not a folder of this user alone (a link, or open to others)",
            folder.display()
        ))),
    }
}

/// The temporary folder is the user's own on this system.
#[cfg(not(unix))]
fn own_folder(base: &Path) -> std::io::Result<PathBuf> {
    Ok(base.join("dapo-wgpu"))
}

/// Writes one file atomically, unless it exists with the same contents.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let path = folder.join(name);
    if std::fs::read(&path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(&path)?;
    Ok(())
}

/// The user's cache folder by the platform's convention, if there is one.
pub fn cache_folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if cfg!(windows) {
        return variable("LOCALAPPDATA");
    }
    let home = variable("HOME");
    if cfg!(target_os = "macos") {
        return home.map(|h| h.join("Library/Caches"));
    }
    variable("XDG_CACHE_HOME").or_else(|| home.map(|h| h.join(".cache")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_copy_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "f", b"right").unwrap();
        std::fs::write(folder.path().join("f"), b"wrong").unwrap();
        write(folder.path(), "f", b"right").unwrap();
        assert_eq!(std::fs::read(folder.path().join("f")).unwrap(), b"right");
    }

    #[cfg(unix)]
    #[test]
    fn a_shared_temporary_folder_is_used_only_where_it_is_ones_own() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let base = tempfile::tempdir().unwrap();
        let folder = own_folder(base.path()).unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(own_folder(base.path()).unwrap(), folder);
        let refused = || {
            let message = own_folder(base.path()).unwrap_err().to_string();
            assert!(message.contains("of this user alone"), "{message}");
        };
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o770)).unwrap();
        refused();
        std::fs::remove_dir(&folder).unwrap();
        symlink(tempfile::tempdir().unwrap().path(), &folder).unwrap();
        refused();
        std::fs::remove_file(&folder).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), &folder).unwrap();
        refused();
        std::fs::remove_file(&folder).unwrap();
        std::fs::write(&folder, "").unwrap();
        refused();
    }

    #[test]
    fn the_embedded_model_is_small_enough_to_carry() {
        let bytes: usize = FILES.iter().map(|(_, b)| b.len()).sum();
        assert!(bytes <= 16 << 20, "{bytes} bytes");
    }
}
