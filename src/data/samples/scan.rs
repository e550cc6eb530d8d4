//! Contents of folders.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::SampleError;
use super::mask::Mask;
use super::problem::Problem;
use crate::data::error::ImageError;
use crate::data::left_out::Reason;
use crate::data::walk::{has_image_extension, is_own_output, not_an_image, without_masks};

/// The entries of a folder, without hidden ones, sorted.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let io = |e| ImageError::from_io(folder, e);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// The folders in a folder, without those that `detect` filled.
pub(super) fn folders(folder: &Path) -> Result<Vec<PathBuf>, SampleError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir() && !is_own_output(path)).collect())
}

/// The images in a folder. Masks of others among them, photos in formats that are not read, output of `detect` and broken
/// links are added to the problems.
pub(super) fn images(folder: &Path, problems: &mut Vec<Problem>) -> Result<Vec<PathBuf>, SampleError> {
    let (images, masks) = images_and_masks(folder, problems)?;
    problems.extend(masks.into_iter().map(|path| Problem::LeftOut { path, reason: Reason::Mask }));
    Ok(images)
}

/// As [`images`], where masks may be beside their images: they are no problem.
pub(super) fn images_and_masks(
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Result<(Vec<PathBuf>, Vec<PathBuf>), SampleError> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        let reason = match () {
            () if path.is_dir() => is_own_output(&path).then_some(Reason::OwnOutput),
            () if has_image_extension(&path) && path.is_file() => {
                found.push(path);
                continue;
            }
            () if has_image_extension(&path) && path.is_symlink() => {
                problems.push(Problem::BrokenLink { path });
                continue;
            }
            () if has_image_extension(&path) => Some(Reason::Unreadable),
            () => Some(not_an_image(&path)).filter(|reason| *reason != Reason::Other),
        };
        problems.extend(reason.map(|reason| Problem::LeftOut { path, reason }));
    }
    Ok(without_masks(found))
}

/// Adds the images directly in `folder`, which have no label, to the problems.
pub(super) fn unlabelled(folder: &Path, problems: &mut Vec<Problem>) -> Result<(), SampleError> {
    for path in images(folder, problems)? {
        let rule = "it is next to the folders that are labels".to_owned();
        problems.push(Problem::Dropped { path, rule });
    }
    Ok(())
}

/// The masks of a folder by file stem.
#[derive(Debug, Default)]
pub(super) struct Masks {
    folder: PathBuf,
    by_stem: BTreeMap<OsString, PathBuf>,
}

impl Masks {
    /// Reads the folder, which need not exist.
    pub fn of(folder: &Path) -> Result<Self, SampleError> {
        let found = if folder.is_dir() { entries(folder)? } else { Vec::new() };
        let files = found.into_iter().filter(|file| has_image_extension(file) && file.is_file());
        let by_stem = files.map(|file| (file.file_stem().unwrap_or_default().to_owned(), file)).collect();
        Ok(Self { folder: folder.into(), by_stem })
    }

    /// The mask of an image: a file of the same name, with or without `_mask`, and with any extension.
    pub fn find(&self, image: &Path) -> Option<Mask> {
        let found = self.by_stem.get(&marked(image));
        let found = found.or_else(|| self.by_stem.get(image.file_stem().unwrap_or_default()));
        found.filter(|mask| *mask != image).cloned().map(Mask::File)
    }

    /// As [`Masks::find`], in a folder that also holds images: only names with `_mask` are masks.
    pub fn find_marked(&self, image: &Path) -> Option<Mask> {
        self.by_stem.get(&marked(image)).cloned().map(Mask::File)
    }

    /// As [`Masks::find`]; adds a problem where there is none.
    pub fn need(&self, image: &Path, defect: &str, problems: &mut Vec<Problem>) -> Option<Mask> {
        let found = self.find(image);
        if found.is_none() {
            problems.push(self.missing(image, defect));
        }
        found
    }

    /// The problem of an image that has no mask here.
    pub fn missing(&self, image: &Path, defect: &str) -> Problem {
        let mut name = marked(image);
        name.push(".png");
        let fix = format!("expected {}", self.folder.join(name).display());
        Problem::NoMask { image: image.into(), defect: defect.into(), fix }
    }
}

/// The stem of an image with `_mask`.
fn marked(image: &Path) -> OsString {
    let mut stem = image.file_stem().unwrap_or_default().to_owned();
    stem.push("_mask");
    stem
}
