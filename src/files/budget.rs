//! What one file may ask of memory.

use std::collections::TryReserveError;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};

/// The bounds that all readers of pictures and maps keep. A file that asks for more is refused with both numbers, before
/// memory is reserved for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of a file that is read as a whole.
    pub file_bytes: u64,
    /// Pixels of an image. At 3 bytes a pixel, 2^28 are 0.8 GB.
    pub pixels: u64,
    /// Pixels of an image that can be read strip by strip and kept reduced.
    pub pixels_in_strips: u64,
    /// Pixels that are kept of it.
    pub reduced_pixels: u64,
    /// Pixels along a side of an image.
    pub side: u32,
    /// Pixels for each byte of an image file of more than [`free_pixels`](Self::free_pixels). Formats that can say "all
    /// of it is black" in a few bytes would otherwise fill gigabytes from a kilobyte.
    pub pixels_per_byte: u64,
    /// Pixels of an image file of any length.
    pub free_pixels: u64,
    /// Pixels of all images that are decoded at the same time, except that one image is always allowed.
    pub pixels_at_once: u64,
    /// Numbers of an array, such as a map: 2^26 are 256 MiB as float32.
    pub elements: u64,
}

/// The budget of this program.
pub const BUDGET: Budget = Budget {
    file_bytes: 1 << 30,
    pixels: 1 << 28,
    pixels_in_strips: 1 << 32,
    reduced_pixels: 1 << 26,
    side: 1 << 20,
    pixels_per_byte: 4096,
    free_pixels: 1 << 25,
    pixels_at_once: 1 << 27,
    elements: 1 << 26,
};

/// A file that asks for more than the budget has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it asks for {asked} {unit}; at most {limit} are read")]
pub struct OverBudget {
    /// What it asks for.
    pub asked: u64,
    /// What there is.
    pub limit: u64,
    /// Of what.
    pub unit: &'static str,
}

impl From<OverBudget> for io::Error {
    fn from(error: OverBudget) -> Self {
        io::Error::other(error)
    }
}

/// Pixels that are being decoded; see [`Budget::hold`].
static AT_ONCE: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

/// A share of [`Budget::pixels_at_once`], given back when it is dropped.
#[derive(Debug)]
pub struct Held(u64);

impl Budget {
    /// # Errors
    /// A file that is longer than may be read as a whole.
    pub fn check_file(&self, bytes: u64) -> Result<(), OverBudget> {
        within(bytes, self.file_bytes, "bytes")
    }

    /// # Errors
    /// An array with more numbers than may be read, of any shape.
    pub fn check_shape(&self, shape: &[usize]) -> Result<usize, OverBudget> {
        let elements = shape.iter().try_fold(1u64, |product, &axis| product.checked_mul(axis as u64));
        within(elements.unwrap_or(u64::MAX), self.elements, "numbers")?;
        Ok(elements.unwrap_or(0) as usize)
    }

    /// Whether an image of this size in a file of this length is a picture that may be decoded. Its number of pixels is
    /// to be checked before.
    pub fn is_plausible(&self, (width, height): (u32, u32), file_bytes: u64) -> bool {
        let pixels = u64::from(width) * u64::from(height);
        pixels <= self.free_pixels || pixels / self.pixels_per_byte <= file_bytes
    }

    /// An empty vector with room for so many elements.
    ///
    /// # Errors
    /// Where the memory does not have it.
    pub fn reserve<T>(elements: u64) -> Result<Vec<T>, OverBudget> {
        let no_room = |_: TryReserveError| OverBudget {
            asked: elements.saturating_mul(size_of::<T>() as u64),
            limit: 0,
            unit: "bytes of memory, which the system denies",
        };
        let mut vector = Vec::new();
        vector.try_reserve_exact(usize::try_from(elements).unwrap_or(usize::MAX)).map_err(no_room)?;
        Ok(vector)
    }

    /// Waits until so many pixels may be decoded beside those that are.
    pub fn hold(&self, pixels: u64) -> Held {
        let (held, returned) = &AT_ONCE;
        // The number is whole whenever the lock is free, so a poisoned one can still be used.
        let mut now = held.lock().unwrap_or_else(PoisonError::into_inner);
        while *now > 0 && *now + pixels > self.pixels_at_once {
            now = returned.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
        *now += pixels;
        Held(pixels)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (held, returned) = &AT_ONCE;
        *held.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        returned.notify_all();
    }
}

fn within(asked: u64, limit: u64, unit: &'static str) -> Result<(), OverBudget> {
    if asked <= limit { Ok(()) } else { Err(OverBudget { asked, limit, unit }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn bounds_are_inclusive_and_name_both_numbers() {
        assert_eq!(BUDGET.check_shape(&[1 << 13, 1 << 13]), Ok(1 << 26));
        let over = BUDGET.check_shape(&[(1 << 26) + 1]).unwrap_err();
        assert_eq!(over.to_string(), "it asks for 67108865 numbers; at most 67108864 are read");
        assert!(BUDGET.check_shape(&[usize::MAX, usize::MAX]).is_err());
        assert_eq!(BUDGET.check_shape(&[0, usize::MAX]), Ok(0));
        assert!(BUDGET.is_plausible((4096, 4096), 1));
        assert!(BUDGET.is_plausible((16384, 16384), 65536) && !BUDGET.is_plausible((16384, 16384), 65535));
        assert!(Budget::reserve::<u64>(u64::MAX).is_err());
    }

    #[test]
    fn images_wait_for_each_other_and_one_is_always_allowed() {
        static NOW: AtomicU64 = AtomicU64::new(0);
        let budget = Budget { pixels_at_once: 100, ..BUDGET };
        std::thread::scope(|scope| {
            for pixels in [60, 60, 60, 1000, 30] {
                scope.spawn(move || {
                    for _ in 0..50 {
                        let _held = budget.hold(pixels);
                        let before = NOW.fetch_add(pixels, Ordering::SeqCst);
                        assert!(before == 0 || before + pixels <= 100, "{before} + {pixels}");
                        std::thread::yield_now();
                        NOW.fetch_sub(pixels, Ordering::SeqCst);
                    }
                });
            }
        });
    }
}
