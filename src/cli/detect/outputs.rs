//! The files that `detect` writes, and which of them a next run removes: its own, and no other.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path};

use serde::Deserialize;

use crate::cli::Failure;
use crate::cli::say::say;
use crate::files::{digest, read_regular, read_text};
use crate::report::results::SCHEMA;
use crate::report::{is_page, sweep};

/// Folders of files of images.
const FOLDERS: [&str; 2] = ["overlays", "maps"];

/// The files of an image of this name, of those kinds that are written.
pub fn files_of_image(name: &str, overlays: bool, maps: bool) -> impl Iterator<Item = String> {
    let maps = maps.then(|| ["binary", "multi"].map(|kind| format!("maps/{name}.{kind}.npy")));
    overlays.then(|| format!("overlays/{name}.png")).into_iter().chain(maps.into_iter().flatten())
}

/// An output folder.
#[derive(Debug)]
pub struct Outputs<'a> {
    folder: &'a Path,
}

/// What is needed of the results of an earlier run.
#[derive(Debug, Default, Deserialize)]
struct Earlier {
    schema: String,
    #[serde(default)]
    written: BTreeMap<String, String>,
}

impl<'a> Outputs<'a> {
    /// That of this folder.
    pub fn new(folder: &'a Path) -> Self {
        Self { folder }
    }

    /// Removes temporary files that a killed run has left.
    pub fn sweep(&self) {
        sweep(self.folder);
        FOLDERS.iter().for_each(|name| sweep_below(&self.folder.join(name)));
    }

    /// Removes what an earlier run wrote: the `files` of one that was stopped, those of its results, the page and the
    /// results themselves.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn remove_earlier(&self, files: &BTreeMap<String, Option<String>>) -> Result<(), Failure> {
        self.remove(files)?;
        let results = self.folder.join("results.json");
        // What cannot be read as results is replaced by the new ones, and nothing is known of its files.
        let read =
            read_regular(&results).ok().and_then(|bytes| serde_json::from_slice::<Earlier>(&bytes).ok());
        let Some(earlier) = read.filter(|earlier| earlier.schema == SCHEMA) else { return Ok(()) };
        let own = earlier.written.into_iter().map(|(name, content)| (name, Some(content))).collect();
        self.remove(&own)?;
        let page = self.folder.join("report.html");
        if read_text(&page).is_ok_and(|text| is_page(&text)) {
            remove_file(&page)?;
        }
        // Last: as long as it is there, it is known what else to remove.
        remove_file(&results)
    }

    /// Removes files by their names below the folder if they hold what is stated, then folders that are empty. A file
    /// that holds something else is not ours any more, which is said.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn remove(&self, files: &BTreeMap<String, Option<String>>) -> Result<(), Failure> {
        for (name, content) in files {
            let path = self.folder.join(name);
            if !self.is_output(name) || !path.is_file() {
                continue;
            }
            if content.as_ref().is_some_and(|content| *content != digest(&path)) {
                say!("note: {}: changed since an earlier run wrote it, and not removed", path.display());
                continue;
            }
            remove_file(&path)?;
            let mut parent = path.parent();
            while let Some(folder) = parent.filter(|folder| *folder != self.folder) {
                // Fails where something is left in it.
                if fs::remove_dir(folder).is_err() {
                    break;
                }
                parent = folder.parent();
            }
        }
        Ok(())
    }

    /// Refuses a folder that is another's: one of an evaluation, or one whose folders of pictures and maps are links to
    /// places elsewhere, where files would be replaced that nobody named.
    ///
    /// # Errors
    /// Such a folder.
    pub fn check(&self) -> Result<(), Failure> {
        let another = || "choose another folder with --out".to_owned();
        if self.folder.join("run.json").is_file() && self.folder.join("images.jsonl").is_file() {
            let message = format!("{}: this is the folder of an evaluation", self.folder.display());
            return Err(Failure::new(message).hint(another()));
        }
        let link = FOLDERS.iter().map(|name| self.folder.join(name)).find(|path| path.is_symlink());
        match link {
            Some(link) => {
                Err(Failure::new(format!("{}: this is a link to another folder", link.display()))
                    .hint(another()))
            }
            None => Ok(()),
        }
    }

    /// Sets a file aside under another name that stands where this run is about to write, and is not of this program or was
    /// changed since: what a run wrote before was removed when it began.
    ///
    /// # Errors
    /// A file that cannot be renamed.
    pub fn set_aside(&self, name: &str) -> Result<(), Failure> {
        let path = self.folder.join(name);
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let ours = match name {
            "results.json" => read_regular(&path).is_ok_and(|bytes| {
                serde_json::from_slice::<Earlier>(&bytes).is_ok_and(|e| e.schema == SCHEMA)
            }),
            "report.html" => read_text(&path).is_ok_and(|text| is_page(&text)),
            _ => false,
        };
        if ours {
            return Ok(());
        }
        let aside = |n: u64| self.folder.join(format!("{name}.before-{n}"));
        let mut number = 1;
        while aside(number).symlink_metadata().is_ok() {
            number += 1;
        }
        let aside = aside(number);
        fs::rename(&path, &aside)
            .map_err(|e| Failure::new(format!("{}: cannot be set aside: {e}", path.display())))?;
        say!("note: {}: not as this program wrote it; kept as {}", path.display(), aside.display());
        Ok(())
    }

    /// Whether a name is one that `detect` gives: it lies in one of its folders, and no link leads out of them.
    fn is_output(&self, name: &str) -> bool {
        let mut parts = Path::new(name).components();
        let first = parts.next().is_some_and(|part| FOLDERS.iter().any(|own| part.as_os_str() == *own));
        let below = parts.all(|part| matches!(part, Component::Normal(_)));
        let real = |path: &Path| path.canonicalize().ok();
        let parent = real(&self.folder.join(name)).and_then(|path| path.parent().map(Path::to_owned));
        let inside = parent.zip(real(self.folder)).is_some_and(|(parent, own)| parent.starts_with(own));
        first && below && inside
    }
}

fn remove_file(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(Failure::new(format!("{}: a file of an earlier run cannot be removed: {e}", path.display()))
                .hint("choose another folder with --out"))
        }
        _ => Ok(()),
    }
}

fn sweep_below(folder: &Path) {
    sweep(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_below(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::digest_of;

    #[test]
    fn files_of_others_are_set_aside_and_folders_of_others_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let out = Outputs::new(place.path());
        out.set_aside("report.html").expect("nothing there");
        for _ in 0..2 {
            fs::write(place.path().join("report.html"), "mine").expect("written");
            out.set_aside("report.html").expect("set aside");
        }
        let kept = ["report.html.before-1", "report.html.before-2"];
        assert!(kept.iter().all(|name| place.path().join(name).is_file()));
        assert!(!place.path().join("report.html").exists());
        out.check().expect("a folder for results");
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(place.path(), place.path().join("maps")).expect("linked");
            let message = out.check().expect_err("a link").message;
            assert!(message.contains("maps: this is a link"), "{message}");
            fs::remove_file(place.path().join("maps")).expect("removed");
        }
        ["run.json", "images.jsonl"]
            .iter()
            .for_each(|name| fs::write(place.path().join(name), "{}").expect("written"));
        assert!(out.check().expect_err("an evaluation").message.contains("of an evaluation"));
    }

    #[test]
    fn own_files_are_removed_and_no_others() {
        let place = tempfile::tempdir().expect("a folder");
        let out = place.path().join("out");
        let write = |name: &str, text: &str| {
            let path = out.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        for name in ["overlays/a/b.png", "overlays/c.png", "maps/c.npy", "overlays/mine.png", "notes.txt"] {
            write(name, "as it was");
        }
        write("overlays/edited.png", "edited");
        write("../outside.png", "as it was");
        write("report.html", "mine");
        #[cfg(unix)]
        std::os::unix::fs::symlink(place.path(), out.join("overlays/link")).expect("linked");
        let was = digest_of(b"as it was");
        let listed = [
            "overlays/a/b.png",
            "overlays/c.png",
            "maps/c.npy",
            "overlays/edited.png",
            "overlays/gone.png",
            "overlays/../notes.txt",
            "notes.txt",
            "overlays/link/outside.png",
            "../outside.png",
        ];
        let written: BTreeMap<&str, &str> = listed.iter().map(|name| (*name, was.as_str())).collect();
        let results = serde_json::json!({ "schema": SCHEMA, "written": written });
        write("results.json", &results.to_string());
        Outputs::new(&out).remove_earlier(&BTreeMap::new()).expect("removed");
        let left = ["overlays/mine.png", "overlays/edited.png", "notes.txt", "report.html", "../outside.png"];
        assert!(left.iter().all(|name| out.join(name).is_file()));
        let gone = ["overlays/a", "overlays/c.png", "maps", "results.json"];
        assert!(gone.iter().all(|name| !out.join(name).exists()));
        // Results of another program are left alone.
        write("results.json", "{\"schema\": \"other\"}");
        Outputs::new(&out).remove_earlier(&BTreeMap::new()).expect("nothing to do");
        assert!(out.join("results.json").is_file());
    }
}
