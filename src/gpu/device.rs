//! An open device: the handle that everything above this layer passes around.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::adapter;
use super::bind_groups::BindGroups;
use super::buffer::Pool;
use super::cache::Cache;
use super::capabilities::{Capabilities, MAX_PARAMS};
use super::compile::{Builder, Pipeline, PipelineCache};
use super::detect::{favoured_variants, requested_limits, switched};
use super::driver_cache::DriverCache;
use super::error::GpuError;
use super::faults::Faults;
use super::memory::PoolStats;
use super::options::{GpuOptions, ShaderMode};
use super::pace::Pace;
use super::pipeline::ShaderSpec;
use super::stream::Stream;
use super::summary::AdapterSummary;
use super::trials::{IsolatedTrial, TrialCache};
use super::wait;

/// A device with its queue, pipelines, buffers and pending work. Clones share everything.
///
/// Bytes go to the device and come back:
///
/// ```
/// use dapo_wgpu::gpu::{Gpu, GpuError, GpuOptions};
///
/// let gpu = Gpu::open(&GpuOptions::default())?;
/// println!("{}", gpu.adapter().line());
/// let numbers = [1.0f32, 2.0, 3.0];
/// let buffer = gpu.upload(bytemuck::cast_slice(&numbers), "numbers")?;
/// assert_eq!(gpu.read(&buffer)?, bytemuck::cast_slice::<f32, u8>(&numbers));
/// assert_eq!(gpu.memory().live.inputs, 256, "the smallest size class of the pool");
/// # Ok::<(), GpuError>(())
/// ```
#[derive(Clone)]
pub struct Gpu {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    summary: AdapterSummary,
    capabilities: Capabilities,
    mode: ShaderMode,
    pipelines: PipelineCache,
    driver_cache: Option<DriverCache>,
    pub(super) pace: Arc<Pace>,
    pub(super) bind_groups: BindGroups,
    pub(super) pool: Arc<Pool>,
    /// Bytes written since the last submit.
    pub(super) staged: AtomicU64,
    stream: Mutex<Stream>,
    pub(super) uniform_layout: Option<wgpu::BindGroupLayout>,
    /// The first error that the driver reported outside of a call.
    uncaptured: ErrorSlot,
    pub(super) faults: Faults,
    pub(super) timestamps_tick: OnceLock<bool>,
    pub(super) favoured: Vec<String>,
    pub(super) preferences: OnceLock<HashMap<String, String>>,
    trials: TrialCache,
    pub(super) cache: Cache,
}

/// The first error that no call returned; a device loss replaces any other.
type ErrorSlot = Arc<Mutex<Option<GpuError>>>;

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(cache) = &self.driver_cache {
            cache.save(self.pipelines.totals().0);
        }
    }
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.inner.summary.line())
    }
}

impl Gpu {
    /// Opens a device.
    ///
    /// ```
    /// use dapo_wgpu::gpu::{AdapterChoice, Gpu, GpuError, GpuOptions};
    ///
    /// let options = GpuOptions { adapter: AdapterChoice::from("no such adapter"), ..GpuOptions::default() };
    /// assert!(matches!(Gpu::open(&options), Err(GpuError::AdapterNotFound { .. })));
    /// ```
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::AdapterNotFound`] or [`GpuError::DeviceRefused`].
    pub fn open(options: &GpuOptions) -> Result<Self, GpuError> {
        let checked = switched("DAPO_CHECKED");
        // A browser checks always, whatever it is asked for.
        let mode = if checked || cfg!(target_arch = "wasm32") { ShaderMode::Checked } else { options.mode };
        let flags = match mode {
            ShaderMode::Checked => wgpu::InstanceFlags::from_build_config(),
            ShaderMode::Trusted => wgpu::InstanceFlags::empty(),
        };
        let (summary, adapter) =
            adapter::choose(adapter::enumerate(flags), &options.adapter, options.arbiter)?;
        let mut capabilities = Capabilities::detect(&adapter, &summary);
        let (device, queue) = match request(&adapter, &capabilities) {
            // Some drivers list matrices, and refuse a device that asks for them (lavapipe 26 at 128 bits).
            Err(reason) if !capabilities.cooperative_matrix.is_empty() => {
                capabilities.withdraw_cooperative_matrix(&reason);
                request(&adapter, &capabilities)
            }
            result => result,
        }
        .map_err(|reason| GpuError::DeviceRefused { adapter: summary.name.clone(), reason })?;

        let uncaptured = ErrorSlot::default();
        collect_errors(&device, &uncaptured);
        let driver_cache = options
            .driver_cache
            .as_deref()
            .and_then(|folder| DriverCache::open(&device, &adapter.get_info(), folder));
        let uniform_layout = (capabilities.immediates == 0).then(|| uniform_layout(&device));
        let pace = Pace::new(&summary);
        Ok(Self {
            inner: Arc::new(Inner {
                device,
                queue,
                summary,
                capabilities,
                mode,
                pipelines: PipelineCache::default(),
                driver_cache,
                pace: Arc::new(pace),
                bind_groups: BindGroups::default(),
                pool: Arc::default(),
                staged: AtomicU64::new(0),
                stream: Mutex::default(),
                uniform_layout,
                uncaptured,
                faults: Faults::read(),
                timestamps_tick: OnceLock::new(),
                favoured: favoured_variants(),
                preferences: OnceLock::new(),
                trials: TrialCache::default(),
                cache: Cache::default(),
            }),
        })
    }

    /// The value of this type that belongs to the device: its default at first, then the same one for every
    /// clone of the handle until the device is closed.
    pub fn cache<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.inner.cache.get()
    }

    /// The adapter that this device was opened on.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.inner.summary
    }

    /// What the device can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    /// Checked or trusted shaders.
    pub fn mode(&self) -> ShaderMode {
        self.inner.mode
    }

    /// Memory in use now and at its peak, by purpose.
    pub fn memory(&self) -> PoolStats {
        self.inner.pool.stats()
    }

    /// Number of compiled pipelines, and the seconds spent on compiling them, summed over the threads that did.
    pub fn compiled(&self) -> (usize, f64) {
        self.inner.pipelines.totals()
    }

    /// The pipeline of a shader variant, which begins to be compiled on its first use.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when its text is malformed.
    pub fn pipeline(&self, spec: &ShaderSpec) -> Result<Arc<Pipeline>, GpuError> {
        let builder = Builder {
            device: &self.inner.device,
            mode: self.inner.mode,
            uniform: self.inner.uniform_layout.as_ref(),
            cache: self.inner.driver_cache.as_ref().map(DriverCache::raw),
        };
        self.inner.pipelines.get(&builder, spec)
    }

    /// The result of the trial `name`. It runs on the first call, while other callers wait; the result is kept until
    /// the device is closed. A trial must not call this function itself.
    ///
    /// # Errors
    /// What the trial found wrong.
    pub fn trial_result(&self, name: &str, trial: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        self.inner.trials.get(name, trial)
    }

    /// Has trials held by this function first, before they are held here. The first call counts.
    pub fn isolate_trials(&self, hold: Box<IsolatedTrial>) {
        let _ = self.inner.trials.isolated.set(hold);
    }

    /// The result of a trial of a variant that was held where a crash does no harm; `None` where that is not possible.
    pub fn isolated_trial(&self, problem: &str, variant: &str) -> Option<Result<(), String>> {
        self.inner.trials.isolated.get().and_then(|hold| hold(problem, variant))
    }

    /// A line for each trial that has failed, sorted by name.
    pub fn notes(&self) -> Vec<String> {
        self.inner.trials.notes()
    }

    pub(super) fn stream(&self) -> MutexGuard<'_, Stream> {
        self.inner.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Destroys the device at the submit that a test asked for.
    pub(super) fn lose_if_asked(&self, submits: u64) {
        if self.inner.faults.loses_device(submits) {
            self.inner.device.destroy();
            let reason = "DAPO_LOSE_DEVICE_AT asked for it".to_owned();
            self.keep_error(GpuError::Lost { reason });
        }
    }

    /// Gives the device back now, with all of its memory, though there are handles left. They say from now on that it was
    /// lost.
    pub fn close(&self) {
        self.inner.device.destroy();
        self.keep_error(GpuError::Lost { reason: "it was closed".to_owned() });
    }

    /// Keeps an error for the next call that checks.
    pub(super) fn keep_error(&self, error: GpuError) {
        keep(&self.inner.uncaptured, error);
    }

    /// The first error that arrived outside of a call, if any. A lost device stays lost.
    pub(super) fn check(&self) -> Result<(), GpuError> {
        let mut slot = self.inner.uncaptured.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            None => Ok(()),
            Some(lost @ GpuError::Lost { .. }) => Err(lost.clone()),
            Some(_) => Err(slot.take().unwrap_or(GpuError::NoAdapter)),
        }
    }
}

/// Asks for a device with these capabilities; the driver's reason where it refuses.
fn request(
    adapter: &wgpu::Adapter,
    capabilities: &Capabilities,
) -> Result<(wgpu::Device, wgpu::Queue), String> {
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("dapo-wgpu"),
        required_features: capabilities.features() | DriverCache::feature(adapter),
        required_limits: requested_limits(adapter),
        experimental_features: capabilities.experimental(),
        // We pool buffers ourselves.
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        trace: wgpu::Trace::Off,
    };
    let requested = || wait::block_on(adapter.request_device(&descriptor));
    if capabilities.cooperative_matrix.is_empty() {
        return requested().map_err(|error| error.to_string());
    }
    // wgpu panics where a driver refuses a feature that it lists. Its message is not for the user.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let requested = catch_unwind(AssertUnwindSafe(requested));
    set_hook(hook);
    match requested {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            Err(words.unwrap_or_else(|| "the driver refused a feature that it lists".to_owned()))
        }
    }
}

/// Keeps the first error, or the device loss.
fn keep(slot: &ErrorSlot, error: GpuError) {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() || matches!(error, GpuError::Lost { .. }) {
        *slot = Some(error);
    }
}

/// Keeps what the driver reports outside of a call.
fn collect_errors(device: &wgpu::Device, slot: &ErrorSlot) {
    let errors = Arc::clone(slot);
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let error = match error {
            wgpu::Error::OutOfMemory { .. } => {
                GpuError::OutOfMemory { what: "a command".into(), bytes: 0, held: 0 }
            }
            other => GpuError::Validation { message: other.to_string() },
        };
        keep(&errors, error);
    }));
    let losses = Arc::clone(slot);
    device.set_device_lost_callback(move |reason, message| {
        if reason != wgpu::DeviceLostReason::Destroyed {
            keep(&losses, GpuError::Lost { reason: message });
        }
    });
}

fn uniform_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("parameters"),
        entries: &[wgpu::BindGroupLayoutEntry {
            binding: 0,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: true,
                min_binding_size: wgpu::BufferSize::new(MAX_PARAMS as u64),
            },
            count: None,
        }],
    })
}
