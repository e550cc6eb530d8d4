//! Faults on demand, to test what follows from them: the n-th write of the process fails, or is its end.
//!
//! Whatever writes files of results passes [`before_write`]. `DAPO_FAIL_WRITE_AT=7` fails the seventh write as a full disk
//! does, `7+` that and all later ones, and `DAPO_KILL_AT_WRITE=7` ends the process there as a kill does. Without these
//! variables it costs the look at an empty option.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is to happen, and at which write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    at: u64,
    /// Whether all later writes fail, too.
    and_later: bool,
    /// The process ends in place of an error.
    kill: bool,
}

impl Plan {
    fn read(fail: Option<&str>, kill: Option<&str>) -> Option<Self> {
        if let Some(at) = kill.and_then(|text| text.parse().ok()) {
            return Some(Self { at, and_later: false, kill: true });
        }
        let text = fail?;
        let at = text.strip_suffix('+').unwrap_or(text).parse().ok()?;
        Some(Self { at, and_later: text.ends_with('+'), kill: false })
    }

    fn concerns(self, write: u64) -> bool {
        write == self.at || (self.and_later && write > self.at)
    }
}

/// Is called before a file is created, filled or renamed.
///
/// # Errors
/// [`io::ErrorKind::StorageFull`] where a test asked for it.
pub fn before_write() -> io::Result<()> {
    static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let read = || {
        let of = |name: &str| std::env::var(name).ok();
        Plan::read(of("DAPO_FAIL_WRITE_AT").as_deref(), of("DAPO_KILL_AT_WRITE").as_deref())
    };
    let Some(plan) = PLAN.get_or_init(read) else { return Ok(()) };
    match plan.concerns(WRITES.fetch_add(1, Ordering::Relaxed) + 1) {
        false => Ok(()),
        // No destructor runs and nothing is flushed, as after SIGKILL.
        true if plan.kill => std::process::abort(),
        true => Err(io::Error::new(io::ErrorKind::StorageFull, "DAPO_FAIL_WRITE_AT asked for it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_from_text() {
        let hit = |plan: Option<Plan>| {
            (1..6).filter(|&n| plan.is_some_and(|p| p.concerns(n))).collect::<Vec<u64>>()
        };
        assert_eq!(hit(Plan::read(Some("3"), None)), [3]);
        assert_eq!(hit(Plan::read(Some("3+"), None)), [3, 4, 5]);
        assert!(hit(Plan::read(Some("x"), None)).is_empty());
        assert!(Plan::read(None, Some("2")).is_some_and(|plan| plan.kill && plan.at == 2));
        assert_eq!(Plan::read(None, None), None);
    }
}
