//! An open device: the handle that everything above this layer passes around.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::adapter::{self, AdapterChoice, AdapterSummary};
use super::buffer::{Buffer, Pool};
use super::cache::Cache;
use super::capabilities::{Capabilities, requested_limits};
use super::error::GpuError;
use super::memory::{PoolStats, Purpose};
use super::pipeline::{Builder, MAX_PARAMS, Pipeline, PipelineCache, ShaderSpec};
use super::record::Stream;
use super::verdicts::Verdicts;

/// Whether shaders run with the validator's run-time checks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShaderMode {
    /// Index clamps, loop bounds and zeroed workgroup memory: for tests and bug reports.
    Checked,
    /// None of these: our own shaders, each proven in checked mode.
    #[default]
    Trusted,
}

/// How to open a device.
#[derive(Debug, Clone, Default)]
pub struct GpuOptions {
    /// Which adapter.
    pub adapter: AdapterChoice,
    /// Checked or trusted shaders. `DAPO_CHECKED=1` forces checked.
    pub mode: ShaderMode,
}

/// A device with its queue, pipelines, buffers and pending work. Clones share everything.
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
    pub(super) pool: Arc<Pool>,
    /// Bytes written since the last submit.
    pub(super) staged: AtomicU64,
    stream: Mutex<Stream>,
    pub(super) uniform_layout: Option<wgpu::BindGroupLayout>,
    fault: Arc<Mutex<Option<GpuError>>>,
    /// The submit at which the device shall be lost, to try what happens then.
    lose_at: Option<u64>,
    pub(super) timestamps_tick: OnceLock<bool>,
    pub(super) preferences: OnceLock<HashMap<String, String>>,
    pub(super) verdicts: Verdicts,
    pub(super) cache: Cache,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.inner.summary.line())
    }
}

impl Gpu {
    /// Opens a device.
    ///
    /// # Errors
    /// [`GpuError::NoAdapter`], [`GpuError::AdapterNotFound`] or [`GpuError::DeviceRefused`].
    pub fn open(options: &GpuOptions) -> Result<Self, GpuError> {
        let checked = super::capabilities::switched("DAPO_CHECKED");
        let mode = if checked { ShaderMode::Checked } else { options.mode };
        let flags = match mode {
            ShaderMode::Checked => wgpu::InstanceFlags::from_build_config(),
            ShaderMode::Trusted => wgpu::InstanceFlags::empty(),
        };
        let (summary, adapter) = adapter::choose(adapter::enumerate(flags), &options.adapter)?;
        let capabilities = Capabilities::detect(&adapter, &summary);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("dapo-wgpu"),
            required_features: capabilities.features(),
            required_limits: requested_limits(&adapter),
            experimental_features: capabilities.experimental(),
            // We pool buffers ourselves.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
        }))
        .map_err(|e| GpuError::DeviceRefused { adapter: summary.name.clone(), reason: e.to_string() })?;

        let fault = Arc::new(Mutex::new(None));
        watch(&device, &fault);
        let uniform_layout = (capabilities.immediates == 0).then(|| uniform_layout(&device));
        Ok(Self {
            inner: Arc::new(Inner {
                device,
                queue,
                summary,
                capabilities,
                mode,
                pipelines: PipelineCache::default(),
                pool: Arc::default(),
                staged: AtomicU64::new(0),
                stream: Mutex::default(),
                uniform_layout,
                fault,
                lose_at: std::env::var("DAPO_LOSE_DEVICE_AT").ok().and_then(|n| n.parse().ok()),
                timestamps_tick: OnceLock::new(),
                preferences: OnceLock::new(),
                verdicts: Verdicts::default(),
                cache: Cache::default(),
            }),
        })
    }

    /// Who the adapter is: part of every result.
    pub fn adapter(&self) -> &AdapterSummary {
        &self.inner.summary
    }

    /// What it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    /// Checked or trusted shaders.
    pub fn mode(&self) -> ShaderMode {
        self.inner.mode
    }

    /// Memory in use and the most that ever was, by purpose.
    pub fn memory(&self) -> PoolStats {
        self.inner.pool.stats()
    }

    /// Number of compiled pipelines and the seconds spent on them.
    pub fn compiled(&self) -> (usize, f64) {
        self.inner.pipelines.totals()
    }

    /// The compiled pipeline of a shader variant.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when it does not compile.
    pub fn pipeline(&self, spec: &ShaderSpec) -> Result<Arc<Pipeline>, GpuError> {
        let builder = Builder {
            device: &self.inner.device,
            mode: self.inner.mode,
            uniform: self.inner.uniform_layout.as_ref(),
        };
        self.inner.pipelines.get(&builder, spec)
    }

    /// A buffer of `size` bytes with undefined contents, for a result. `what` names it in errors.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`] or [`GpuError::OutOfMemory`].
    pub fn alloc(&self, size: u64, what: &str) -> Result<Buffer, GpuError> {
        self.alloc_for(Purpose::Activations, size, what)
    }

    /// As [`Gpu::alloc`], for a given purpose.
    ///
    /// # Errors
    /// As [`Gpu::alloc`].
    pub fn alloc_for(&self, purpose: Purpose, size: u64, what: &str) -> Result<Buffer, GpuError> {
        let limit = self.inner.capabilities.limits.buffer;
        let class = Pool::class(size).min(limit & !3);
        if size > limit {
            return Err(GpuError::TooLarge {
                what: what.to_owned(),
                bytes: size,
                limit,
                limit_name: "maxBufferSize",
            });
        }
        if let Some(raw) = self.inner.pool.take(class) {
            return Ok(Buffer::new(raw, size, purpose, &self.inner.pool));
        }
        let raw = self.create(class, what).or_else(|_| {
            // Idle buffers of other sizes may be what is in the way; the pending work holds some too.
            self.flush();
            self.inner.pool.trim();
            let _ = self.inner.device.poll(wgpu::PollType::wait_indefinitely());
            self.create(class, what)
        })?;
        Ok(Buffer::new(raw, size, purpose, &self.inner.pool))
    }

    fn create(&self, size: u64, what: &str) -> Result<wgpu::Buffer, GpuError> {
        let scope = self.inner.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let raw = self.inner.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if pollster::block_on(scope.pop()).is_some() {
            self.check()?; // after a device loss every allocation fails: say that instead
            let held = self.memory().held();
            return Err(GpuError::OutOfMemory { what: what.to_owned(), bytes: size, held });
        }
        Ok(raw)
    }

    /// Submits and waits for everything recorded and written so far.
    ///
    /// # Errors
    /// Any error that the recorded work met.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.flush();
        if self.inner.staged.load(Ordering::Relaxed) > 0 {
            self.hand_in(None);
        }
        let polled = self.inner.device.poll(wgpu::PollType::wait_indefinitely());
        self.check()?;
        polled.map(|_| ()).map_err(|e| GpuError::Lost { reason: e.to_string() })
    }

    pub(super) fn stream(&self) -> MutexGuard<'_, Stream> {
        self.inner.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses the device when its time has come, once in a process: its successor lives.
    pub(super) fn lose_if_asked(&self, submits: u64) {
        static DONE: AtomicBool = AtomicBool::new(false);
        if self.inner.lose_at == Some(submits) && !DONE.swap(true, Ordering::Relaxed) {
            self.inner.device.destroy();
            let reason = "DAPO_LOSE_DEVICE_AT asked for it".to_owned();
            *self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(GpuError::Lost { reason });
        }
    }

    /// The first error that arrived outside of a call, if any. A lost device stays lost.
    pub(super) fn check(&self) -> Result<(), GpuError> {
        let mut fault = self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match &*fault {
            None => Ok(()),
            Some(lost @ GpuError::Lost { .. }) => Err(lost.clone()),
            Some(_) => Err(fault.take().unwrap_or(GpuError::NoAdapter)),
        }
    }
}

/// Collects what the driver reports on its own: errors that no scope caught, and device loss.
fn watch(device: &wgpu::Device, fault: &Arc<Mutex<Option<GpuError>>>) {
    let note = |fault: &Arc<Mutex<Option<GpuError>>>, error: GpuError| {
        let mut slot = fault.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = matches!(error, GpuError::Lost { .. });
        if slot.is_none() || lost {
            *slot = Some(error);
        }
    };
    let errors = Arc::clone(fault);
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let error = match error {
            wgpu::Error::OutOfMemory { .. } => {
                GpuError::OutOfMemory { what: "a command".into(), bytes: 0, held: 0 }
            }
            other => GpuError::Validation { message: other.to_string() },
        };
        note(&errors, error);
    }));
    let losses = Arc::clone(fault);
    device.set_device_lost_callback(move |reason, message| {
        if reason != wgpu::DeviceLostReason::Destroyed {
            note(&losses, GpuError::Lost { reason: message });
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
