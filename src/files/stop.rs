//! Whether the program was asked to stop, for what waits for files.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The flag itself, for loops that look at it between two pieces of work.
pub fn flag() -> &'static AtomicBool {
    &REQUESTED
}

/// Asks everything that waits to end. Whether it was asked before is the answer.
pub fn request() -> bool {
    REQUESTED.swap(true, Ordering::Relaxed)
}

/// Whether it was asked to.
pub fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
