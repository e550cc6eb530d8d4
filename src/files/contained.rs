//! Third-party decoders on files from anywhere: a panic in one is an error of its file.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// How many calls of [`contained`] this thread is in.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs a decoder; none where it panicked.
pub fn contained<T>(decode: impl FnOnce() -> T) -> Option<T> {
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(decode));
    DEPTH.set(DEPTH.get() - 1);
    result.ok()
}

/// Keeps panics inside of [`contained`] from printing a trace, for a program that reports the file instead. Others
/// print theirs as before.
pub fn silence_contained_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DEPTH.get() == 0 {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_contained_and_counted_off() {
        assert_eq!(contained(|| 1), Some(1));
        assert_eq!(
            contained(|| contained(|| if DEPTH.get() == 2 {
                panic!("inner")
            })),
            Some(None)
        );
        assert_eq!(DEPTH.get(), 0);
    }
}
