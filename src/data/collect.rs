//! Finds image files, and gives each a name under which results are stored.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::ImageError;

/// Extensions searched for in folders, in lower case. Files named directly may have any extension.
pub const EXTENSIONS: [&str; 13] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "tif", "tiff", "webp", "pgm", "ppm", "pbm"];

/// One image to process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEntry {
    /// The file.
    pub path: PathBuf,
    /// Unique relative path, without extension, for results: the file's own stem, or for a file found
    /// in a folder its path in that folder, with `/` between the parts (`test/scratch/000`).
    /// Never absolute, never with `..`, and in characters that every file system allows.
    pub stem: String,
}

impl AsRef<Path> for ImageEntry {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// Lists the images of `paths` in their order: a file as it is, a folder recursively and sorted by path.
///
/// In folders, files with one of [`EXTENSIONS`] (in any case) are listed, except hidden files and folders, folders named
/// `ground_truth` and files ending in `_mask.png`, where benchmark data sets keep their masks. A file or folder named
/// directly is used regardless of its name.
///
/// # Errors
/// A path that does not exist or cannot be read, or no image at all.
pub fn collect(paths: &[PathBuf]) -> Result<Vec<ImageEntry>, ImageError> {
    if paths.is_empty() {
        return Err(ImageError::NoPaths);
    }
    let mut entries = Vec::new();
    let mut stems = Stems::default();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|e| ImageError::from_io(path, e))?;
        if metadata.is_dir() {
            let mut found = Vec::new();
            walk(path, &mut Vec::new(), &mut found)?;
            found.sort();
            for file in found {
                let relative = file.strip_prefix(path).unwrap_or(&file);
                let stem = stems.claim(&relative.with_extension(""));
                entries.push(ImageEntry { path: file, stem });
            }
        } else {
            let name = path.file_stem().unwrap_or(path.as_os_str());
            let stem = stems.claim(Path::new(name));
            entries.push(ImageEntry { path: path.clone(), stem });
        }
    }
    if entries.is_empty() {
        return Err(ImageError::NothingFound {
            paths: paths.to_vec(),
            extensions: EXTENSIONS.map(|e| format!(".{e}")).join(" "),
        });
    }
    Ok(entries)
}

/// Adds the images under `folder`. `above` holds the canonical paths of its parents, since
/// a link may lead back to one of them.
fn walk(folder: &Path, above: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> Result<(), ImageError> {
    let io = |e| ImageError::from_io(folder, e);
    let real = fs::canonicalize(folder).map_err(io)?;
    if above.contains(&real) {
        return Ok(());
    }
    above.push(real);
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Follows links; a broken link is not an image.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            if name != "ground_truth" {
                walk(&path, above, found)?;
            }
        } else if metadata.is_file() && is_image_name(&path) {
            found.push(path);
        }
    }
    above.pop();
    Ok(())
}

/// Whether the name has the extension of an image, in any case.
pub(super) fn has_image_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        let is = |known: &&str| extension.eq_ignore_ascii_case(known);
        EXTENSIONS.iter().any(is)
    })
}

/// Whether the name is that of an image and not of a mask.
pub(super) fn is_image_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let name = name.as_encoded_bytes().to_ascii_lowercase();
    has_image_extension(path) && !name.ends_with(b"_mask.png")
}

/// The stems in use, in lower case: `A` and `a` are one file on macOS and Windows.
#[derive(Default)]
struct Stems(HashSet<String>);

impl Stems {
    /// A unique stem made of `path`'s parts; `-2`, `-3` and so on distinguish equal names.
    fn claim(&mut self, path: &Path) -> String {
        let parts = path.components();
        let parts: Vec<String> = parts.map(|part| portable(&part.as_os_str().to_string_lossy())).collect();
        let base = parts.join("/");
        let mut stem = base.clone();
        let mut number = 2;
        while !self.0.insert(stem.to_lowercase()) {
            stem = format!("{base}-{number}");
            number += 1;
        }
        stem
    }
}

/// `part` as a file name that any system allows: no separators, no reserved characters, not `.` or `..`.
fn portable(part: &str) -> String {
    let allowed = |c: char| !c.is_control() && !r#"/\:*?"<>|"#.contains(c);
    let mut name: String = part.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    // Windows drops trailing dots and spaces, which may make two names equal.
    let kept = name.trim_end_matches(['.', ' ']).len();
    if kept < name.len() {
        name.truncate(kept);
        name.push('_');
    }
    if name.is_empty() { "_".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        folder
    }

    fn stems(entries: &[ImageEntry]) -> Vec<&str> {
        entries.iter().map(|entry| &*entry.stem).collect()
    }

    #[test]
    fn folders_are_searched_sorted_and_filtered() {
        let folder = tree(&[
            "test/scratch/001.PNG",
            "test/scratch/000.jpeg",
            "test/good/a.b.tif",
            "test/good/notes.txt",
            "test/good/a_MASK.PNG",
            "ground_truth/scratch/000.png",
            ".cache/x.png",
            "test/.hidden.png",
        ]);
        let entries = collect(&[folder.path().into()]).unwrap();
        assert_eq!(stems(&entries), ["test/good/a.b", "test/scratch/000", "test/scratch/001"]);
        assert_eq!(entries[2].path, folder.path().join("test/scratch/001.PNG"));
    }

    #[test]
    fn named_files_are_used_as_they_are() {
        let folder = tree(&["a/000_mask.png", ".hidden", "ground_truth/1.png"]);
        let at = |name: &str| folder.path().join(name);
        let paths = [at("a/000_mask.png"), at(".hidden"), at("ground_truth")];
        assert_eq!(stems(&collect(&paths).unwrap()), ["000_mask", ".hidden", "1"]);
    }

    #[test]
    fn stems_are_unique() {
        let folder = tree(&["x/0.png", "y/0.png", "z/0.jpg", "z/0.png", "z/0-2.png"]);
        let at = |name: &str| folder.path().join(name);
        let entries = collect(&[at("x"), at("y/0.png"), at("z"), at("x/0.png")]).unwrap();
        assert_eq!(stems(&entries), ["0", "0-2", "0-2-2", "0-3", "0-4", "0-5"]);
        let mut stems = Stems::default();
        assert_eq!(stems.claim(Path::new("A")), "A");
        assert_eq!(stems.claim(Path::new("a")), "a-2");
    }

    #[test]
    fn stems_cannot_leave_their_folder() {
        let names = ["..", ".", "", "a/b\\c", "C:", "end. ", "fine.name"];
        let expected = ["_", "_", "_", "a_b_c", "C_", "end_", "fine.name"];
        assert_eq!(names.map(portable), expected);
    }

    #[test]
    fn nothing_to_do_is_an_error() {
        let folder = tree(&["readme.txt"]);
        let missing = folder.path().join("no/such");
        assert!(matches!(collect(&[]), Err(ImageError::NoPaths)));
        let error = collect(&[folder.path().into()]).unwrap_err();
        assert!(matches!(&error, ImageError::NothingFound { .. }));
        assert!(error.to_string().contains(".webp"), "{error}");
        let error = collect(std::slice::from_ref(&missing)).unwrap_err();
        assert!(matches!(&error, ImageError::NotFound { path } if *path == missing));
    }

    #[cfg(unix)]
    #[test]
    fn link_cycles_and_invalid_names_are_handled() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let folder = tree(&["a/0.png"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("a/broken.png")).unwrap();
        let odd = folder.path().join(OsStr::from_bytes(b"caf\xe9.png"));
        // Some file systems refuse such names; then there is nothing to test.
        let is_written = fs::write(&odd, b"x").is_ok();
        let entries = collect(&[folder.path().into()]).unwrap();
        assert_eq!(entries.len(), 1 + usize::from(is_written));
        assert!(!is_written || entries[1].path == odd && entries[1].stem == "caf\u{fffd}");
    }
}
