//! Progress in plain lines, where standard error is no terminal: the log of a cluster's job, a file, a pipe.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar};

use super::say::say;

/// Seconds between two lines, unless [`VARIABLE`] says otherwise.
const EVERY: f64 = 30.0;
/// Seconds between two lines; 0 for none.
const VARIABLE: &str = "DAPO_PROGRESS";

/// What a bar counts.
#[derive(Debug, Clone)]
pub enum Unit {
    /// Things of this name, in the plural.
    Things(String),
    /// Bytes.
    Bytes,
}

/// Writes a line at intervals until the bar is finished or gone, if nobody sees the bar itself.
pub fn in_lines(bar: &ProgressBar, unit: Unit) {
    let every = every(std::env::var(VARIABLE).ok().as_deref());
    if let (Some(every), false) = (every, std::io::stderr().is_terminal()) {
        let bar = bar.downgrade();
        // The thread ends with the bar, or with the process: nothing waits for it.
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(every);
                match bar.upgrade() {
                    Some(bar) if !bar.is_finished() => say!("{}", line(&bar, &unit)),
                    _ => return,
                }
            }
        });
    }
}

/// The interval that the variable asks for; what is no number of seconds is the default.
fn every(variable: Option<&str>) -> Option<Duration> {
    let seconds = variable.and_then(|text| text.trim().parse().ok()).unwrap_or(EVERY);
    Duration::try_from_secs_f64(seconds).ok().filter(|every| !every.is_zero())
}

fn line(bar: &ProgressBar, unit: &Unit) -> String {
    let (done, total, rate) = (bar.position(), bar.length().unwrap_or_default(), bar.per_sec());
    let mut words = match unit {
        Unit::Things(unit) => format!("progress: {} of {} {unit}", HumanCount(done), HumanCount(total)),
        Unit::Bytes => format!("progress: {} of {}", HumanBytes(done), HumanBytes(total)),
    };
    if rate > 0.0 && rate.is_finite() {
        words += &match unit {
            Unit::Things(_) => format!(", {rate:.2}/s"),
            Unit::Bytes => format!(", {}/s", HumanBytes(rate as u64)),
        };
        words += &format!(", {} left", HumanDuration(bar.eta()));
    }
    match bar.message() {
        message if message.is_empty() => words,
        message => format!("{words}; {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_a_number_of_seconds() {
        assert_eq!(every(None), Some(Duration::from_secs(30)));
        assert_eq!(every(Some("0.5")), Some(Duration::from_millis(500)));
        assert_eq!((every(Some("0")), every(Some("-1")), every(Some("NaN"))), (None, None, None));
        assert_eq!(every(Some("often")), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_line_says_how_far_the_work_is() {
        let bar = ProgressBar::hidden();
        bar.set_length(3000);
        bar.set_position(1200);
        let things = line(&bar, &Unit::Things("images".into()));
        assert!(things.starts_with("progress: 1,200 of 3,000 images"), "{things}");
        bar.set_message("loss 0.5");
        assert!(line(&bar, &Unit::Bytes).starts_with("progress: 1.17 KiB of 2.93 KiB"));
        assert!(line(&bar, &Unit::Bytes).ends_with("; loss 0.5"));
    }
}
