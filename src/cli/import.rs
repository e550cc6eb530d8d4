//! `import`: PyTorch files to safetensors.

mod select;
pub mod summary;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use safetensors::Dtype;

use select::{as_f32, clip_of, not_clip};
use summary::Summary;

use super::Failure;
use super::learner::read_learner;
use super::output::{bytes_progress, print, writable_folder};
use crate::clip::config::{Activation, ClipConfig, Layout};
use crate::clip::parameters;
use crate::clip::tokenizer::Tokenizer;
use crate::clip::torch::{FileTensor, TorchFile, infer, tensors};
use crate::clip::weights::Allowed;
use crate::dapo::Checkpoint;
use crate::files::read_regular;
use crate::report::{AtomicFile, Lock, WriteError, write_atomic};

/// Options of `import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file of torch.save (.pt, .pth, .bin) or torch.jit.save: a CLIP model, or DAPO's trained prompts
    file: PathBuf,
    /// Folder to write a model to, or a file NAME.safetensors for the tensors alone
    #[arg(long, value_name = "DIR|FILE")]
    out: PathBuf,
    /// The GELU of the model, which no file states [default: that of this kind of file]
    #[arg(long, value_enum)]
    gelu: Option<Gelu>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// The non-linearities of CLIP models.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Gelu {
    /// x · sigmoid(1.702 x), as OpenAI trained
    Quick,
    /// The exact one
    Exact,
}

impl Gelu {
    fn activation(self) -> Activation {
        match self {
            Gelu::Quick => Activation::QuickGelu,
            Gelu::Exact => Activation::Gelu,
        }
    }
}

/// Converts a model into the folder that has its configuration, and says what was done.
///
/// # Errors
/// As [`run`].
pub fn into_folder(file: &Path, folder: &Path) -> Result<(), Failure> {
    run(&Args { file: file.to_owned(), out: folder.to_owned(), gelu: None, json: false })
}

/// Converts a file; nothing in it is executed.
///
/// # Errors
/// A file that is damaged, refused or of another kind, or an output that cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let out_is_file = args.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    if out_is_file {
        drop(AtomicFile::create(&args.out)?);
    } else {
        writable_folder(&args.out)?;
    }
    let bar = bytes_progress();
    let mut report = |what: &str, done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(what.to_owned());
    };
    let file = TorchFile::open(&args.file, &mut report)?;
    let pickle = file.pickle()?;
    let mut summary = Summary::default();
    // One entry at most: of several, each run would write another order.
    let mut about = HashMap::new();
    let mut model = None;
    let (tensors, name) = if let Some(learner) = Checkpoint::read(&file, &pickle)? {
        summary.kind = "learner";
        about.extend(learner.epoch.map(|epoch| ("epoch".to_owned(), epoch.to_string())));
        if !learner.left_out.is_empty() {
            summary
                .notes
                .push(format!("left out, not among DAPO's trained tensors: {}", learner.left_out.join(", ")));
        }
        if pickle.entry(pickle.root(), "optimizer_state_dict").is_some() {
            summary.notes.push("the optimizer's state is left out".into());
        }
        (as_f32(&args.file, learner.tensors, &mut summary.notes, |_| true)?, "learner.safetensors")
    } else {
        let tensors = file.state_dict(&pickle)?;
        about.insert("format".into(), "pt".into());
        let (tensors, layout) = clip_of(&args.file, tensors, &mut summary.notes)?;
        model = layout;
        match layout {
            Some(layout) => {
                summary.kind = "clip";
                // What needs no conversion is kept as it is.
                let tensors = as_f32(&args.file, tensors, &mut summary.notes, |dtype| dtype == Dtype::F64)?;
                (tensors, layout.weights_file())
            }
            None if out_is_file => {
                summary.kind = "tensors";
                (tensors, "model.safetensors")
            }
            None => return Err(not_clip(&args.file, &tensors)),
        }
    };
    // A folder's files appear once the model was opened: until then another model that is there stays whole.
    let staged = if out_is_file { None } else { Some(Staged::new(&args.out)?) };
    let place = staged.as_ref().map_or(Path::new(""), Staged::path);
    let target = if out_is_file { args.out.clone() } else { place.join(name) };
    let writer = AtomicFile::create(&target)?;
    tensors::write(writer.temporary(), &tensors, about, &mut report)
        .map_err(|e| WriteError::from_io(&target, e))?;
    writer.commit()?;
    bar.finish_and_clear();
    summary.files.push((target, "written"));
    let named = |failure: Failure| {
        let text = |text: &str| match &staged {
            Some(_) => text.replace(&*place.to_string_lossy(), &args.out.to_string_lossy()),
            None => text.to_owned(),
        };
        Failure { message: text(&failure.message), hint: text(&failure.hint), ..failure }
    };
    match model {
        Some(layout) if !out_is_file => {
            complete(args, place, &file, &tensors, layout, &mut summary).map_err(named)?;
        }
        Some(_) => {
            summary.notes.push("--model needs a folder with a configuration: give a folder as --out".into())
        }
        None if summary.kind == "tensors" => {
            summary.notes.push("these are not the names of a CLIP with a vision transformer".into());
        }
        None => drop(read_learner(&summary.files[0].0).map_err(named)?),
    }
    if let Some(staged) = staged {
        staged.publish(&args.out, &mut summary.files)?;
    }
    print_summary(args, &tensors, &summary)
}

/// Puts the configuration and the tokenizer into the folder, and opens the model once.
fn complete(
    args: &Args,
    place: &Path,
    file: &TorchFile,
    tensors: &BTreeMap<String, FileTensor<'_>>,
    layout: Layout,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let config = place.join(layout.config_file());
    if args.gelu.is_some() || !keep_or_copy(args, place, layout.config_file(), summary)? {
        let of_openai = file.is_script() || tensors.contains_key("input_resolution");
        let gelu = args.gelu.map(Gelu::activation);
        match infer::config(&infer::shapes(tensors), layout, of_openai, gelu) {
            Ok(inferred) => {
                write_atomic(&config, format!("{:#}\n", inferred.config).as_bytes())?;
                summary.assumed = inferred.assumptions;
                summary.files.push((config.clone(), "written"));
            }
            Err(problem) => {
                return Err(Failure::new(format!(
                    "{}: no configuration can be inferred: {problem}",
                    args.file.display()
                ))
                .hint(format!(
                    "write {} yourself, then import again",
                    args.out.join(layout.config_file()).display()
                )));
            }
        }
    }
    if layout == Layout::HuggingFace {
        keep_or_copy(args, place, "preprocessor_config.json", summary)?;
    }
    keep_or_copy(args, place, "tokenizer.json", summary)?;
    match ClipConfig::from_folder(place) {
        Ok(found) if found.layout != layout => summary.notes.push(format!(
            "{} holds a second model in another layout, which --model prefers; use an empty folder",
            args.out.display()
        )),
        Ok(_) => {}
        Err(problem) => return Err(problem.into()),
    }
    // All blocks, too: this is the only time that the whole file is read without a device.
    let weights = parameters::load(place, Allowed::Finite)?;
    weights.vision.blocks.iter().chain(weights.text.blocks.iter()).try_for_each(|block| block.map(drop))?;
    summary.notes.extend(weights.notes);
    if let Err(problem) = Tokenizer::load(place) {
        summary.notes.push(problem.to_string());
    }
    Ok(())
}

/// Keeps a file of the folder, or copies it from the folder of the source; `false` if neither exists.
fn keep_or_copy(args: &Args, place: &Path, name: &str, summary: &mut Summary) -> Result<bool, Failure> {
    let target = place.join(name);
    let source = args.file.parent().unwrap_or(Path::new("")).join(name);
    let state = if target.is_file() {
        "was there"
    } else if source.is_file() {
        let bytes = read_regular(&source).map_err(|e| Failure::new(format!("{}: {e}", source.display())))?;
        write_atomic(&target, &bytes)?;
        "copied"
    } else {
        return Ok(false);
    };
    summary.files.push((target, state));
    Ok(true)
}

/// A folder inside of the one that is written, with the files that are there already and belong to a model's description.
struct Staged {
    folder: tempfile::TempDir,
    lock: Option<Lock>,
}

/// How the name of such a folder begins.
const STAGED: &str = ".dapo-wgpu-import-";

impl Drop for Staged {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
    }
}

impl Staged {
    fn new(out: &Path) -> Result<Self, Failure> {
        let failed =
            |e: std::io::Error| Failure::from(WriteError::from_io(&out.join("model.safetensors"), e));
        let lock = Some(Lock::take(&out.join(".dapo-wgpu-import.lock"))?);
        // What a killed process left: weights may be large.
        for entry in std::fs::read_dir(out).map_err(failed)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(STAGED) {
                std::fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        let folder = tempfile::Builder::new().prefix(STAGED).tempdir_in(out).map_err(failed)?;
        for name in ["config.json", "open_clip_config.json", "preprocessor_config.json", "tokenizer.json"] {
            if out.join(name).is_file() {
                std::fs::copy(out.join(name), folder.path().join(name)).map_err(failed)?;
            }
        }
        Ok(Self { folder, lock })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Moves what was written to where it belongs, the weights last, which a model folder is known by.
    fn publish(&self, out: &Path, files: &mut [(PathBuf, &str)]) -> Result<(), Failure> {
        for (path, state) in files.iter_mut().rev() {
            let target = out.join(path.file_name().unwrap_or_default());
            if *state != "was there" {
                std::fs::rename(&*path, &target).map_err(|e| WriteError::from_io(&target, e))?;
            }
            *path = target;
        }
        Ok(())
    }
}

fn print_summary(
    args: &Args,
    tensors: &BTreeMap<String, FileTensor<'_>>,
    summary: &Summary,
) -> Result<(), Failure> {
    let bytes = tensors.values().map(FileTensor::byte_len).sum();
    if !args.json {
        return print(&summary.text(tensors.len(), bytes));
    }
    let document = summary.document(&args.file, tensors.len(), bytes);
    print(&(serde_json::to_string_pretty(&document).map_err(|e| Failure::new(e.to_string()))? + "\n"))
}
