//! Bytes between host and device, and the staging memory that they pass through.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::buffer::{Buffer, Pool, Raw};
use super::device::Gpu;
use super::error::GpuError;
use super::memory::Purpose;
use super::wait;

/// Bytes that are written before they are submitted, so that staging memory stays bounded.
pub(super) const UPLOAD_CHUNK: usize = 32 << 20;

/// Staging memory that is counted for as long as this lives.
struct Staged<'a> {
    pool: &'a Pool,
    bytes: u64,
}

impl<'a> Staged<'a> {
    fn new(pool: &'a Pool, bytes: u64) -> Self {
        pool.count_staged(bytes);
        Self { pool, bytes }
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        self.pool.count_unstaged(self.bytes);
    }
}

impl Gpu {
    /// Submits and waits for everything recorded and written so far.
    pub fn wait(&self) -> Result<(), GpuError> {
        self.flush();
        if self.inner.staged.load(Ordering::Relaxed) > 0 {
            self.submit_commands(None);
        }
        self.settle()
    }

    /// Waits for everything submitted so far, and for nothing that is only recorded.
    pub(super) fn settle(&self) -> Result<(), GpuError> {
        let settled = wait::settle(&self.inner.device, &self.inner.queue);
        self.check()?;
        settled
    }

    /// A new buffer with these contents, as an input.
    ///
    /// # Errors
    /// As [`Gpu::alloc`].
    pub fn upload(&self, bytes: &[u8], what: &str) -> Result<Buffer, GpuError> {
        self.upload_for(Purpose::Inputs, bytes, what)
    }

    /// As [`Gpu::upload`], for a given purpose.
    ///
    /// # Errors
    /// As [`Gpu::alloc`].
    pub fn upload_for(&self, purpose: Purpose, bytes: &[u8], what: &str) -> Result<Buffer, GpuError> {
        let buffer = self.alloc_for(purpose, (bytes.len() as u64).next_multiple_of(4), what)?;
        self.write(&buffer, 0, bytes)?;
        Ok(buffer)
    }

    /// Overwrites a part of a buffer, after everything recorded so far.
    ///
    /// # Errors
    /// [`GpuError::Validation`] for a storage texture.
    pub fn write(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<(), GpuError> {
        let raw = bytes_of(buffer)?;
        // Writes go ahead of the next submit, so what is recorded must be submitted first.
        self.flush();
        self.stream().stats.uploaded += bytes.len() as u64;
        for (i, chunk) in bytes.chunks(UPLOAD_CHUNK).enumerate() {
            let at = offset + (i * UPLOAD_CHUNK) as u64;
            let size = chunk.len().next_multiple_of(4);
            let staged = self.stage(size as u64);
            if chunk.len() == size {
                self.inner.queue.write_buffer(raw, at, chunk);
            } else {
                let mut padded = chunk.to_vec();
                padded.resize(size, 0);
                self.inner.queue.write_buffer(raw, at, &padded);
            }
            if staged >= UPLOAD_CHUNK as u64 {
                self.submit_commands(None);
            }
        }
        self.check()
    }

    /// Counts bytes that are about to be written; how many there are since the last submit.
    pub(super) fn stage(&self, bytes: u64) -> u64 {
        self.inner.pool.count_staged(bytes);
        self.inner.staged.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// Waits for everything recorded so far and copies a buffer's bytes to the host.
    ///
    /// # Errors
    /// [`GpuError::Validation`] for a storage texture, [`GpuError::OutOfMemory`].
    pub fn read(&self, buffer: &Buffer) -> Result<Vec<u8>, GpuError> {
        let raw = bytes_of(buffer)?;
        let size = buffer.size().next_multiple_of(4);
        if size == 0 {
            return Ok(Vec::new());
        }
        self.flush();
        self.stream().stats.downloaded += size;
        let _staged = Staged::new(&self.inner.pool, size);
        let descriptor = wgpu::BufferDescriptor {
            label: Some("read-back"),
            size,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let device = &self.inner.device;
        let Some(staging) = wait::allocate(device, size, || device.create_buffer(&descriptor)) else {
            self.check()?;
            let held = self.memory().held();
            return Err(GpuError::OutOfMemory { what: "read-back".into(), bytes: size, held });
        };
        let mut encoder =
            self.inner.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(raw, 0, &staging, 0, size);
        self.submit_commands(Some(encoder.finish()));
        let mut bytes = self.map(&staging)?;
        bytes.truncate(buffer.size() as usize);
        Ok(bytes)
    }

    /// Waits until a mappable buffer is ready and copies it out.
    pub(super) fn map(&self, staging: &wgpu::Buffer) -> Result<Vec<u8>, GpuError> {
        let mapped = wait::map(&self.inner.device, staging);
        self.check()?; // says more than that nothing can be read
        mapped?;
        let view = staging.get_mapped_range(..).map_err(|e| GpuError::Lost { reason: e.to_string() })?;
        let bytes = view.to_vec();
        drop(view);
        staging.unmap();
        Ok(bytes)
    }

    /// Submits commands, and with them the writes since the last submit. Staging memory of writes is free when the
    /// device has finished them.
    pub(super) fn submit_commands(&self, commands: Option<wgpu::CommandBuffer>) {
        self.inner.queue.submit(commands);
        let staged = self.inner.staged.swap(0, Ordering::Relaxed);
        if staged > 0 {
            let pool = Arc::clone(&self.inner.pool);
            self.inner.queue.on_submitted_work_done(move || pool.count_unstaged(staged));
        }
    }
}

fn bytes_of(buffer: &Buffer) -> Result<&wgpu::Buffer, GpuError> {
    match buffer.raw() {
        Raw::Buffer(raw) => Ok(raw),
        Raw::StorageTexture(_) => Err(GpuError::Validation {
            message: "a storage texture can only be bound, not read or written".into(),
        }),
    }
}
