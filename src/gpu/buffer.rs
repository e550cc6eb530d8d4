//! Device memory: buffers from a pool, and textures for what is written once and read often.
//!
//! A [`Buffer`] goes back to the pool when its last handle is dropped and is handed out again to
//! later work. That is safe without a fence, because everything runs in order on one queue: a
//! dispatch that is recorded later cannot overtake one that still reads the old contents. Contents
//! of a new buffer are undefined: every kernel writes all of its output before anybody reads it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// A piece of device memory, shared by its clones: a range of bytes, or a grid of texels.
#[derive(Debug, Clone)]
pub struct Buffer {
    shared: Arc<Shared>,
    /// Bytes in use; the allocation may be larger.
    size: u64,
}

#[derive(Debug)]
struct Shared {
    raw: Raw,
    pool: Arc<Pool>,
}

/// What holds the bytes.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    /// A range of bytes.
    Bytes(wgpu::Buffer),
    /// A grid of texels of four floats, as shaders see it.
    Texels(wgpu::TextureView),
}

impl Buffer {
    pub(super) fn new(raw: wgpu::Buffer, size: u64, pool: &Arc<Pool>) -> Self {
        Self::hold(Raw::Bytes(raw), size, pool)
    }

    pub(super) fn texels(view: wgpu::TextureView, size: u64, pool: &Arc<Pool>) -> Self {
        Self::hold(Raw::Texels(view), size, pool)
    }

    fn hold(raw: Raw, size: u64, pool: &Arc<Pool>) -> Self {
        pool.live.fetch_add(raw.bytes(), Ordering::Relaxed);
        pool.peak.fetch_max(pool.live.load(Ordering::Relaxed), Ordering::Relaxed);
        Self { shared: Arc::new(Shared { raw, pool: Arc::clone(pool) }), size }
    }

    /// Bytes that the owner asked for.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether this is a grid of texels, which shaders read otherwise than bytes.
    pub fn is_texels(&self) -> bool {
        matches!(self.shared.raw, Raw::Texels(_))
    }

    pub(super) fn raw(&self) -> &Raw {
        &self.shared.raw
    }
}

impl Raw {
    fn bytes(&self) -> u64 {
        match self {
            Raw::Bytes(buffer) => buffer.size(),
            Raw::Texels(view) => {
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
        self.pool.live.fetch_sub(self.raw.bytes(), Ordering::Relaxed);
        // Textures hold weights, which live as long as their model: nothing would reuse them.
        if let Raw::Bytes(buffer) = &self.raw {
            self.pool.put(buffer.clone());
        }
    }
}

/// Memory of a device, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolStats {
    /// In use now.
    pub live: u64,
    /// The most that was ever in use at once.
    pub peak: u64,
    /// Kept for reuse.
    pub idle: u64,
}

/// Free buffers by size class.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: Mutex<BTreeMap<u64, Vec<wgpu::Buffer>>>,
    live: AtomicU64,
    peak: AtomicU64,
}

impl Pool {
    /// The size class of a request: eight steps an octave, so that at most an eighth is wasted and
    /// similar shapes share buffers; never under 256 bytes, always a multiple of 4.
    pub(super) fn class(size: u64) -> u64 {
        let size = size.max(256);
        let step = (size.next_power_of_two() / 16).max(4);
        size.div_ceil(step) * step
    }

    pub(super) fn take(&self, class: u64) -> Option<wgpu::Buffer> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&class)?.pop()
    }

    fn put(&self, raw: wgpu::Buffer) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).entry(raw.size()).or_default().push(raw);
    }

    /// Gives every idle buffer back to the driver.
    pub(super) fn trim(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn stats(&self) -> PoolStats {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        PoolStats {
            live: self.live.load(Ordering::Relaxed),
            peak: self.peak.load(Ordering::Relaxed),
            idle: free.iter().map(|(class, list)| class * list.len() as u64).sum(),
        }
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
