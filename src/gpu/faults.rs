//! Faults of a device on demand, to test what follows: it is lost at a submit, or out of memory at an allocation.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What was asked for; see docs/environment.md.
#[derive(Debug)]
pub(super) struct Faults {
    /// The submit at which the device is destroyed.
    lose_at: Option<u64>,
    /// The allocation from which on the driver has no memory for a while.
    fail_at: Option<u64>,
    allocations: AtomicU64,
}

/// Allocations in a row that fail: the first, and the one that is tried when idle buffers were given back.
const FAILING: u64 = 2;

impl Faults {
    /// Reads the environment.
    pub fn read() -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        Self {
            lose_at: number("DAPO_LOSE_DEVICE_AT"),
            fail_at: number("DAPO_FAIL_ALLOC_AT"),
            allocations: AtomicU64::new(0),
        }
    }

    /// Whether the device is to be lost at this submit. `DAPO_LOSE_DEVICE_AT` is heeded once in a process: a device that
    /// is opened afterwards stays.
    pub fn loses_device(&self, submit: u64) -> bool {
        static DONE: AtomicBool = AtomicBool::new(false);
        self.lose_at == Some(submit) && !DONE.swap(true, Ordering::Relaxed)
    }

    /// Whether the driver is to have no memory for the allocation that begins now.
    pub fn refuses_memory(&self) -> bool {
        let Some(at) = self.fail_at else { return false };
        let now = self.allocations.fetch_add(1, Ordering::Relaxed) + 1;
        (at..at + FAILING).contains(&now)
    }
}
