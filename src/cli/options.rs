//! Options that several commands share.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::Failure;
use super::failure::NO_GPU;
use super::hub::model_folder;
use super::isolation::isolate;
use super::numbers::{count, overlap};
use super::race;
use super::say::{detail, say};
use crate::clip::{Clip, ClipOptions, Factors, WeightStorage, embedded};
use crate::data::Tiling;
use crate::data::samples::Layout;
use crate::gpu::{AdapterChoice, Gpu, GpuOptions, Profile, ShaderMode};
use crate::inspect::PartAbout;
use crate::kernels::registry::{Cases, Registry};
use crate::lab::check;
use crate::lab::tune::store::{Stored, Tuning};
use crate::report::AtomicFile;

/// Which device, and which run-time checks.
#[derive(Debug, Clone, Args)]
pub struct DeviceArgs {
    /// Adapter to use: an index of `dapo-wgpu devices` or a part of its name
    #[arg(help_heading = "Device", long, value_name = "INDEX|NAME", default_value = "auto")]
    adapter: String,
    /// Fail with exit code 5 where only a software device is there; DAPO_REQUIRE_GPU=1 does the same
    #[arg(long, help_heading = "Device")]
    require_gpu: bool,
    /// Run shaders with bounds and loop checks (slower; for bug reports)
    #[arg(long, help_heading = "Device")]
    checked: bool,
    /// Set when the command is run under a profile: the files that it will be written to.
    #[arg(skip)]
    profile: OnceLock<Vec<PathBuf>>,
    /// The device that was opened under a profile.
    #[arg(skip)]
    profiled: OnceLock<Gpu>,
}

impl DeviceArgs {
    /// The adapter that was asked for.
    pub fn choice(&self) -> AdapterChoice {
        AdapterChoice::from(self.adapter.as_str())
    }

    /// Opens it with the results of `tune`, and begins the profile if there is to be one.
    ///
    /// # Errors
    /// No adapter, no such adapter, or one that refuses; a file for the profile that cannot be written.
    pub fn open(&self) -> Result<Gpu, Failure> {
        let gpu = self.open_untuned()?;
        if let (Some(path), false) = (tuning_file(&gpu), env_switch("DAPO_NO_TUNING")) {
            match Tuning::load(&gpu, &path) {
                Stored::Usable(tuning) => drop(gpu.set_preferences(tuning.preferences())),
                Stored::Ignored(reason) => {
                    say!("note: {} is not used: {reason}; run dapo-wgpu tune again", path.display());
                }
                Stored::None => {}
            }
        }
        Ok(gpu)
    }

    /// Opens it without the results of `tune`.
    ///
    /// # Errors
    /// As [`DeviceArgs::open`].
    pub fn open_untuned(&self) -> Result<Gpu, Failure> {
        for file in self.profile.get().into_iter().flatten() {
            drop(AtomicFile::create(file)?);
        }
        let gpu = self.open_isolated()?;
        isolate(&gpu);
        if self.profile.get().is_some() {
            gpu.start_profile()?;
            self.profiled.get_or_init(|| gpu.clone());
        }
        Ok(gpu)
    }

    /// Opens it for a trial in this process.
    ///
    /// # Errors
    /// As [`DeviceArgs::open`].
    pub fn open_isolated(&self) -> Result<Gpu, Failure> {
        let mode = if self.checked { ShaderMode::Checked } else { ShaderMode::Trusted };
        let driver_cache = embedded::cache_folder().map(|folder| folder.join("dapo-wgpu/pipelines"));
        let options = GpuOptions { adapter: self.choice(), mode, driver_cache, arbiter: Some(race::fastest) };
        let (gpu, seconds) = timed(|| Gpu::open(&options));
        let gpu = gpu?;
        detail!("device: {} ({seconds:.2} s)", gpu.adapter().line());
        if gpu.adapter().software && (self.require_gpu || env_switch("DAPO_REQUIRE_GPU")) {
            let message = format!("a GPU is required, and {} is a software device", gpu.adapter().name);
            let failure = Failure::new(message).hint(
                "install the driver of the GPU, name another adapter with --adapter, or leave out --require-gpu; \
                 dapo-wgpu devices lists what is there",
            );
            return Err(Failure { code: NO_GPU, ..failure });
        }
        Ok(gpu)
    }

    /// Has the device profiled from the moment it is opened; `files` are checked before.
    pub fn profile(&self, files: Vec<PathBuf>) {
        self.profile.get_or_init(|| files);
    }

    /// The device and its profile; `None` when no device was opened or it was not profiled.
    ///
    /// # Errors
    /// Any error of the device's work.
    pub fn end_profile(&self) -> Result<Option<(Gpu, Profile)>, Failure> {
        let Some(gpu) = self.profiled.get() else { return Ok(None) };
        Ok(gpu.end_profile()?.map(|profile| (gpu.clone(), profile)))
    }
}

/// The device of commands that can be profiled.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Print where the time goes to standard error, and write a trace for Perfetto if a file is named
    #[arg(long = "profile", value_name = "TRACE.json", num_args = 0..=1, require_equals = true, help_heading = "Device")]
    pub profile: Option<Option<PathBuf>>,
}

/// Which cases of the registry.
#[derive(Debug, Clone, Args)]
pub struct CaseArgs {
    /// Only this case: a printed label, a part of one, or a label with other sizes
    #[arg(long = "case", value_name = "CASE")]
    pub cases: Vec<String>,
}

impl CaseArgs {
    /// The cases among `all` that were asked for: `all` where none was. `list` is the command that prints them.
    ///
    /// # Errors
    /// Words that name no case.
    pub fn select(&self, registry: &Registry, all: Cases, list: &str) -> Result<Cases, Failure> {
        check::select(registry, all, &self.cases)
            .map_err(|m| Failure::usage(m).hint(format!("dapo-wgpu {list} prints all cases")))
    }
}

/// Images in one batch.
#[derive(Debug, Clone, Args)]
pub struct BatchArg {
    /// Images in one batch
    #[arg(help_heading = "Model", long, value_name = "N", default_value_t = 8)]
    pub batch: usize,
}

/// How large images are cut.
#[derive(Debug, Clone, Args)]
pub struct TilingArgs {
    /// Cut images that are larger into overlapping tiles of this many pixels, for small defects in large images. Tiles
    /// change the map and add boxes; the score, the type and good or defective follow the whole image
    #[arg(help_heading = "Tiles", long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..))]
    tile: Option<u32>,
    /// Share of a tile that it has in common with the next
    #[arg(help_heading = "Tiles", long, value_name = "P", default_value_t = 0.25, requires = "tile", value_parser = overlap)]
    overlap: f32,
}

impl TilingArgs {
    /// Tiles of this edge and overlap.
    pub fn of(tile: Option<(u32, f32)>) -> Self {
        Self { tile: tile.map(|(edge, _)| edge), overlap: tile.map_or(0.0, |(_, overlap)| overlap) }
    }

    /// The tiling that was asked for.
    pub fn tiling(&self) -> Option<Tiling> {
        self.tile.map(|edge| Tiling { edge, overlap: self.overlap })
    }
}

/// A labelled data set.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Labelled images: a folder in any of the layouts of docs/datasets.md
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    #[command(flatten)]
    pub layout: LayoutArg,
}

/// How a labelled data set is laid out, and which labels mean good.
#[derive(Debug, Clone, Args)]
pub struct LayoutArg {
    /// Layout of the data set: mvtec, index for an images.csv, or another of docs/datasets.md [default: detected from
    /// the files]
    #[arg(long, value_name = "NAME")]
    pub layout: Option<Layout>,
    /// Labels that mean good, separated by commas, besides good, ok, normal and the others of docs/datasets.md
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub good_words: Vec<String>,
}

/// How the labels of a data set become classes.
#[derive(Debug, Clone, Args)]
pub struct DescriptionArg {
    /// Classes of the defects: a TOML file, or the name of a built-in one such as mvtec [default: the built-in one of
    /// exactly these products, or else the labels in words]
    #[arg(long, value_name = "FILE.toml")]
    pub description: Option<PathBuf>,
}

/// Where `tune` keeps its results for this device, if there is a cache folder.
pub fn tuning_file(gpu: &Gpu) -> Option<PathBuf> {
    Some(Tuning::path(gpu, &embedded::cache_folder()?.join("dapo-wgpu")))
}

/// What work gives, and the seconds that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed().as_secs_f64())
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

/// In what precision products are computed.
#[derive(Debug, Clone, Copy, Args)]
pub struct PrecisionArg {
    /// Precision of the factors of products: f16 rounds them to 11 bits, for the matrix units of GPUs; sums, norms
    /// and softmax stay float32
    #[arg(help_heading = "Model", long, value_enum, default_value = "f32")]
    precision: Precision,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Precision {
    /// float32
    F32,
    /// float16 factors, float32 sums
    F16,
}

impl PrecisionArg {
    /// The library's name for it.
    pub fn factors(self) -> Factors {
        match self.precision {
            Precision::F32 => Factors::F32,
            Precision::F16 => Factors::F16,
        }
    }
}

/// Which model, at which size.
#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// The CLIP to use: a folder in Hugging Face or open_clip layout, or hub:OWNER/NAME after `fetch` [default: the
    /// embedded dapo-nano, a demonstration]
    #[arg(help_heading = "Model", long, value_name = "DIR", value_parser = model_folder)]
    pub model: Option<PathBuf>,
    /// Edge of the model's square view of an image in pixels; must divide by the patch size, e.g. 336 or 518. Larger shows
    /// smaller defects, and takes longer [default: the model's own]
    #[arg(help_heading = "Model", long, value_name = "N", value_parser = count)]
    pub image_size: Option<usize>,
    /// How weights are stored on the device
    #[arg(help_heading = "Model", long, value_enum, default_value = "f32")]
    weights: Weights,
    #[command(flatten)]
    precision: PrecisionArg,
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
        let factors = self.precision.factors();
        let options = ClipOptions { image_size, storage: self.weights.storage(), training, factors };
        let folder = match &self.model {
            Some(folder) => folder.clone(),
            None => embedded::unpack()?,
        };
        let (clip, seconds) = timed(|| Clip::open(gpu, &folder, options));
        detail!("model: {} ({seconds:.2} s)", folder.display());
        Ok(clip?)
    }

    /// The options that a part was taught with; a folder that was given now is where the model lies by now.
    pub fn taught(&self, about: &PartAbout) -> Self {
        let known = Some(PathBuf::from(&about.model.path)).filter(|path| !path.as_os_str().is_empty());
        let precision = if about.model.precision == "f16" { Precision::F16 } else { Precision::F32 };
        Self {
            model: self.model.clone().or(known),
            image_size: Some(about.model.image_size as usize),
            weights: if about.weights == "f16" { Weights::F16 } else { Weights::F32 },
            precision: PrecisionArg { precision },
        }
    }

    /// How its weights are stored, as the option says it.
    pub fn weights(&self) -> &'static str {
        match self.weights {
            Weights::F32 => "f32",
            Weights::F16 => "f16",
        }
    }

    /// Whether this is the embedded demonstration model.
    pub fn is_demonstration(&self) -> bool {
        self.model.is_none()
    }
}
