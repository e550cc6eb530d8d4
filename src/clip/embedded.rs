//! The model that is embedded in the program: `weights/dapo-nano`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::error::ModelError;
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
    for base in [cache_folder(), Some(std::env::temp_dir())].into_iter().flatten() {
        let folder = base.join("dapo-wgpu").join(format!("{NAME}-{version}"));
        match FILES.iter().try_for_each(|(name, bytes)| write(&folder, name, bytes)) {
            Ok(()) => return Ok(folder),
            Err(source) => last = Some(ModelError::Unpack { path: folder, source }),
        }
    }
    Err(last.unwrap_or_else(|| ModelError::Unpack {
        path: PathBuf::new(),
        source: std::io::Error::other("no folder to unpack to"),
    }))
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

    #[test]
    fn the_embedded_model_is_small_enough_to_carry() {
        let bytes: usize = FILES.iter().map(|(_, b)| b.len()).sum();
        assert!(bytes <= 16 << 20, "{bytes} bytes");
    }
}
