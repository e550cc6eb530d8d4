//! `detect -`: paths, or one image, from standard input.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Failure;
use crate::data::looks_like_image;
use crate::files::BUDGET;

/// The path that stands for standard input.
pub const DASH: &str = "-";
/// The file that an image from standard input is put into: results and pictures have this name.
const NAME: &str = "stdin";

/// What the paths of a command are after standard input was read.
#[derive(Debug)]
pub struct Paths {
    /// Images and folders.
    pub paths: Vec<PathBuf>,
    /// The folder of an image from standard input; removed when this is dropped.
    folder: Option<TempDir>,
}

impl Paths {
    /// Reads standard input in place of `-`: an image if it begins as one, or else paths, one in a line (or ended by a zero
    /// byte, as `find -print0` writes them).
    ///
    /// # Errors
    /// `-` more than once; a terminal; more than an image may have; no path at all.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let dashes = paths.iter().filter(|path| path.as_os_str() == DASH).count();
        match dashes {
            0 => return Ok(Self { paths: paths.to_vec(), folder: None }),
            1 => {}
            _ => return Err(Failure::usage("'-' is given more than once: there is one standard input")),
        }
        let input = std::io::stdin();
        if input.is_terminal() {
            return Err(Failure::usage("'-' reads standard input, and nothing is connected to it").hint(
                "as in: find photos -name '*.png' | dapo-wgpu detect - --out results, or < photo.png",
            ));
        }
        let mut bytes = Vec::new();
        let failed = |e: std::io::Error| Failure::new(format!("standard input: {e}"));
        input.lock().take(BUDGET.file_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
        BUDGET.check_file(bytes.len() as u64).map_err(|e| Failure::new(format!("standard input: {e}")))?;
        let listed = lines(&bytes);
        // Names of files begin with "BM" and "P5", too.
        let is_list = listed.first().is_some_and(|path| path.exists());
        if !is_list && looks_like_image(&bytes) {
            let folder = tempfile::Builder::new().prefix("dapo-wgpu-").tempdir().map_err(failed)?;
            let image = folder.path().join(NAME);
            std::fs::write(&image, &bytes).map_err(failed)?;
            return Ok(Self { paths: replaced(paths, &[image]), folder: Some(folder) });
        }
        if listed.is_empty() {
            return Err(Failure::new("standard input: no path and no image in it"));
        }
        Ok(Self { paths: replaced(paths, &listed), folder: None })
    }

    /// How a file is named to the user: `-` for the image from standard input.
    pub fn shown(&self, file: &Path) -> String {
        match &self.folder {
            Some(folder) if file.starts_with(folder.path()) => DASH.to_owned(),
            _ => file.display().to_string(),
        }
    }

    /// The words of an error with the image from standard input named so.
    pub fn named(&self, words: &str) -> String {
        let hidden =
            |folder: &TempDir| words.replace(&*folder.path().join(NAME).to_string_lossy(), "standard input");
        self.folder.as_ref().map_or_else(|| words.to_owned(), hidden)
    }
}

fn replaced(paths: &[PathBuf], listed: &[PathBuf]) -> Vec<PathBuf> {
    let one = |path: &PathBuf| if path.as_os_str() == DASH { listed.to_vec() } else { vec![path.clone()] };
    paths.iter().flat_map(one).collect()
}

/// Paths in lines; all bytes but the end of a line belong to a name.
fn lines(bytes: &[u8]) -> Vec<PathBuf> {
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let name = |line: &[u8]| {
        let line = if end == b'\n' { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
        (!line.is_empty()).then(|| PathBuf::from(text(line)))
    };
    bytes.split(|&byte| byte == end).filter_map(name).collect()
}

#[cfg(unix)]
fn text(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn text(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_lines_or_end_with_a_zero() {
        let read = |bytes: &[u8]| lines(bytes).iter().map(|p| p.display().to_string()).collect::<Vec<_>>();
        assert_eq!(read(b"a.png\r\n\n b c.png\n"), ["a.png", " b c.png"]);
        assert_eq!(read(b"a\nb.png\0c.png\0"), ["a\nb.png", "c.png"]);
        assert!(read(b"\n").is_empty());
    }

    #[test]
    fn a_dash_is_replaced_in_its_place() {
        let path = PathBuf::from;
        let all = replaced(&[path("x"), path("-"), path("y")], &[path("a"), path("b")]);
        assert_eq!(all, [path("x"), path("a"), path("b"), path("y")]);
    }
}
