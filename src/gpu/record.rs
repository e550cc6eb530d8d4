//! Recording: dispatches pile up and go to the device in few submits.
//!
//! Callers record one dispatch after the other and never think about encoders. The list is encoded
//! as one compute pass and submitted when somebody reads or uploads, when it grows long, or when it
//! holds so much arithmetic that the driver's watchdog could mistake it for a hang.

use std::sync::Arc;

use super::buffer::{Buffer, Raw};
use super::device::Gpu;
use super::error::GpuError;
use super::pipeline::{Access, MAX_PARAMS, Pipeline, ShaderSpec};
use super::profile::{LaunchLabel, Noted, Taking};

/// Arithmetic and traffic of one dispatch, as its kernel counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Work {
    /// Floating-point operations; a multiply-add is two.
    pub flops: f64,
    /// Bytes that must be read and written once.
    pub bytes: f64,
}

/// One kernel launch.
#[derive(Clone)]
pub struct Dispatch<'a> {
    /// The shader variant.
    pub shader: &'a ShaderSpec,
    /// Buffers with the byte offset at which each is bound, in binding order.
    pub buffers: &'a [(&'a Buffer, u64)],
    /// The shader's `Params` struct: at most 128 bytes of u32 and f32.
    pub params: &'a [u8],
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
    /// What it costs.
    pub work: Work,
    /// What it is called in a profile; asked only while one is taken.
    pub label: &'a dyn Fn() -> LaunchLabel,
}

/// Counters since the device was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct RecordStats {
    /// Kernel launches.
    pub dispatches: u64,
    /// Command buffers handed to the queue with work in them.
    pub submits: u64,
    /// Bytes written from the host.
    pub uploaded: u64,
    /// Bytes read back to the host.
    pub downloaded: u64,
}

/// Longest list before it is submitted anyway.
const MAX_PENDING: usize = 512;
/// Arithmetic in one submit after which it is sent: 0.2 s on a slow integrated GPU (1 TFLOP/s),
/// far below the 2 s watchdog of Windows.
const MAX_FLOPS: f64 = 2e11;
/// Distance of uniform slots: the default `minUniformBufferOffsetAlignment`.
const SLOT: usize = 256;

pub(super) struct Recorded {
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    params: Vec<u8>,
    pub(super) grid: [u32; 3],
    pub(super) work: Work,
    /// What only profiles want to know.
    pub(super) noted: Option<Noted>,
}

/// Without immediates: the uniform buffer's bind group and the buffer.
pub(super) type Slots = (wgpu::BindGroup, wgpu::Buffer);

impl Recorded {
    /// Writes the launch into a pass; `index` is its slot in the uniform buffer.
    pub(super) fn encode(&self, pass: &mut wgpu::ComputePass<'_>, slots: Option<&Slots>, index: usize) {
        pass.set_pipeline(&self.pipeline.raw);
        pass.set_bind_group(0, &self.bind_group, &[]);
        match slots {
            Some((group, _)) => pass.set_bind_group(1, group, &[(index * SLOT) as u32]),
            None => pass.set_immediates(0, &padded(&self.params)),
        }
        let [x, y, z] = self.grid;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Work that is recorded but not yet submitted.
#[derive(Default)]
pub(super) struct Stream {
    pending: Vec<Recorded>,
    flops: f64,
    pub(super) stats: RecordStats,
    pub(super) profile: Option<Taking>,
    /// Profiles that were started.
    pub(super) profiles: u64,
}

impl Gpu {
    /// Records one launch. It runs after everything recorded before it.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when the variant does not compile, [`GpuError::TooLarge`] when a buffer
    /// exceeds the binding limit or the grid a dimension, [`GpuError::Lost`] after a device loss.
    pub fn dispatch(&self, dispatch: &Dispatch<'_>) -> Result<(), GpuError> {
        if dispatch.grid.contains(&0) {
            return Ok(());
        }
        let caps = self.capabilities();
        if let Some(&groups) = dispatch.grid.iter().find(|&&g| g > caps.limits.workgroups) {
            return Err(GpuError::TooLarge {
                what: format!("the grid of {}", dispatch.shader.file),
                bytes: u64::from(groups),
                limit: u64::from(caps.limits.workgroups),
                limit_name: "maxComputeWorkgroupsPerDimension",
            });
        }
        let pipeline = self.pipeline(dispatch.shader)?;
        let entries = self.entries(dispatch, &pipeline)?;
        let bind_group = self.inner.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        });
        let mut stream = self.stream();
        let noted = stream.profile.as_ref().map(|taking| Noted {
            label: (dispatch.label)(),
            scope: taking.scopes.innermost(),
            memory: self.memory().live,
        });
        stream.pending.push(Recorded {
            pipeline,
            bind_group,
            params: dispatch.params.to_vec(),
            grid: dispatch.grid,
            work: dispatch.work,
            noted,
        });
        stream.flops += dispatch.work.flops;
        stream.stats.dispatches += 1;
        // A software device has no watchdog, but a bounded list keeps progress visible on it too.
        if stream.pending.len() >= MAX_PENDING || stream.flops >= MAX_FLOPS {
            self.submit(&mut stream);
        }
        drop(stream);
        self.check()
    }

    fn entries<'a>(
        &self,
        dispatch: &Dispatch<'a>,
        pipeline: &Pipeline,
    ) -> Result<Vec<wgpu::BindGroupEntry<'a>>, GpuError> {
        if dispatch.buffers.len() != pipeline.bindings.len() || dispatch.params.len() > MAX_PARAMS {
            return Err(GpuError::Validation {
                message: format!(
                    "{} binds {} buffers and at most {MAX_PARAMS} bytes of parameters, but got {} and {}",
                    pipeline.name,
                    pipeline.bindings.len(),
                    dispatch.buffers.len(),
                    dispatch.params.len()
                ),
            });
        }
        let limit = self.capabilities().limits.storage_binding;
        let bind = |(binding, (&(buffer, offset), access)): (usize, (&(&'a Buffer, u64), &Access))| {
            let resource = match (buffer.raw(), access) {
                (Raw::Texels(view), Access::Texels) => wgpu::BindingResource::TextureView(view),
                (Raw::Bytes(raw), Access::Read | Access::ReadWrite) => {
                    let bytes = buffer.size().saturating_sub(offset).next_multiple_of(4);
                    if bytes > limit {
                        return Err(GpuError::TooLarge {
                            what: format!("binding {binding} of {}", pipeline.name),
                            bytes,
                            limit,
                            limit_name: "maxStorageBufferBindingSize",
                        });
                    }
                    wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: raw,
                        offset,
                        size: wgpu::BufferSize::new(bytes),
                    })
                }
                _ => {
                    return Err(GpuError::Validation {
                        message: format!("binding {binding} of {} wants {access:?}", pipeline.name),
                    });
                }
            };
            Ok(wgpu::BindGroupEntry { binding: binding as u32, resource })
        };
        dispatch.buffers.iter().zip(&pipeline.bindings).enumerate().map(bind).collect()
    }

    /// Submits what is recorded; returns at once.
    pub fn flush(&self) {
        self.submit(&mut self.stream());
    }

    /// Launches and submits so far.
    pub fn record_stats(&self) -> RecordStats {
        self.stream().stats
    }

    pub(super) fn submit(&self, stream: &mut Stream) {
        if stream.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut stream.pending);
        stream.flops = 0.0;
        stream.stats.submits += 1;
        self.lose_if_asked(stream.stats.submits);
        match &mut stream.profile {
            Some(taking) => self.submit_profiled(taking, pending),
            None => self.encode_and_submit(&pending),
        }
    }

    /// One compute pass with everything in the list.
    pub(super) fn encode_and_submit(&self, pending: &[Recorded]) {
        let slots = self.upload_params(pending);
        let mut encoder =
            self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (i, recorded) in pending.iter().enumerate() {
                recorded.encode(&mut pass, slots.as_ref(), i);
            }
        }
        self.hand_in(Some(encoder.finish()));
    }

    /// Without immediates: one buffer with a slot a launch, filled by a single write.
    pub(super) fn upload_params(&self, pending: &[Recorded]) -> Option<Slots> {
        let layout = self.inner.uniform_layout.as_ref()?;
        let mut bytes = vec![0; pending.len() * SLOT];
        for (slot, recorded) in bytes.chunks_exact_mut(SLOT).zip(pending) {
            slot[..recorded.params.len()].copy_from_slice(&recorded.params);
        }
        let buffer = self.inner.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: bytes.len() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.inner.queue.write_buffer(&buffer, 0, &bytes);
        let group = self.inner.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("parameters"),
            layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &buffer,
                    offset: 0,
                    size: wgpu::BufferSize::new(MAX_PARAMS as u64),
                }),
            }],
        });
        Some((group, buffer))
    }
}

/// Immediates must all be set; kernels use a prefix of the block.
fn padded(params: &[u8]) -> [u8; MAX_PARAMS] {
    let mut block = [0; MAX_PARAMS];
    block[..params.len()].copy_from_slice(params);
    block
}
