//! The image files below a folder. Each real file and folder is visited once, whatever links lead to it.

use std::collections::{HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::left_out::Reason;

/// Extensions searched for in folders, in lower case. Files named directly may have any extension.
pub const EXTENSIONS: [&str; 14] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "tif", "tiff", "webp", "pgm", "ppm", "pbm", "pnm"];

/// Extensions of photos and pictures that are not read.
const NOT_READ: [&str; 45] = [
    "gif", "avif", "jp2", "j2k", "j2c", "jpf", "jpx", "jpm", "jxl", "jxr", "heic", "heif", "hif", "tga",
    "pam", "pfm", "ico", "qoi", "hdr", "exr", "dds", "ff", "psd", "psb", "xcf", "pcx", "sgi", "rgb", "ras",
    "svg", "raw", "dng", "cr2", "cr3", "nef", "arw", "rw2", "orf", "raf", "srw", "pef", "apng", "mpo", "dcm",
    "emf",
];

/// Names of folders of masks. What lies in the first is a mask; in the others, what belongs to an image beside them.
const MASK_FOLDERS: [&str; 5] = ["ground_truth", "groundtruth", "gt", "mask", "masks"];

/// Names of folders of images beside a folder of masks.
const IMAGE_FOLDERS: [&str; 4] = ["images", "image", "imgs", "img"];

/// The real paths of what has been visited.
#[derive(Debug, Default)]
pub(super) struct Seen {
    real: HashSet<PathBuf>,
    /// A folder that is passed by.
    passed: Option<PathBuf>,
}

impl Seen {
    /// Nothing is visited yet, and this folder is not to be.
    pub fn outside(folder: &Path) -> Self {
        Self { passed: folder.canonicalize().ok(), ..Self::default() }
    }

    /// Notes a file or folder by its real path; `false` if it was noted before.
    pub fn insert(&mut self, real: PathBuf) -> bool {
        self.real.insert(real)
    }
}

/// The images below a folder, and what is not among them.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The images, sorted, as paths that begin with the folder.
    pub files: Vec<PathBuf>,
    /// The others.
    pub left_out: Vec<(Reason, PathBuf)>,
}

/// A folder that is to be searched.
struct Folder {
    path: PathBuf,
    real: PathBuf,
    /// Why no file of it is looked at.
    left_out: Option<Reason>,
}

/// An image, and whether the path to it is a link.
struct Candidate {
    path: PathBuf,
    real: PathBuf,
}

/// Searches a folder. Hidden files and folders are left out, and what is a mask, or output of `detect`. Paths without
/// links come before those with links, so that a file that is reached in several ways has its own name.
///
/// # Errors
/// The folder itself cannot be read.
pub(super) fn walk(root: &Path, seen: &mut Seen) -> io::Result<Found> {
    let real = root.canonicalize()?;
    fs::read_dir(&real)?;
    let mut found = Found::default();
    let mut visited = HashSet::new();
    let (mut folders, mut links) =
        (vec![Folder { path: root.into(), real, left_out: None }], VecDeque::new());
    let mut candidates = Vec::new();
    while let Some(folder) = folders.pop().or_else(|| links.pop_front()) {
        // A folder of masks may be named by itself after the one that holds it.
        let is_new = visited.insert(folder.real.clone())
            && (folder.left_out.is_some() || seen.insert(folder.real.clone()));
        match is_new {
            true => visit(&folder, seen, &mut folders, &mut links, &mut candidates, &mut found),
            false => found.left_out.push((Reason::Repeated, folder.path)),
        }
    }
    // Real paths first: sorting is stable.
    candidates.sort_by_key(|candidate: &Candidate| !is_plain(candidate, root));
    let names: HashSet<(PathBuf, OsString)> =
        candidates.iter().map(|c| (below(root, parent(&c.path)).into(), stem(&c.path))).collect();
    for Candidate { path, real } in candidates {
        if is_mask(below(root, &path), &names) {
            found.left_out.push((Reason::Mask, path));
        } else if is_overlay(below(root, &path), &names) {
            found.left_out.push((Reason::OwnOutput, path));
        } else if seen.insert(real) {
            found.files.push(path);
        } else {
            found.left_out.push((Reason::Repeated, path));
        }
    }
    found.files.sort();
    found.left_out.sort();
    Ok(found)
}

/// Sorts the entries of a folder into images, folders and what is left out.
fn visit(
    folder: &Folder,
    seen: &Seen,
    folders: &mut Vec<Folder>,
    links: &mut VecDeque<Folder>,
    candidates: &mut Vec<Candidate>,
    found: &mut Found,
) {
    let Ok(entries) = fs::read_dir(&folder.path) else {
        found.left_out.push((Reason::Unreadable, folder.path.clone()));
        return;
    };
    // The kind of an entry comes with its name, without a question of its own.
    let named = |entry: fs::DirEntry| Some((entry.file_name(), entry.file_type().ok()?));
    let mut entries: Vec<(OsString, FileType)> = entries.flatten().filter_map(named).collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let is_there =
        |own: &str| entries.iter().any(|(name, _)| name == own) && is_results(&folder.path.join(own));
    let has_output = is_there(RESULTS) || is_there(PROGRESS);
    for (name, kind) in entries {
        let path = folder.path.join(&name);
        let is_link = kind.is_symlink();
        let leads_to = || Some((path.canonicalize().ok()?, fs::metadata(&path).ok()?.file_type()));
        let place = if is_link { leads_to() } else { Some((folder.real.join(&name), kind)) };
        let Some((real, kind)) = place else {
            // It may also have gone since the folder was listed.
            if is_link && is_photo(&path) {
                found.left_out.push((Reason::BrokenLink, path));
            }
            continue;
        };
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        if kind.is_dir() {
            if seen.passed.as_ref() == Some(&real) {
                continue;
            }
            let reason = match () {
                () if is_hidden => {
                    found.left_out.push((Reason::Hidden, path));
                    continue;
                }
                () if has_output && OUTPUT_FOLDERS.iter().any(|own| name == *own) => Some(Reason::OwnOutput),
                () if name == MASK_FOLDERS[0] => Some(Reason::Mask),
                () => None,
            };
            let next = Folder { path, real, left_out: folder.left_out.or(reason) };
            if is_link {
                links.push_back(next)
            } else {
                folders.push(next)
            }
            continue;
        }
        let reason = match () {
            () if is_hidden && is_photo(&path) => Reason::Hidden,
            () if is_hidden => continue,
            () if !kind.is_file() => Reason::Unreadable,
            () if has_image_extension(&path) => match folder.left_out {
                Some(reason) => reason,
                None => {
                    candidates.push(Candidate { path, real });
                    continue;
                }
            },
            // Beside overlays and masks other files are no surprise.
            () if folder.left_out.is_some() => continue,
            () => not_an_image(&path),
        };
        found.left_out.push((reason, path));
    }
}

/// Why a file is not looked at that has none of the extensions of images.
pub(super) fn not_an_image(path: &Path) -> Reason {
    match path.extension() {
        Some(_) if is_photo(path) => Reason::Format,
        None if begins_as_image(path) => Reason::NoExtension,
        _ => Reason::Other,
    }
}

/// The results of `detect`, what is there of a run that is not complete, and the folders beside them that it fills.
const RESULTS: &str = "results.json";
const PROGRESS: &str = "detect.jsonl";
const OUTPUT_FOLDERS: [&str; 2] = ["overlays", "maps"];

/// Whether a folder is one that `detect` filled: `overlays` or `maps` beside its `results.json`.
pub(super) fn is_own_output(folder: &Path) -> bool {
    let is_named = folder.file_name().is_some_and(|name| OUTPUT_FOLDERS.iter().any(|own| name == *own));
    let beside = |own: &str| is_results(&parent(folder).join(own));
    is_named && (beside(RESULTS) || beside(PROGRESS))
}

/// Whether a file is the results of `detect`: its schema stands at its beginning.
fn is_results(path: &Path) -> bool {
    let head = head(path, 256);
    let has = |schema: &[u8]| head.windows(schema.len()).any(|part| part == schema);
    has(b"dapo-wgpu/results/") || has(b"dapo-wgpu/detection/")
}

fn begins_as_image(path: &Path) -> bool {
    looks_like_image(&head(path, 16))
}

/// Whether bytes begin as an image of any known format does, read or not.
pub fn looks_like_image(head: &[u8]) -> bool {
    let iso = head.get(4..8) == Some(b"ftyp"); // HEIC and AVIF
    iso || ::image::guess_format(head).is_ok()
}

/// The first bytes of a file; none of one that is not a regular file, or cannot be read.
fn head(path: &Path, bytes: u64) -> Vec<u8> {
    let mut head = Vec::new();
    if path.is_file()
        && let Ok(file) = File::open(path)
    {
        // What was read before an error is enough to tell.
        let _ = file.take(bytes).read_to_end(&mut head);
    }
    head
}

/// Whether a path below `root` has no link in it.
fn is_plain(candidate: &Candidate, root: &Path) -> bool {
    let ends = below(root, &candidate.path);
    candidate.real.ends_with(ends) && !candidate.path.is_symlink()
}

/// Whether an image, by its path below the folder that is searched, is a mask of another one in it: `000_mask.png` beside
/// `000.png`, or `masks/000.png` where `000.jpg` lies at the same place beside `masks`, or in `images`.
fn is_mask(path: &Path, names: &HashSet<(PathBuf, OsString)>) -> bool {
    let (folder, own) = (parent(path), stem(path));
    let is_there = |folder: PathBuf, stem: &OsStr| names.contains(&(folder, stem.to_owned()));
    let marked = unmarked(&own);
    if marked.as_ref().is_some_and(|stem| is_there(folder.into(), stem)) {
        return true;
    }
    let parts: Vec<&OsStr> = folder.iter().collect();
    (0..parts.len()).filter(|&at| MASK_FOLDERS.iter().any(|name| parts[at].eq_ignore_ascii_case(name))).any(
        |at| {
            let (above, rest): (PathBuf, PathBuf) =
                (parts[..at].iter().collect(), parts[at + 1..].iter().collect());
            let stems = [Some(&own), marked.as_ref()].into_iter().flatten();
            let mut places =
                IMAGE_FOLDERS.iter().map(|name| above.join(name).join(&rest)).collect::<Vec<_>>();
            places.push(above.join(&rest));
            stems.into_iter().any(|stem| places.iter().any(|place| is_there(place.clone(), stem)))
        },
    )
}

/// Whether an image, by its path below the folder that is searched, is an overlay that a run of `detect` left which did not
/// come to its results: `out/overlays/a/000.png` where `a/000.jpg` lies in a folder above.
fn is_overlay(path: &Path, names: &HashSet<(PathBuf, OsString)>) -> bool {
    let (own, parts) = (stem(path), parent(path).iter().collect::<Vec<_>>());
    let Some(at) = parts.iter().position(|part| *part == OUTPUT_FOLDERS[0]) else { return false };
    let rest: PathBuf = parts[at + 1..].iter().collect();
    // Of images that differ in it only, overlays have the extension in their names.
    let stems = [own.clone(), stem(Path::new(&own))];
    (0..=at).any(|above| {
        let place = parts[..above].iter().collect::<PathBuf>().join(&rest);
        stems.iter().any(|stem| names.contains(&(place.clone(), stem.clone())))
    })
}

/// The stem of an image whose mask has this stem.
fn unmarked(stem: &OsStr) -> Option<OsString> {
    let stem = stem.to_str()?.strip_suffix("_mask")?;
    (!stem.is_empty()).then(|| stem.into())
}

/// The stem in lower case.
fn stem(path: &Path) -> OsString {
    path.file_stem().unwrap_or_default().to_ascii_lowercase()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn below<'p>(root: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(root).unwrap_or(path)
}

fn has_extension(path: &Path, known: &[&str]) -> bool {
    path.extension().is_some_and(|extension| known.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Whether the name has the extension of an image that is read, in any case.
pub(super) fn has_image_extension(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS)
}

/// Whether the name has the extension of a photo, whether it is read or not.
fn is_photo(path: &Path) -> bool {
    has_image_extension(path) || has_extension(path, &NOT_READ)
}

/// Divides the images of one folder from the masks of others among them.
pub(super) fn without_masks(images: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let stems: HashSet<OsString> = images.iter().map(|image| stem(image)).collect();
    let is_mask = |image: &PathBuf| unmarked(&stem(image)).is_some_and(|stem| stems.contains(&stem));
    let (masks, images) = images.into_iter().partition(is_mask);
    (images, masks)
}
