//! Every reader of bytes: what it is given to begin with, and how it is called. `tests/fuzz.rs` and the targets of
//! `fuzz/` run the same ones.
#![allow(dead_code)] // each of the two uses its own part of this

mod bytes;
mod images;
mod kernels;
mod lists;
mod maps;
mod models;
mod records;
mod runs;
mod torch;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

/// How inputs are written, which decides how they are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A binary file.
    Binary,
    /// Text of any kind.
    Text,
    /// JSON: values are changed in it, too.
    Json,
}

/// A reader of bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name in `fuzz/` and in reports.
    pub name: &'static str,
    /// How inputs are written.
    pub form: Form,
    /// Valid inputs, from which others are made.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Makes checksums and lengths right again, without which a changed input would not get far.
    pub repair: Option<fn(&mut Vec<u8>)>,
    /// Reads an input; whether it was valid. Errors are what is expected; anything else is a fault.
    pub read: fn(&[u8], &Desk) -> bool,
}

/// Where inputs lie as files.
pub struct Desk(TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        if std::fs::write(&path, bytes).is_err() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
            std::fs::write(&path, bytes).expect("a writable file");
        }
        path
    }
}

/// A target without checksums.
fn plain(
    name: &'static str,
    form: Form,
    seeds: fn() -> Vec<Vec<u8>>,
    read: fn(&[u8], &Desk) -> bool,
) -> Target {
    Target { name, form, seeds, repair: None, read }
}

/// All of them.
pub fn all() -> Vec<Target> {
    let parts = [
        images::targets(),
        maps::targets(),
        models::targets(),
        torch::targets(),
        lists::targets(),
        records::targets(),
        runs::targets(),
        kernels::targets(),
    ];
    parts.concat()
}

/// The target of this name.
pub fn find(name: &str) -> &'static Target {
    static ALL: OnceLock<Vec<Target>> = OnceLock::new();
    ALL.get_or_init(all).iter().find(|target| target.name == name).expect("a known target")
}

/// Reads an input as it is, and with its checksums made right.
pub fn run(name: &str, input: &[u8]) {
    static DESK: OnceLock<Desk> = OnceLock::new();
    let target = find(name);
    let desk = DESK.get_or_init(Desk::new);
    (target.read)(input, desk);
    if let Some(repair) = target.repair {
        let mut input = input.to_vec();
        repair(&mut input);
        (target.read)(&input, desk);
    }
}
