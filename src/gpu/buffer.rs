//! Device memory: buffers from a pool, and storage textures for data that is written once and read often.
//!
//! A [`Buffer`] goes back to the pool when its last handle is dropped and is handed out again to
//! later work. That is safe without a fence because everything runs in order on one queue: a
//! dispatch that is recorded later cannot overtake one that still reads the old contents. Contents
//! of a new buffer are undefined: every kernel writes all of its output before it is read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory::{PoolStats, Purpose};

/// A piece of device memory, shared by its clones: a buffer, or a storage texture.
#[derive(Debug, Clone)]
pub struct Buffer {
    shared: Arc<Shared>,
    /// Bytes in use; the allocation may be larger.
    size: u64,
}

#[derive(Debug)]
struct Shared {
    raw: Raw,
    purpose: Purpose,
    pool: Arc<Pool>,
}

/// The wgpu object that holds the bytes.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    Buffer(wgpu::Buffer),
    /// Texels of four floats.
    StorageTexture(wgpu::TextureView),
}

impl Buffer {
    pub(super) fn new(raw: wgpu::Buffer, size: u64, purpose: Purpose, pool: &Arc<Pool>) -> Self {
        Self::wrap(Raw::Buffer(raw), size, purpose, pool)
    }

    pub(super) fn storage_texture(
        view: wgpu::TextureView,
        size: u64,
        purpose: Purpose,
        pool: &Arc<Pool>,
    ) -> Self {
        Self::wrap(Raw::StorageTexture(view), size, purpose, pool)
    }

    fn wrap(raw: Raw, size: u64, purpose: Purpose, pool: &Arc<Pool>) -> Self {
        pool.state().stats.add(purpose, raw.bytes());
        Self { shared: Arc::new(Shared { raw, purpose, pool: Arc::clone(pool) }), size }
    }

    /// Size in bytes, as requested.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether this is a storage texture, which shaders declare otherwise than a buffer.
    pub fn is_storage_texture(&self) -> bool {
        matches!(self.shared.raw, Raw::StorageTexture(_))
    }

    pub(super) fn raw(&self) -> &Raw {
        &self.shared.raw
    }
}

impl Raw {
    fn bytes(&self) -> u64 {
        match self {
            Raw::Buffer(buffer) => buffer.size(),
            Raw::StorageTexture(view) => {
                let texture = view.texture();
                u64::from(texture.width()) * u64::from(texture.height()) * TEXEL_BYTES
            }
        }
    }
}

/// Bytes of a texel: four float32.
pub(super) const TEXEL_BYTES: u64 = 16;

impl Drop for Shared {
    fn drop(&mut self) {
        match &self.raw {
            Raw::Buffer(buffer) => self.pool.put(buffer.clone(), self.purpose),
            // Textures hold weights, which live as long as their model: nothing would reuse them.
            Raw::StorageTexture(_) => self.pool.count_freed(self.raw.bytes(), self.purpose),
        }
    }
}

/// Free buffers by size class, whatever their purpose was, and the memory statistics.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: BTreeMap<u64, Vec<wgpu::Buffer>>,
    stats: PoolStats,
    /// Whether a storage texture was freed that bind groups may still hold.
    textures_freed: bool,
}

impl Pool {
    /// The size class of a request: eight steps an octave, so that at most an eighth is wasted and
    /// similar shapes share buffers; never under 256 bytes, always a multiple of 4.
    pub(super) fn class(size: u64) -> u64 {
        let size = size.max(256);
        let step = (size.next_power_of_two() / 16).max(4);
        size.div_ceil(step) * step
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, class: u64) -> Option<wgpu::Buffer> {
        let mut state = self.state();
        let raw = state.free.get_mut(&class)?.pop()?;
        state.stats.idle -= raw.size();
        Some(raw)
    }

    fn put(&self, raw: wgpu::Buffer, purpose: Purpose) {
        let mut state = self.state();
        state.stats.sub(purpose, raw.size());
        state.stats.idle += raw.size();
        state.free.entry(raw.size()).or_default().push(raw);
    }

    /// Counts memory of a texture, which nothing holds but bind groups.
    fn count_freed(&self, bytes: u64, purpose: Purpose) {
        let mut state = self.state();
        state.stats.sub(purpose, bytes);
        state.textures_freed = true;
    }

    /// Whether storage textures were freed since the last call.
    pub(super) fn textures_were_freed(&self) -> bool {
        std::mem::take(&mut self.state().textures_freed)
    }

    /// Returns every idle buffer to the driver.
    pub(super) fn trim(&self) {
        let mut state = self.state();
        state.stats.idle = 0;
        let free = std::mem::take(&mut state.free);
        drop(state);
        drop(free);
    }

    /// Counts staging memory, which the pool does not own.
    pub(super) fn count_staged(&self, bytes: u64) {
        self.state().stats.add(Purpose::Staging, bytes);
    }

    /// Counts staging memory as freed.
    pub(super) fn count_unstaged(&self, bytes: u64) {
        self.state().stats.sub(Purpose::Staging, bytes);
    }

    pub(super) fn stats(&self) -> PoolStats {
        self.state().stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_cover_the_request_and_waste_at_most_an_eighth() {
        for size in [1, 255, 256, 257, 1000, 4096, 5000, 1 << 20, (1 << 20) + 1, 151_781_376] {
            let class = Pool::class(size);
            assert!(class >= size && class.is_multiple_of(4));
            assert!(size < 256 || class as f64 <= size as f64 * 1.125 + 4.0, "{size} → {class}");
            assert_eq!(Pool::class(class), class, "a class is its own class");
        }
    }
}
