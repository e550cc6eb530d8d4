//! Recording: launches are collected and go to the device in few submits.
//!
//! Callers record one launch after the other and never deal with encoders. The list is encoded
//! as one compute pass and submitted on a read or upload, when it grows long, or when it
//! holds so much arithmetic that the driver's watchdog could mistake it for a hang.

use super::buffer::{Buffer, Raw};
use super::capabilities::MAX_PARAMS;
use super::compile::Pipeline;
use super::device::Gpu;
use super::error::GpuError;
use super::launch::{Dispatch, RecordStats};
use super::pipeline::Access;
use super::profile::LaunchInfo;
use super::stream::{ParamSlots, Recorded, SLOT, Stream};

/// Launches after which the list is submitted.
const MAX_PENDING: usize = 512;

impl Gpu {
    /// Records one launch. It runs after everything recorded before it.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when the variant's text is malformed (what the compiler rejects is an error of the call
    /// that submits it), [`GpuError::TooLarge`] when a buffer
    /// exceeds the binding limit or the grid a dimension.
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
        if self.inner.pool.textures_were_freed() {
            self.inner.bind_groups.clear();
        }
        let bind_group = self.inner.bind_groups.get(&self.inner.device, &pipeline.layout, &entries);
        let mut stream = self.stream();
        let info = stream.profile.as_ref().map(|profile| LaunchInfo {
            label: (dispatch.label)(),
            scope: profile.scope(),
            memory: self.memory().live,
        });
        stream.pending.push(Recorded {
            pipeline,
            bind_group,
            params: dispatch.params.to_vec(),
            grid: dispatch.grid,
            work: dispatch.work,
            info,
        });
        stream.flops += dispatch.work.flops;
        stream.stats.dispatches += 1;
        // A software device has no watchdog, but a bounded list keeps progress visible on it too.
        if stream.pending.len() >= MAX_PENDING || stream.flops >= self.inner.pace.budget() {
            self.submit_pending(&mut stream);
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
                (Raw::StorageTexture(view), Access::StorageTexture) => {
                    wgpu::BindingResource::TextureView(view)
                }
                (Raw::Buffer(raw), Access::Read | Access::ReadWrite) => {
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
                        message: format!("binding {binding} of {} requires {access:?}", pipeline.name),
                    });
                }
            };
            Ok(wgpu::BindGroupEntry { binding: binding as u32, resource })
        };
        dispatch.buffers.iter().zip(&pipeline.bindings).enumerate().map(bind).collect()
    }

    /// Submits everything recorded so far, without waiting for it.
    pub fn flush(&self) {
        self.submit_pending(&mut self.stream());
    }

    /// Counters since the device was opened.
    pub fn record_stats(&self) -> RecordStats {
        self.stream().stats
    }

    fn submit_pending(&self, stream: &mut Stream) {
        if stream.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut stream.pending);
        let flops = std::mem::take(&mut stream.flops);
        stream.stats.submits += 1;
        self.lose_if_asked(stream.stats.submits);
        if let Some(profile) = &mut stream.profile {
            return self.submit_profiled(profile, pending);
        }
        match self.encode_and_submit(&pending) {
            Ok(()) => self.inner.pace.submitted(&self.inner.queue, flops),
            Err(error) => self.keep_error(error),
        }
    }

    /// One compute pass with everything in the list.
    ///
    /// # Errors
    /// [`GpuError::Shader`] when a pipeline did not compile: nothing of the list runs.
    pub(super) fn encode_and_submit(&self, pending: &[Recorded]) -> Result<(), GpuError> {
        let slots = self.upload_params(pending);
        let mut encoder =
            self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for (i, recorded) in pending.iter().enumerate() {
                recorded.encode(&mut pass, slots.as_ref(), i)?;
            }
        }
        self.submit_commands(Some(encoder.finish()));
        Ok(())
    }

    /// On a device without immediates: one buffer with the parameters of all launches, filled by a single write.
    pub(super) fn upload_params(&self, pending: &[Recorded]) -> Option<ParamSlots> {
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
