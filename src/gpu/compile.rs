//! Pipelines by shader variant, each compiled once, in a thread of its own.
//!
//! A launch can be recorded as soon as the bindings are known, which the text tells. So recording goes on while drivers
//! compile, and the first forward of a model compiles its pipelines side by side. Submitting waits for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::capabilities::MAX_PARAMS;
use super::clock::Instant;
use super::error::GpuError;
use super::options::ShaderMode;
use super::pipeline::{Access, ShaderSpec, bindings, browser_text};
use super::template::{Define, Expanded};
use super::wait;

/// A pipeline, compiled or being compiled.
#[derive(Debug)]
pub struct Pipeline {
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) bindings: Vec<Access>,
    /// Shader file, for labels and profiles.
    pub name: &'static str,
    compiled: OnceLock<Result<Compiled, GpuError>>,
}

#[derive(Debug)]
struct Compiled {
    raw: wgpu::ComputePipeline,
    seconds: f64,
}

impl Pipeline {
    /// The pipeline, when it is compiled.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when it does not compile.
    pub(super) fn wait(&self) -> Result<&wgpu::ComputePipeline, GpuError> {
        self.compiled.wait().as_ref().map(|compiled| &compiled.raw).map_err(GpuError::clone)
    }

    /// Waits until it is compiled: the seconds that this took.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when it does not compile.
    pub fn compile_seconds(&self) -> Result<f64, GpuError> {
        self.compiled.wait().as_ref().map(|compiled| compiled.seconds).map_err(GpuError::clone)
    }
}

/// Ends every wait for a pipeline, even if the compiler panics.
struct Ending<'a>(&'a Pipeline);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let name = self.0.name.to_owned();
        // Has no effect when the result is there.
        drop(
            self.0.compiled.set(Err(GpuError::Shader { name, message: "the compiler panicked".to_owned() })),
        );
    }
}

type Key = (&'static str, Vec<(&'static str, Define)>);

/// All pipelines of a device, by shader file and defines.
#[derive(Debug, Default)]
pub(super) struct PipelineCache {
    pipelines: Mutex<HashMap<Key, Arc<Pipeline>>>,
    layouts: Mutex<HashMap<Vec<Access>, wgpu::BindGroupLayout>>,
}

impl PipelineCache {
    /// The pipeline of `spec`, which begins to be compiled on its first use.
    pub(super) fn get(&self, builder: &Builder<'_>, spec: &ShaderSpec) -> Result<Arc<Pipeline>, GpuError> {
        let key = (spec.file, spec.defines.clone());
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(&key) {
            return Ok(Arc::clone(pipeline));
        }
        let pipeline = builder.start(spec, &self.layouts)?;
        pipelines.insert(key, Arc::clone(&pipeline));
        Ok(pipeline)
    }

    /// Number of pipelines and the seconds that compiling them took, summed over threads. Waits for those in work.
    pub(super) fn totals(&self) -> (usize, f64) {
        let all: Vec<Arc<Pipeline>> =
            self.pipelines.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let seconds = all.iter().filter_map(|pipeline| pipeline.compile_seconds().ok());
        seconds.fold((0, 0.0), |(count, sum), seconds| (count + 1, sum + seconds))
    }
}

/// The parts of a device that compilation needs.
pub(super) struct Builder<'a> {
    pub device: &'a wgpu::Device,
    pub mode: ShaderMode,
    /// Bind-group layout of the uniform fallback, when immediates are not used.
    pub uniform: Option<&'a wgpu::BindGroupLayout>,
    /// What the driver keeps of earlier compilations.
    pub cache: Option<&'a wgpu::PipelineCache>,
}

impl Builder<'_> {
    /// Expands the shader and starts the thread that compiles it.
    fn start(
        &self,
        spec: &ShaderSpec,
        layouts: &Mutex<HashMap<Vec<Access>, wgpu::BindGroupLayout>>,
    ) -> Result<Arc<Pipeline>, GpuError> {
        let expanded = spec.expand(self.uniform.is_none())?;
        let bindings = bindings(&expanded.code())
            .map_err(|message| GpuError::Shader { name: spec.file.to_owned(), message })?;
        let layout = layouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(bindings.clone())
            .or_insert_with(|| self.layout(&bindings))
            .clone();
        let compiled = OnceLock::new();
        let pipeline = Arc::new(Pipeline { layout, bindings, name: spec.file, compiled });
        let job = Job {
            pipeline: Arc::clone(&pipeline),
            expanded,
            device: self.device.clone(),
            mode: self.mode,
            uniform: self.uniform.cloned(),
            cache: self.cache.cloned(),
        };
        let job = Arc::new(job);
        let in_thread = Arc::clone(&job);
        let thread = std::thread::Builder::new().name("compile".to_owned());
        if thread.spawn(move || in_thread.run()).is_err() {
            job.run(); // no more threads: here and now
        }
        Ok(pipeline)
    }

    fn layout(&self, accesses: &[Access]) -> wgpu::BindGroupLayout {
        let entries: Vec<_> = accesses
            .iter()
            .enumerate()
            .map(|(binding, access)| wgpu::BindGroupLayoutEntry {
                binding: binding as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: match access {
                    Access::StorageTexture => wgpu::BindingType::StorageTexture {
                        access: wgpu::StorageTextureAccess::ReadOnly,
                        format: wgpu::TextureFormat::Rgba32Float,
                        view_dimension: wgpu::TextureViewDimension::D2,
                    },
                    Access::Read | Access::ReadWrite => wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Storage { read_only: *access == Access::Read },
                        has_dynamic_offset: false,
                        min_binding_size: None,
                    },
                },
                count: None,
            })
            .collect();
        self.device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
    }
}

/// One pipeline to compile.
struct Job {
    pipeline: Arc<Pipeline>,
    expanded: Expanded,
    device: wgpu::Device,
    mode: ShaderMode,
    uniform: Option<wgpu::BindGroupLayout>,
    cache: Option<wgpu::PipelineCache>,
}

impl Job {
    fn run(&self) {
        let _ending = Ending(&self.pipeline);
        drop(self.pipeline.compiled.set(self.compile()));
    }

    fn compile(&self) -> Result<Compiled, GpuError> {
        let started = Instant::now();
        let name = self.pipeline.name;
        let raw = wait::validate(&self.device, || self.create()).map_err(|error| {
            let message = with_origin(&error, &self.expanded);
            GpuError::Shader { name: name.to_owned(), message }
        })?;
        Ok(Compiled { raw, seconds: started.elapsed().as_secs_f64() })
    }

    fn create(&self) -> wgpu::ComputePipeline {
        let name = self.pipeline.name;
        let code = self.expanded.code();
        let code = if cfg!(target_arch = "wasm32") { browser_text(&code) } else { code };
        let descriptor =
            wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Wgsl(code.into()) };
        let module = match self.mode {
            ShaderMode::Checked => self.device.create_shader_module(descriptor),
            // SAFETY: trusted shaders must stay in bounds and terminate by themselves. All of them
            // are ours, and all run in checked mode, with canaries around their outputs, in tests.
            ShaderMode::Trusted => unsafe {
                self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
            },
        };
        let groups = [Some(&self.pipeline.layout), self.uniform.as_ref()];
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &groups[..1 + usize::from(self.uniform.is_some())],
            immediate_size: if self.uniform.is_some() { 0 } else { MAX_PARAMS as u32 },
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                // Our kernels write workgroup memory before they read it.
                zero_initialize_workgroup_memory: self.mode == ShaderMode::Checked,
            },
            cache: self.cache.as_ref(),
        })
    }
}

/// Adds `(shaders/file:line)` to a compiler message that names a line of the expanded text.
fn with_origin(message: &str, expanded: &Expanded) -> String {
    // naga writes `wgsl:12:5`, Chromium `WGSL: :12:5`.
    let line = message
        .split_once("wgsl:")
        .or_else(|| message.split_once("WGSL: :"))
        .map(|(_, rest)| rest)
        .and_then(|rest| rest.split(':').next())
        .and_then(|number| number.parse().ok());
    match line.and_then(|n| expanded.origin(n)) {
        Some(origin) => format!("{message} (shaders/{origin})"),
        None => message.to_owned(),
    }
}
