//! Device buffers from a pool.
//!
//! A [`Buffer`] goes back to the pool when its last handle is dropped and is handed out again to
//! later work. That is safe without a fence, because everything runs in order on one queue: a
//! dispatch that is recorded later cannot overtake one that still reads the old contents. Contents
//! of a new buffer are undefined: every kernel writes all of its output before anybody reads it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory::{PoolStats, Purpose};

/// A range of device memory, shared by its clones.
#[derive(Debug, Clone)]
pub struct Buffer {
    shared: Arc<Shared>,
    /// Bytes in use; the allocation may be larger.
    size: u64,
}

#[derive(Debug)]
struct Shared {
    raw: Option<wgpu::Buffer>,
    purpose: Purpose,
    pool: Arc<Pool>,
}

impl Buffer {
    pub(super) fn new(raw: wgpu::Buffer, size: u64, purpose: Purpose, pool: &Arc<Pool>) -> Self {
        pool.state().stats.add(purpose, raw.size());
        Self { shared: Arc::new(Shared { raw: Some(raw), purpose, pool: Arc::clone(pool) }), size }
    }

    /// Bytes that the owner asked for.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn raw(&self) -> &wgpu::Buffer {
        // The handle is taken out only while dropping, when nobody can call this any more.
        self.shared.raw.as_ref().unwrap_or_else(|| unreachable!("a live buffer has its allocation"))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(raw) = self.raw.take() {
            self.pool.put(raw, self.purpose);
        }
    }
}

/// Free buffers by size class, whatever they were for, and the account of all memory.
#[derive(Debug, Default)]
pub(super) struct Pool {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    free: BTreeMap<u64, Vec<wgpu::Buffer>>,
    stats: PoolStats,
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

    /// Gives every idle buffer back to the driver.
    pub(super) fn trim(&self) {
        let mut state = self.state();
        state.stats.idle = 0;
        let free = std::mem::take(&mut state.free);
        drop(state);
        drop(free);
    }

    /// Counts staging memory, which is not the pool's own.
    pub(super) fn stage(&self, bytes: u64) {
        self.state().stats.add(Purpose::Staging, bytes);
    }

    /// Ends what [`Pool::stage`] began.
    pub(super) fn unstage(&self, bytes: u64) {
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
