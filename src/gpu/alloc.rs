//! Buffers, from the pool where it has one of the size class.

use super::buffer::{Buffer, Pool};
use super::device::Gpu;
use super::error::GpuError;
use super::memory::Purpose;
use super::wait;

impl Gpu {
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
        let limit = self.capabilities().limits.buffer;
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
            self.inner.bind_groups.clear();
            self.inner.pool.trim();
            let _ = wait::settle(&self.inner.device, &self.inner.queue);
            self.create(class, what)
        })?;
        Ok(Buffer::new(raw, size, purpose, &self.inner.pool))
    }

    fn create(&self, size: u64, what: &str) -> Result<wgpu::Buffer, GpuError> {
        if self.inner.faults.refuses_memory() {
            let held = self.memory().held();
            return Err(GpuError::OutOfMemory { what: what.to_owned(), bytes: size, held });
        }
        let descriptor = wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        match wait::allocate(&self.inner.device, size, || self.inner.device.create_buffer(&descriptor)) {
            Some(raw) => Ok(raw),
            None => {
                self.check()?; // after a device loss every allocation fails: say that instead
                let held = self.memory().held();
                Err(GpuError::OutOfMemory { what: what.to_owned(), bytes: size, held })
            }
        }
    }
}
