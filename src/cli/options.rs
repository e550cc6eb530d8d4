//! Options that several verbs share.

use std::cell::OnceCell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use crate::clip::{Clip, ClipOptions, WeightStorage, embedded};
use crate::data::Preprocess;
use crate::gpu::{AdapterChoice, Gpu, GpuOptions, Profile, ShaderMode};
use crate::lab::Progress;
use crate::lab::tune::store::{Stored, Tuning};
use crate::report::AtomicFile;

/// Which device, and how careful.
#[derive(Debug, Args)]
pub struct DeviceArgs {
    /// Adapter to use: an index of `dapo-wgpu devices` or a part of its name
    #[arg(long, value_name = "INDEX|NAME", default_value = "auto")]
    adapter: String,
    /// Run shaders with bounds and loop checks (slower; for bug reports)
    #[arg(long)]
    checked: bool,
    /// Set when the verb is run under a profile: the files that it will be written to.
    #[arg(skip)]
    profile: OnceCell<Vec<PathBuf>>,
    /// The device that was opened under a profile.
    #[arg(skip)]
    profiled: OnceCell<Gpu>,
}

impl DeviceArgs {
    /// The adapter that was asked for.
    pub fn choice(&self) -> AdapterChoice {
        AdapterChoice::from(self.adapter.as_str())
    }

    /// Opens it with what `tune` found out about it, and begins the profile if there is to be one.
    ///
    /// # Errors
    /// No adapter, no such adapter, or one that refuses; a file for the profile that cannot be written.
    pub fn open(&self) -> Result<Gpu, Failure> {
        let gpu = self.open_untuned()?;
        if let (Some(path), false) = (tuning_file(&gpu), env_switch("DAPO_NO_TUNING")) {
            match Tuning::load(&gpu, &path) {
                Stored::Usable(tuning) => drop(gpu.set_preferences(tuning.preferences())),
                Stored::Ignored(reason) => {
                    eprintln!("note: {} is not used: {reason}; run dapo-wgpu tune again", path.display());
                }
                Stored::None => {}
            }
        }
        Ok(gpu)
    }

    /// Opens it as it is out of the box.
    ///
    /// # Errors
    /// As [`DeviceArgs::open`].
    pub fn open_untuned(&self) -> Result<Gpu, Failure> {
        for file in self.profile.get().into_iter().flatten() {
            drop(AtomicFile::create(file)?);
        }
        let mode = if self.checked { ShaderMode::Checked } else { ShaderMode::Trusted };
        let gpu = Gpu::open(&GpuOptions { adapter: self.choice(), mode })?;
        if self.profile.get().is_some() {
            gpu.start_profile()?;
            self.profiled.get_or_init(|| gpu.clone());
        }
        Ok(gpu)
    }

    /// Has the device profiled from the moment it is opened; `files` are checked before.
    pub fn profile(&self, files: Vec<PathBuf>) {
        self.profile.get_or_init(|| files);
    }

    /// The device and its profile; `None` when none was opened or none was to be taken.
    ///
    /// # Errors
    /// Any error that the work met.
    pub fn end_profile(&self) -> Result<Option<(Gpu, Profile)>, Failure> {
        let Some(gpu) = self.profiled.get() else { return Ok(None) };
        Ok(gpu.end_profile()?.map(|profile| (gpu.clone(), profile)))
    }
}

/// Where `tune` keeps what it found out about this device, if there is such a place.
pub fn tuning_file(gpu: &Gpu) -> Option<PathBuf> {
    Some(Tuning::path(gpu, &embedded::cache_folder()?.join("dapo-wgpu")))
}

fn env_switch(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|v| !v.is_empty() && v != "0")
}

/// How weights are stored on the device.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Weights {
    /// float32
    F32,
    /// float16: half the memory; exact if the file is float16
    F16,
}

impl Weights {
    /// The library's name for it.
    pub fn storage(self) -> WeightStorage {
        match self {
            Weights::F32 => WeightStorage::F32,
            Weights::F16 => WeightStorage::F16,
        }
    }
}

/// Which model, at which size.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Model folder in Hugging Face or open_clip layout [default: the embedded dapo-nano]
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Edge of the images in pixels, a multiple of the model's patch [default: the model's own]
    #[arg(long, value_name = "N")]
    pub image_size: Option<usize>,
    /// How weights are stored on the device; arithmetic is always float32
    #[arg(long, value_enum, default_value = "f32")]
    weights: Weights,
}

impl ModelArgs {
    /// Loads it.
    ///
    /// # Errors
    /// What is wrong with the folder, the size or the device.
    pub fn open(&self, gpu: &Gpu) -> Result<Clip, Failure> {
        self.open_as(gpu, self.image_size, false)
    }

    /// Loads it for images of this size.
    ///
    /// # Errors
    /// As [`ModelArgs::open`].
    pub fn open_sized(&self, gpu: &Gpu, image_size: Option<usize>) -> Result<Clip, Failure> {
        self.open_as(gpu, image_size, false)
    }

    /// Loads it so that gradients pass through, for images of this size.
    ///
    /// # Errors
    /// As [`ModelArgs::open`].
    pub fn open_for_training(&self, gpu: &Gpu, image_size: Option<usize>) -> Result<Clip, Failure> {
        self.open_as(gpu, image_size, true)
    }

    fn open_as(&self, gpu: &Gpu, image_size: Option<usize>, training: bool) -> Result<Clip, Failure> {
        let options = ClipOptions { image_size, storage: self.weights.storage(), training };
        let folder = match &self.model {
            Some(folder) => folder.clone(),
            None => embedded::unpack()?,
        };
        Ok(Clip::open(gpu, &folder, options)?)
    }

    /// Whether this is the embedded demonstration model.
    pub fn is_demonstration(&self) -> bool {
        self.model.is_none()
    }
}

/// Reads a number of things of which there must be one, and of which nobody wants more than a million.
///
/// # Errors
/// A message for anything else.
pub fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=1_000_000).contains(n));
    number.ok_or_else(|| "expected a whole number from 1 to 1000000".to_owned())
}

/// Set when the user presses Ctrl-C: what is under way is finished and written.
pub fn watch_interrupt(what: &'static str) -> &'static AtomicBool {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let noticed = move || {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130); // pressed twice: the user does not want to wait
        }
        eprintln!("\ninterrupted: {what} (again to stop at once)");
    };
    // Without a handler Ctrl-C simply stops the program, which is safe too: files appear whole.
    let _ = ctrlc::set_handler(noticed);
    &INTERRUPTED
}

/// The pre-processing that a model wants.
pub fn preprocess(clip: &Clip) -> Preprocess {
    let (config, size) = (clip.config(), clip.vision().image_size());
    Preprocess { mean: config.mean, std: config.std, ..Preprocess::clip(size as u32) }
}

/// Writes to standard output. That the reader has gone away (`… | head`) is no error.
///
/// # Errors
/// Anything else that keeps the text from being written, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// A progress bar with rate and remaining time on standard error; hidden for a single item, and
/// where nobody looks.
pub fn progress(total: usize, unit: &str) -> ProgressBar {
    if total < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!(
        "{{bar:30}} {{human_pos}}/{{human_len}} {unit} · {{per_sec}} · {{eta}} left {{msg}}"
    ));
    let bar = ProgressBar::new(total as u64);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// A progress bar for bytes that names what they belong to.
pub fn bytes_progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} · {bytes_per_sec} · {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

/// Runs laboratory work under a progress bar that names the case at hand.
///
/// # Errors
/// Those of the work.
pub fn watch<T>(
    total: usize,
    unit: &str,
    work: impl FnOnce(&mut Progress<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let bar = progress(total, unit);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {wide_msg}") {
        bar.set_style(style);
    }
    let result = work(&mut |done, total, what| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        bar.set_message(what.to_owned());
    });
    bar.finish_and_clear();
    result
}

/// Creates a folder and proves that files can be made in it, before any work is spent.
///
/// # Errors
/// A message that names the folder and the fix.
pub fn writable_folder(path: &Path) -> Result<(), Failure> {
    let refuse = |e: std::io::Error| {
        Failure::new(format!("{}: cannot write here: {e}", path.display()))
            .hint("choose another folder with --out, or mend its permissions")
    };
    std::fs::create_dir_all(path).map_err(refuse)?;
    tempfile::Builder::new().prefix(".probe").tempfile_in(path).map(drop).map_err(refuse)
}
