//! `fetch`: download a full CLIP model.

use std::path::{Path, PathBuf};

use super::Failure;
use super::hub::{PREFIX, SOURCE, folder_of};
use super::import;
use super::output::{bytes_progress, print, writable_folder};
use super::say::say;
use crate::clip::fetch::{
    FetchError, Fetched, Hub, KNOWN_MODELS, KnownModel, Progress, Repository, Selection,
};
use crate::report::write_atomic;
use crate::words::plural;

/// Options of `fetch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which model: a short name that `--list` shows, or any CLIP on the Hugging Face hub by its name, such as
    /// laion/CLIP-ViT-B-32-laion2B-s34B-b79K
    #[arg(default_value = "vit-l-14-336")]
    model: String,
    /// Branch, tag or commit of a model of the hub; the commit that it is at is written down
    #[arg(long, value_name = "REVISION", default_value = "main")]
    revision: String,
    /// Folder to download to [default: models/MODEL for a short name; for a model of the hub one in the user's cache folder,
    /// which --model hub:MODEL finds]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Server to download from [default: DAPO_HUB_URL or HF_ENDPOINT, or the Hugging Face hub]
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// List the models with short names, and stop
    #[arg(long)]
    list: bool,
}

/// Downloads, resuming what an earlier run left.
///
/// # Errors
/// An unknown model, no network, a wrong checksum, or a folder that cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    if args.list {
        let line = |m: &KnownModel| format!("{:14} {} ({} MB)\n", m.name, m.about, m.megabytes);
        return print(&KNOWN_MODELS.iter().map(line).collect::<String>());
    }
    let name = args.model.strip_prefix(PREFIX).unwrap_or(&args.model);
    if name.contains('/') {
        return repository(args, name);
    }
    let model = KnownModel::find(name).ok_or_else(|| {
        let names: Vec<&str> = KNOWN_MODELS.iter().map(|m| m.name).collect();
        let known = names.join(", ");
        Failure::usage(format!(
            "unknown model '{name}'; known: {known}, or OWNER/NAME of the Hugging Face hub"
        ))
    })?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("models").join(model.name));
    writable_folder(&out)?;
    let fetched = with_progress(|show| Hub::new(args.hub.as_deref()).fetch(model.sources, &out, show))?;
    tell(&fetched)?;
    say!("use it with --model {}", out.display());
    Ok(())
}

/// A model of the hub by its name.
fn repository(args: &Args, name: &str) -> Result<(), Failure> {
    let hub = Hub::new(args.hub.as_deref());
    let found = hub.repository(name, &args.revision)?;
    let selection = found.select()?;
    let (out, usage) = match (&args.out, folder_of(name)) {
        (Some(out), _) => (out.clone(), out.display().to_string()),
        (None, Some(folder)) => (folder, format!("{PREFIX}{name}")),
        (None, None) => {
            (Path::new("models").join(name), Path::new("models").join(name).display().to_string())
        }
    };
    let cached = if found.from_cache {
        ", from the hub's cache on this machine: the hub cannot be reached"
    } else {
        ""
    };
    say!(
        "{} at {}: {}, {:.1} MB → {}{cached}",
        found.name,
        &found.revision[..found.revision.len().min(12)],
        plural(selection.files.len() + usize::from(selection.foreign_tokenizer), "file"),
        selection.bytes() as f64 / 1e6,
        out.display()
    );
    if selection.foreign_tokenizer {
        say!("note: it has no tokenizer.json; OpenAI's is taken, which all of its own CLIP models share");
    }
    if let Some((pickle, converted)) = &selection.pickle {
        say!(
            "note: it has no safetensors; {pickle} is converted to {converted}, and nothing in it is executed"
        );
    }
    writable_folder(&out)?;
    let converted =
        selection.pickle.as_ref().map(|(pickle, converted)| (out.join(pickle), out.join(converted)));
    let todo = match &converted {
        // What was converted before is not downloaded again.
        Some((pickle, converted)) if converted.is_file() && is_of(&out, &found) => {
            let files =
                selection.files.iter().filter(|file| out.join(&file.name) != *pickle).cloned().collect();
            Selection { files, ..selection.clone() }
        }
        _ => selection.clone(),
    };
    let fetched = with_progress(|show| hub.fetch_selection(&found, &todo, &out, show))?;
    tell(&fetched)?;
    if let Some((pickle, _)) = converted.filter(|(pickle, _)| pickle.is_file()) {
        import::into_folder(&pickle, &out)?;
        std::fs::remove_file(&pickle).map_err(|e| Failure::new(format!("{}: {e}", pickle.display())))?;
    }
    write_atomic(out.join(SOURCE), source(&found, &fetched).as_bytes())?;
    say!("use it with --model {usage}");
    Ok(())
}

/// Runs a download under a progress bar.
fn with_progress(
    work: impl FnOnce(&mut dyn FnMut(Progress<'_>)) -> Result<Vec<Fetched>, FetchError>,
) -> Result<Vec<Fetched>, Failure> {
    let bar = bytes_progress();
    let mut show = |progress: Progress<'_>| {
        bar.set_message(progress.file.to_owned());
        bar.set_length(progress.total.unwrap_or(progress.done));
        bar.set_position(progress.done);
    };
    let fetched = work(&mut show);
    bar.finish_and_clear();
    Ok(fetched?)
}

fn tell(fetched: &[Fetched]) -> Result<(), Failure> {
    for file in fetched {
        let state = if file.kept { "was there" } else { "fetched" };
        let checked = if file.verified { "" } else { " (the server told no checksum)" };
        print(&format!(
            "{state}  {}  {}  sha256 {}{checked}\n",
            file.path.display(),
            plural(file.bytes, "byte"),
            file.sha256
        ))?;
    }
    Ok(())
}

/// Where a model comes from, for people and for the next run.
fn source(found: &Repository, fetched: &[Fetched]) -> String {
    let mut text =
        format!("repository = \"{}\"\nrevision = \"{}\"\n\n[sha256]\n", found.name, found.revision);
    for file in fetched {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        text += &format!("\"{name}\" = \"{}\"\n", file.sha256);
    }
    text
}

/// Whether the model in a folder is that of this commit.
fn is_of(folder: &Path, found: &Repository) -> bool {
    let text = std::fs::read_to_string(folder.join(SOURCE)).unwrap_or_default();
    text.lines().any(|line| line == format!("revision = \"{}\"", found.revision))
}
