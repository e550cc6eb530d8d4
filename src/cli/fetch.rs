//! `fetch`: download a full CLIP model.

use std::path::{Path, PathBuf};

use super::Failure;
use super::output::{bytes_progress, print, writable_folder};
use super::say::say;
use crate::clip::fetch::{Hub, KNOWN_MODELS, KnownModel, Progress};
use crate::words::plural;

/// Options of `fetch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which model; `--list` shows them
    #[arg(default_value = "vit-l-14-336")]
    model: String,
    /// Folder to download to [default: models/MODEL]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Server to download from [default: DAPO_HUB_URL, or the Hugging Face hub]
    #[arg(long, value_name = "URL")]
    hub: Option<String>,
    /// List the models that can be fetched, and stop
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
    let model = KnownModel::find(&args.model).ok_or_else(|| {
        let names: Vec<&str> = KNOWN_MODELS.iter().map(|m| m.name).collect();
        Failure::usage(format!("unknown model '{}'; known: {}", args.model, names.join(", ")))
    })?;
    let out = args.out.clone().unwrap_or_else(|| Path::new("models").join(model.name));
    writable_folder(&out)?;
    let bar = bytes_progress();
    let mut show = |progress: Progress<'_>| {
        bar.set_message(progress.file.to_owned());
        bar.set_length(progress.total.unwrap_or(progress.done));
        bar.set_position(progress.done);
    };
    let fetched = Hub::new(args.hub.as_deref()).fetch(model.sources, &out, &mut show)?;
    bar.finish_and_clear();
    for file in &fetched {
        let state = if file.kept { "was there" } else { "fetched" };
        print(&format!(
            "{state}  {}  {}  sha256 {}\n",
            file.path.display(),
            plural(file.bytes, "byte"),
            file.sha256
        ))?;
    }
    say!("use it with --model {}", out.display());
    Ok(())
}
