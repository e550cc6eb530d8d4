//! Finds image files, and gives each a name under which results are stored.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ImageError;
use super::left_out::{LeftOut, Reason};
use super::names::unique_names;
pub use super::walk::EXTENSIONS;
use super::walk::{Seen, walk};

/// One image to process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageEntry {
    /// The file.
    pub path: PathBuf,
    /// Unique relative path for results: the file's own stem, or for a file found in a folder its path in that folder
    /// without extension, with `/` between the parts (`test/scratch/000`); with extension where several images differ in
    /// it only. Never absolute, never with `..`, and in characters that every file system allows.
    pub stem: String,
}

impl AsRef<Path> for ImageEntry {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// What a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The images.
    pub images: Vec<ImageEntry>,
    /// What is in the folders besides, and why it is not looked at.
    pub left_out: LeftOut,
}

/// Lists the images of `paths` in their order: a file as it is, a folder recursively and sorted by path.
///
/// In folders, files with one of [`EXTENSIONS`] (in any case) are listed, except hidden files and folders, masks (what lies in a
/// folder named `ground_truth`, and files such as `000_mask.png` or `masks/000.png` beside an image `000`), and what `detect`
/// wrote. These and all other files are counted in `left_out`. A file or folder named directly is used regardless of its
/// name. Each real file and folder counts once, however often it is named or linked.
///
/// # Errors
/// A path that does not exist or cannot be read, or no image at all.
pub fn collect(paths: &[PathBuf]) -> Result<Collected, ImageError> {
    collect_in(paths, Seen::default())
}

/// As [`collect`], but for a folder in one of the `paths` that is not looked at, as if it were not there: that of the
/// output, which is filled meanwhile.
///
/// # Errors
/// As [`collect`].
pub fn collect_outside(paths: &[PathBuf], output: &Path) -> Result<Collected, ImageError> {
    collect_in(paths, Seen::outside(output))
}

fn collect_in(paths: &[PathBuf], mut seen: Seen) -> Result<Collected, ImageError> {
    if paths.is_empty() {
        return Err(ImageError::NoPaths);
    }
    let mut left_out = LeftOut::default();
    // Each image with the group in which its name is to be unique, and that name.
    let mut found: Vec<(PathBuf, PathBuf, PathBuf)> = Vec::new();
    for path in paths {
        let io = |e| ImageError::from_io(path, e);
        if fs::metadata(path).map_err(io)?.is_dir() {
            let below = walk(path, &mut seen).map_err(io)?;
            below.left_out.iter().for_each(|(reason, path)| left_out.add(*reason, path));
            for file in below.files {
                let name = file.strip_prefix(path).unwrap_or(&file).to_owned();
                found.push((file, path.clone(), name));
            }
        } else if seen.insert(path.canonicalize().map_err(io)?) {
            let name = path.file_name().unwrap_or(path.as_os_str()).into();
            let folder = path.parent().unwrap_or(Path::new("")).to_owned();
            found.push((path.clone(), folder, name));
        } else {
            left_out.add(Reason::Repeated, path);
        }
    }
    if found.is_empty() {
        return Err(ImageError::NothingFound {
            paths: paths.to_vec(),
            extensions: EXTENSIONS.map(|e| format!(".{e}")).join(" "),
            left_out: left_out.lines(),
        });
    }
    let names: Vec<(&Path, &Path)> = found.iter().map(|(_, group, name)| (&**group, &**name)).collect();
    let stems = unique_names(&names);
    let images = found.iter().zip(stems).map(|((path, ..), stem)| ImageEntry { path: path.clone(), stem });
    Ok(Collected { images: images.collect(), left_out })
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

    fn stems(found: &Collected) -> Vec<&str> {
        found.images.iter().map(|entry| &*entry.stem).collect()
    }

    /// What was left out, by reason.
    fn codes(found: &Collected) -> Vec<(&str, usize)> {
        found.left_out.groups().map(|(reason, group)| (reason.code(), group.count)).collect()
    }

    #[test]
    fn folders_are_searched_sorted_and_filtered() {
        let folder = tree(&[
            "test/scratch/001.PNG",
            "test/scratch/000.jpeg",
            "test/good/a.b.tif",
            "test/good/notes.txt",
            "test/good/a.b_MASK.PNG",
            "ground_truth/scratch/000.png",
            ".cache/x.png",
            "test/.hidden.png",
        ]);
        let found = collect(&[folder.path().into()]).unwrap();
        assert_eq!(stems(&found), ["test/good/a.b", "test/scratch/000", "test/scratch/001"]);
        assert_eq!(found.images[2].path, folder.path().join("test/scratch/001.PNG"));
        assert_eq!(codes(&found), [("mask", 2), ("hidden", 2), ("other", 1)]);
    }

    #[test]
    fn named_files_are_used_as_they_are() {
        let folder = tree(&["a/000_mask.png", ".hidden", "ground_truth/1.png"]);
        let at = |name: &str| folder.path().join(name);
        let paths = [at("a/000_mask.png"), at(".hidden"), at("ground_truth")];
        assert_eq!(stems(&collect(&paths).unwrap()), ["000_mask", ".hidden", "1"]);
    }

    #[test]
    fn stems_are_unique_and_each_file_counts_once() {
        let folder = tree(&["x/0.png", "y/0.png", "z/0.jpg", "z/0.png", "z/0-2.png"]);
        let at = |name: &str| folder.path().join(name);
        let found =
            collect(&[at("x"), at("y/0.png"), at("z"), at("x/0.png"), at("z/../x"), at("z/0.jpg")]).unwrap();
        assert_eq!(stems(&found), ["0", "0-2", "0-2-2", "0.jpg", "0.png"]);
        assert_eq!(codes(&found), [("repeated", 3)]);
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
        let found = collect(&[folder.path().into()]).unwrap();
        assert_eq!(found.images.len(), 1 + usize::from(is_written));
        assert!(!is_written || found.images[1].path == odd && found.images[1].stem == "caf\u{fffd}");
        assert_eq!(codes(&found), [("repeated", 1), ("broken_link", 1)]);
    }

    #[test]
    fn photos_that_are_not_read_are_counted() {
        let other = [
            "a.gif",
            "b.AVIF",
            "c.jp2",
            "d.tga",
            "e.heic",
            "f.jxl",
            "g.pam",
            "h.CR2",
            "face_mask.png",
            "gas_mask.png",
        ];
        let folder = tree(&[&other[..], &["x.pnm", "README", "list.csv"]].concat());
        fs::write(folder.path().join("photo"), b"\x89PNG\r\n\x1a\n").unwrap();
        let found = collect(&[folder.path().into()]).unwrap();
        assert_eq!(stems(&found), ["face_mask", "gas_mask", "x"]);
        assert_eq!(codes(&found), [("format_not_read", 8), ("no_extension", 1), ("other", 2)]);
        let lines = found.left_out.lines();
        assert!(
            lines[0].contains("a.gif") && lines[0].starts_with("8 left out") && lines[0].ends_with('…'),
            "{lines:?}"
        );
        // Where nothing is left, the error says so.
        let folder = tree(&["a.gif"]);
        let error = collect(&[folder.path().into()]).unwrap_err().to_string();
        assert!(error.contains("a.gif") && error.contains("not read"), "{error}");
    }

    #[test]
    fn masks_belong_to_an_image_that_is_there() {
        let folder = tree(&[
            "face.jpg",
            "face_mask.png",
            "set/bad/1.png",
            "set/bad/1_mask.bmp",
            "set/masks/bad/1.png",
            "s/images/2.jpg",
            "s/masks/2.png",
            "s/gt/2_mask.png",
            "s/masks/3.png",
            "hats/7.png",
            "masks/7.png",
            "ground_truth/9.png",
        ]);
        let found = collect(&[folder.path().into()]).unwrap();
        assert_eq!(stems(&found), ["face", "hats/7", "masks/7", "s/images/2", "s/masks/3", "set/bad/1"]);
        assert_eq!(codes(&found), [("mask", 6)]);
        // Named after the folder that holds it, a folder of masks is looked at.
        let both = collect(&[folder.path().into(), folder.path().join("ground_truth")]).unwrap();
        assert_eq!(both.images.len(), 7);
    }

    #[test]
    fn own_output_is_no_input() {
        let folder = tree(&["a.png", "out/overlays/a.png", "out/maps/b.png", "out/c.png", "overlays/d.png"]);
        fs::write(folder.path().join("out/results.json"), "{\n  \"schema\": \"dapo-wgpu/results/1\"}")
            .unwrap();
        let found = collect(&[folder.path().into()]).unwrap();
        assert_eq!(stems(&found), ["a", "out/c", "overlays/d"], "only beside results");
        assert_eq!(codes(&found), [("own_output", 2), ("other", 1)]);
        // A run that was killed has left no results.
        let folder = tree(&[
            "a.png",
            "b/c.jpg",
            "b/c.bmp",
            "out/overlays/a.png",
            "out/overlays/b/c.jpg.png",
            "overlays/d.png",
        ]);
        let found = collect(&[folder.path().into()]).unwrap();
        assert_eq!(stems(&found), ["a", "b/c.bmp", "b/c.jpg", "overlays/d"]);
        assert_eq!(codes(&found), [("own_output", 2)]);
    }

    #[cfg(unix)]
    #[test]
    fn folders_that_link_each_other_are_searched_once() {
        let folder = tree(&["photos/a.png"]);
        let root = folder.path();
        let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.join(at)).unwrap();
        for name in ["self", "again", "third"] {
            link(".", name);
        }
        for n in 0..11 {
            fs::create_dir(root.join(format!("d{n}"))).unwrap();
            for m in 0..11 {
                link(&format!("../d{m}"), &format!("d{n}/to{m}"));
            }
        }
        link("photos", "0photos");
        link("photos/a.png", "0.png");
        let found = collect(&[root.into()]).unwrap();
        assert_eq!(stems(&found), ["photos/a"], "under its own name");
        assert_eq!(codes(&found), [("repeated", 3 + 121 + 1 + 1)]);
    }
}
