//! Processes of this program that may crash or hang.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// Time between two looks at whether a process has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until a process has ended; one that takes longer than `longest`, or that is `unwanted` by then, is ended, and has
/// no status.
///
/// # Errors
/// Those of the system.
pub fn wait(
    child: &mut Child,
    longest: Duration,
    unwanted: impl Fn() -> bool,
) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= longest || unwanted() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_that_hangs_or_is_unwanted_is_ended() {
        let start = |seconds: &str| Command::new("sleep").arg(seconds).spawn().unwrap();
        let long = Duration::from_secs(60);
        assert!(wait(&mut start("0"), long, || false).unwrap().is_some_and(|status| status.success()));
        let begun = Instant::now();
        assert_eq!(wait(&mut start("60"), Duration::from_millis(20), || false).unwrap(), None);
        assert_eq!(wait(&mut start("60"), long, || true).unwrap(), None);
        assert!(begun.elapsed() < long);
    }
}
