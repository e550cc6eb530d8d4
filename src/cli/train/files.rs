//! The folder of a run: checkpoint, journal, learner, page.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::Failure;
use crate::cli::output::writable_folder;
use crate::dapo::learner::checkpoint::RunState;
use crate::dapo::learner::{LearnerFile, Snapshot};
use crate::files::faults::before_write;
use crate::files::{read_regular, read_text};
use crate::report::{Lock, TrainingPage, sweep, write_atomic};

/// A line of `steps.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// Steps taken before the losses were measured.
    pub step: usize,
    /// Cross-entropy of good against defective.
    pub image_loss: f32,
    /// Focal and dice losses of all feature layers, with their weight.
    pub local_loss: f32,
    /// Their sum.
    pub total: f32,
    /// Step size.
    pub learning_rate: f32,
    /// Euclidean norm of the gradient of all parameters.
    pub gradient_norm: f64,
    /// Time of the step, without the loading of images.
    pub seconds: f64,
}

/// The folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held as long as the run is open: two programs would mix their files.
    _lock: Lock,
}

impl RunFolder {
    /// Checks that files can be made in it; without `resume`, that there is no run in it yet.
    ///
    /// # Errors
    /// A message that names the folder and the fix.
    pub fn open(path: &Path, resume: bool) -> Result<Self, Failure> {
        let refuse = || match (resume, checkpoint(path).is_file()) {
            (false, true) => Err(Failure::new(format!("{}: there is a run in this folder", path.display()))
                .hint("go on with it by --resume, or choose another --out")),
            (true, false) => {
                Err(Failure::new(format!("{}: there is no run to go on with", checkpoint(path).display()))
                    .hint("leave out --resume to begin one"))
            }
            _ => Ok(()),
        };
        refuse()?;
        writable_folder(path)?;
        let lock = Lock::take(&path.join("run.lock"))?;
        // Another run may have begun and ended before the lock was free.
        refuse()?;
        sweep(path);
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Whether the run was saved at least once.
    pub fn has_checkpoint(&self) -> bool {
        self.checkpoint_path().is_file()
    }

    fn checkpoint_path(&self) -> PathBuf {
        checkpoint(&self.path)
    }

    fn images_path(&self) -> PathBuf {
        self.path.join("images.csv")
    }

    /// Notes what the images of the run hold.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn images(&self, contents: &[String]) -> Result<(), Failure> {
        Ok(write_atomic(self.images_path(), (contents.join("\n") + "\n").as_bytes())?)
    }

    /// The first images whose contents are not those that were noted, as far as that is known.
    pub fn changed(&self, contents: &[String]) -> Vec<String> {
        let noted = read_text(self.images_path()).unwrap_or_default();
        let differs = |(now, then): &(&String, &str)| now != then;
        let name =
            |(now, _): (&String, &str)| now.split_once(' ').map_or(now.as_str(), |(_, name)| name).to_owned();
        contents.iter().zip(noted.lines()).filter(differs).map(name).take(5).collect()
    }

    /// Where the learner goes.
    pub fn learner_path(&self) -> PathBuf {
        self.path.join("learner.safetensors")
    }

    /// Where the page goes.
    pub fn page_path(&self) -> PathBuf {
        self.path.join("report.html")
    }

    fn journal_path(&self) -> PathBuf {
        self.path.join("steps.jsonl")
    }

    /// The run as it was last saved.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn resume(&self) -> Result<(RunState, Snapshot), Failure> {
        let path = self.checkpoint_path();
        let bytes = read_regular(&path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        RunState::from_bytes(&bytes).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
    }

    /// Saves the run, in one step.
    ///
    /// # Errors
    /// An unwritable file; the last checkpoint is then still there.
    pub fn checkpoint(&self, state: &RunState, snapshot: &Snapshot) -> Result<(), Failure> {
        let bytes = state.to_bytes(snapshot)?;
        Ok(write_atomic(self.checkpoint_path(), &bytes)?)
    }

    /// Cuts the journal back to the steps before `step`: those that a checkpoint holds.
    ///
    /// # Errors
    /// An unreadable or unwritable file.
    pub fn journal(&self, step: usize) -> Result<(), Failure> {
        let kept = match step {
            0 => Vec::new(),
            _ => self.steps()?.into_iter().filter(|s| s.step < step).collect(),
        };
        let lines = kept.iter().map(line).collect::<Result<String, _>>()?;
        Ok(write_atomic(self.journal_path(), lines.as_bytes())?)
    }

    /// Adds a line to the journal and gives it back.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn record(&self, step: &Step) -> Result<String, Failure> {
        let (path, text) = (self.journal_path(), line(step)?);
        let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
        let mut file: File = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        before_write().and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        Ok(text)
    }

    /// The journal so far. A last line that a killed run left half-written does not count.
    ///
    /// # Errors
    /// An unreadable file, or a line in the middle that is not a step.
    pub fn steps(&self) -> Result<Vec<Step>, Failure> {
        let path = self.journal_path();
        let text = match read_text(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|e| Failure::new(format!("{}: {e}", path.display())))?,
        };
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let parse = |(i, line): (usize, &str)| {
            serde_json::from_str(line)
                .map_err(|e| Failure::new(format!("{}: line {}: {e}", path.display(), i + 1)))
        };
        text[..whole].lines().enumerate().map(parse).collect()
    }

    /// Writes the learner, and its description beside it for people.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn learner(&self, learner: &LearnerFile) -> Result<(), Failure> {
        if let Some(description) = &learner.description {
            let mut text =
                serde_json::to_string_pretty(description).map_err(|e| Failure::new(e.to_string()))?;
            text.push('\n');
            write_atomic(self.path.join("learner.json"), text.as_bytes())?;
        }
        Ok(write_atomic(self.learner_path(), &learner.to_bytes()?)?)
    }

    /// Writes the page.
    ///
    /// # Errors
    /// An unwritable file.
    pub fn page(&self, page: &TrainingPage) -> Result<(), Failure> {
        Ok(write_atomic(self.page_path(), page.html().as_bytes())?)
    }
}

fn checkpoint(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
}

fn line(step: &Step) -> Result<String, Failure> {
    let text = serde_json::to_string(step).map_err(|e| Failure::new(e.to_string()))?;
    Ok(text + "\n")
}
