//! What an import says at its end: in words, or as JSON of schema `dapo-wgpu/import/1`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::words::plural;

/// What was found out, and which files were written.
#[derive(Default)]
pub struct Summary {
    pub kind: &'static str,
    pub files: Vec<(PathBuf, &'static str)>,
    pub assumed: Vec<String>,
    pub notes: Vec<String>,
}

/// The summary of an import.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Imported<'a> {
    /// `dapo-wgpu/import/1`
    schema: &'static str,
    /// What the file holds: `clip`, `learner` or other `tensors`.
    kind: &'static str,
    /// The file that was read.
    source: String,
    /// How many tensors were written.
    tensors: usize,
    /// Their size.
    bytes: usize,
    /// The files of the result.
    files: Vec<ImportedFile>,
    /// What no file states.
    assumed: &'a [String],
    /// Remarks.
    notes: &'a [String],
}

/// A file of the result.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ImportedFile {
    /// Its path.
    path: String,
    /// Where it comes from, such as `written`, `copied` or `was there`.
    state: &'static str,
}

impl Summary {
    /// The summary as a document.
    pub fn document(&self, source: &Path, tensors: usize, bytes: usize) -> Imported<'_> {
        let file = |(path, state): &(PathBuf, &'static str)| ImportedFile {
            path: path.display().to_string(),
            state,
        };
        Imported {
            schema: "dapo-wgpu/import/1",
            kind: self.kind,
            source: source.display().to_string(),
            tensors,
            bytes,
            files: self.files.iter().map(file).collect(),
            assumed: &self.assumed,
            notes: &self.notes,
        }
    }

    /// The summary for people.
    pub fn text(&self, tensors: usize, bytes: usize) -> String {
        let mut text = String::new();
        for (path, state) in &self.files {
            text += &format!("{state}  {}\n", path.display());
        }
        text += &format!("{}, {:.1} MB\n", plural(tensors, "tensor"), bytes as f64 / 1e6);
        for line in &self.assumed {
            text += &format!("assumed: {line}\n");
        }
        for line in &self.notes {
            text += &format!("note: {line}\n");
        }
        text
    }
}
