//! Shaders by key, compiled once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::capabilities::MAX_PARAMS;
use super::error::GpuError;
use super::options::ShaderMode;
use super::template::{self, Define, Includes};

/// How a shader uses a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    ReadWrite,
    /// `var NAME: texture_storage_2d<rgba32float, read>`
    StorageTexture,
}

/// A shader with everything that makes it a variant; the key of the pipeline cache.
#[derive(Debug, Clone)]
pub struct ShaderSpec {
    /// File name below `shaders/`; names the kernel in errors and profiles.
    pub file: &'static str,
    /// The file's text.
    pub text: &'static str,
    /// Constants, flags and types of this variant.
    pub defines: Vec<(&'static str, Define)>,
    /// Resolves the files of `#include`.
    pub includes: Includes,
}

impl ShaderSpec {
    /// The expanded WGSL, with parameters as immediates or as a uniform.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when the template is malformed.
    pub fn expand(&self, immediates: bool) -> Result<template::Expanded, GpuError> {
        let declaration = if immediates {
            "var<immediate> params: Params;"
        } else {
            "@group(1) @binding(0) var<uniform> params: Params;"
        };
        template::expand(self.file, self.text, &self.defines, self.includes, declaration)
            .map_err(|message| GpuError::Shader { name: self.file.to_owned(), message })
    }
}

/// The storage bindings of group 0, in order of their numbers, read from the WGSL: there is no second list that could
/// differ from the shader.
///
/// # Errors
/// A message when the numbers are not 0, 1, 2, … in order.
pub(super) fn bindings(code: &str) -> Result<Vec<Access>, String> {
    let mut found = Vec::new();
    for line in code.lines() {
        let Some(rest) = line.trim_start().strip_prefix("@group(0) @binding(") else { continue };
        let (number, rest) = rest.split_once(')').ok_or("malformed @binding")?;
        if number.parse() != Ok(found.len()) {
            return Err(format!("binding {number} is out of order"));
        }
        let access = match rest.trim_start() {
            r if r.starts_with("var<storage, read_write>") => Access::ReadWrite,
            r if r.starts_with("var<storage, read>") => Access::Read,
            r if r.starts_with("var ") && r.contains(": texture_storage_2d<rgba32float, read>") => {
                Access::StorageTexture
            }
            _ => return Err(format!("binding {number} is neither a storage buffer nor a storage texture")),
        };
        found.push(access);
    }
    Ok(found)
}

/// A compiled pipeline.
#[derive(Debug)]
pub struct Pipeline {
    pub(super) raw: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) bindings: Vec<Access>,
    /// Shader file, for labels and profiles.
    pub name: &'static str,
    /// Seconds that compiling it took.
    pub compile_seconds: f64,
}

type Key = (&'static str, Vec<(&'static str, Define)>);

/// A pipeline, once it is compiled.
type Slot = Mutex<Option<Arc<Pipeline>>>;

/// All pipelines of a device, by shader file and defines.
#[derive(Debug, Default)]
pub(super) struct PipelineCache {
    pipelines: Mutex<HashMap<Key, Arc<Slot>>>,
    layouts: Mutex<HashMap<Vec<Access>, wgpu::BindGroupLayout>>,
}

impl PipelineCache {
    /// The pipeline of `spec`, compiled on its first use.
    pub(super) fn get(&self, builder: &Builder<'_>, spec: &ShaderSpec) -> Result<Arc<Pipeline>, GpuError> {
        let key = (spec.file, spec.defines.clone());
        let slot = {
            let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(pipelines.entry(key).or_default())
        };
        // Only callers that want the same pipeline wait for each other.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = &*slot {
            return Ok(Arc::clone(pipeline));
        }
        let pipeline = Arc::new(builder.build(spec, &self.layouts)?);
        *slot = Some(Arc::clone(&pipeline));
        Ok(pipeline)
    }

    /// Number of pipelines and the seconds that compiling them took.
    pub(super) fn totals(&self) -> (usize, f64) {
        let slots: Vec<Arc<Slot>> =
            self.pipelines.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let made =
            slots.iter().filter_map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).clone());
        made.fold((0, 0.0), |(count, seconds), pipeline| (count + 1, seconds + pipeline.compile_seconds))
    }
}

/// The parts of a device that compilation needs.
pub(super) struct Builder<'a> {
    pub device: &'a wgpu::Device,
    pub mode: ShaderMode,
    /// Bind-group layout of the uniform fallback, when immediates are not used.
    pub uniform: Option<&'a wgpu::BindGroupLayout>,
}

impl Builder<'_> {
    fn build(
        &self,
        spec: &ShaderSpec,
        layouts: &Mutex<HashMap<Vec<Access>, wgpu::BindGroupLayout>>,
    ) -> Result<Pipeline, GpuError> {
        let started = std::time::Instant::now();
        let rejected = |message: String| GpuError::Shader { name: spec.file.to_owned(), message };
        let expanded = spec.expand(self.uniform.is_none())?;
        let code = expanded.code();
        let accesses = bindings(&code).map_err(rejected)?;
        let layout = layouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(accesses.clone())
            .or_insert_with(|| self.layout(&accesses))
            .clone();

        let scope = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(spec.file),
            source: wgpu::ShaderSource::Wgsl(code.into()),
        };
        let module = match self.mode {
            ShaderMode::Checked => self.device.create_shader_module(descriptor),
            // SAFETY: trusted shaders must stay in bounds and terminate by themselves. All of them
            // are ours, and all run in checked mode, with canaries around their outputs, in tests.
            ShaderMode::Trusted => unsafe {
                self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
            },
        };
        let groups = [Some(&layout), self.uniform];
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(spec.file),
            bind_group_layouts: &groups[..1 + usize::from(self.uniform.is_some())],
            immediate_size: if self.uniform.is_some() { 0 } else { MAX_PARAMS as u32 },
        });
        let raw = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(spec.file),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                // Our kernels write workgroup memory before they read it.
                zero_initialize_workgroup_memory: self.mode == ShaderMode::Checked,
            },
            cache: None,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(rejected(with_origin(&error.to_string(), &expanded)));
        }
        Ok(Pipeline {
            raw,
            layout,
            bindings: accesses,
            name: spec.file,
            compile_seconds: started.elapsed().as_secs_f64(),
        })
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

/// Adds `(shaders/file:line)` to a compiler message that names a line of the expanded text.
fn with_origin(message: &str, expanded: &template::Expanded) -> String {
    let line = message
        .split("wgsl:")
        .nth(1)
        .and_then(|rest| rest.split(':').next())
        .and_then(|number| number.parse().ok());
    match line.and_then(|n| expanded.origin(n)) {
        Some(origin) => format!("{message} (shaders/{origin})"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_read_off_the_shader() {
        let code = "@group(0) @binding(0) var<storage, read> a: array<f32>;\n\
                    @group(0) @binding(1) var<storage, read_write> b: array<f32>;";
        assert_eq!(bindings(code), Ok(vec![Access::Read, Access::ReadWrite]));
        let texture = "@group(0) @binding(0) var b: texture_storage_2d<rgba32float, read>;   // [k, n]";
        assert_eq!(bindings(texture), Ok(vec![Access::StorageTexture]));
        assert!(bindings("@group(0) @binding(1) var<storage, read> a: array<f32>;").is_err());
        assert!(bindings("@group(0) @binding(0) var<uniform> a: f32;").is_err());
    }
}
