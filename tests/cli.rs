//! The program from the outside: what it writes, its errors, and what it leaves behind when it is
//! stopped. Everything runs on the machine's default device, with the shaders' run-time checks on.

mod common;

#[path = "cli/adapters.rs"]
mod adapters;
#[path = "cli/benchmarks.rs"]
mod benchmarks;
#[path = "cli/continuing.rs"]
mod continuing;
#[path = "cli/data.rs"]
mod data;
#[path = "cli/detection.rs"]
mod detection;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/evaluation.rs"]
mod evaluation;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/good.rs"]
mod good;
#[path = "cli/hub.rs"]
mod hub;
#[path = "cli/images.rs"]
mod images;
#[path = "cli/import.rs"]
mod import;
#[path = "cli/interrupts.rs"]
mod interrupts;
#[path = "cli/laboratory.rs"]
mod laboratory;
#[path = "cli/learners.rs"]
mod learners;
#[path = "cli/losses.rs"]
mod losses;
#[path = "cli/models.rs"]
mod models;
#[path = "cli/photos.rs"]
mod photos;
#[path = "cli/profile.rs"]
mod profile;
#[path = "cli/prompts.rs"]
mod prompts;
#[path = "cli/requests.rs"]
mod requests;
#[path = "cli/reruns.rs"]
mod reruns;
#[path = "cli/scoring.rs"]
mod scoring;
#[path = "cli/shots.rs"]
mod shots;
#[path = "cli/stopping.rs"]
mod stopping;
#[path = "cli/surroundings.rs"]
mod surroundings;
#[path = "cli/tables.rs"]
mod tables;
#[path = "cli/teach.rs"]
mod teach;
#[path = "cli/tiling.rs"]
mod tiling;
#[path = "cli/training.rs"]
mod training;
#[path = "cli/tuning.rs"]
mod tuning;
#[path = "cli/watching.rs"]
mod watching;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Run;

/// A temporary folder with a tiny model in `model`; the program runs inside it.
struct Place(tempfile::TempDir);

impl Place {
    /// A place with a valid model.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        common::model::write_tiny(&place.path("model"));
        place
    }

    /// A path in it.
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file.
    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(path, bytes).expect("a writable folder");
    }

    /// Writes a picture of 48 × 40 pixels.
    fn picture(&self, name: &str, seed: u32) {
        common::save_picture(self.0.path(), name, (48, 40), seed);
    }

    /// The bytes of a picture in the format that the extension says.
    fn picture_bytes(&self, name: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::read(common::save_picture(folder.path(), name, (48, 40), 1)).expect("a picture")
    }

    /// The program, about to run here.
    fn program(&self) -> Command {
        let mut command = common::program();
        command.current_dir(self.0.path());
        command
    }

    /// Runs the program here with these words.
    fn run(&self, words: &[&str]) -> Run {
        common::finish(self.program().args(words))
    }

    /// The command `detect … --model model --defects scratch,hole --out out`.
    fn detection(&self, words: &[&str]) -> Command {
        let mut command = self.program();
        command.arg("detect").args(words).args(["--model", "model", "--out", "out"]);
        if !words.contains(&"--defects") {
            command.args(["--defects", "scratch,hole"]);
        }
        command
    }

    /// Runs [`Place::detection`].
    fn detect(&self, words: &[&str]) -> Run {
        common::finish(&mut self.detection(words))
    }

    /// Asserts that a failed run left no file in `out`.
    #[track_caller]
    fn left_nothing(&self) {
        assert_eq!(common::files(&self.path("out")), Vec::<String>::new());
    }
}

/// Files of other tests.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
