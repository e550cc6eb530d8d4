//! Which of several devices is the fastest: a short race in processes of their own, held once and remembered.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process::wait;
use super::say::say;
use crate::clip::embedded;
use crate::files::read_unmarked;
use crate::gpu::AdapterSummary;
use crate::gpu::adapter::rivals;
use crate::lab::bench::BenchReport;
use crate::report::{today, write_atomic};
use crate::words::plural;

/// What is raced: most of the time of a model is spent in products like this one.
const CASE: &str = "matmul f32 m=1024 n=1024 k=1024";
/// A slow device needs seconds; one that takes longer than this is not to be used.
const LONGEST: Duration = Duration::from_secs(60);
const SCHEMA: &str = "dapo-wgpu/race/1";

/// A race that was held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Race {
    schema: String,
    /// When, as `2026-11-29`.
    date: String,
    /// In the order in which they are listed.
    entries: Vec<Entry>,
}

/// A device in a race.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// Name, API and driver.
    device: String,
    /// Median time; none where the device did not get there.
    seconds: Option<f64>,
}

/// What a race is remembered by: with another driver it is held again.
fn device(adapter: &AdapterSummary) -> String {
    let AdapterSummary { name, backend, driver, driver_info, .. } = adapter;
    format!("{name} · {backend} · {driver} {driver_info}").trim_end().to_owned()
}

/// The index of the fastest of several devices; `None` where there are not several, or no race could be held.
pub fn fastest(adapters: &[AdapterSummary]) -> Option<usize> {
    let rivals = rivals(adapters);
    let race = remembered(adapters).or_else(|| {
        (rivals.len() > 1).then(|| {
            say!("note: {}; a race decides once which is used", plural(rivals.len(), "device"));
            let race = Race::hold(&rivals, run);
            race.keep();
            race
        })
    })?;
    rivals.get(race.winner()?).map(|adapter| adapter.index)
}

/// The race of these devices, if it was held.
pub fn remembered(adapters: &[AdapterSummary]) -> Option<Race> {
    let rivals: Vec<String> = rivals(adapters).into_iter().map(device).collect();
    let race = Race::load(&file()?)?;
    (rivals.len() > 1 && race.entries.iter().map(|entry| &entry.device).eq(&rivals)).then_some(race)
}

/// Forgets the race, so that the next one is held.
pub fn forget() {
    let _ = file().map(std::fs::remove_file);
}

fn file() -> Option<PathBuf> {
    Some(embedded::cache_folder()?.join("dapo-wgpu/race.json"))
}

/// The median seconds of the case on a device, in a process of its own: drivers crash and hang.
fn run(adapter: &AdapterSummary) -> Option<f64> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    command.args([
        "bench",
        "--adapter",
        &adapter.index.to_string(),
        "--case",
        CASE,
        "--repeat",
        "5",
        "--json",
    ]);
    command.env_remove("DAPO_REQUIRE_GPU");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let status = wait(&mut child, LONGEST, || false).ok()??;
    let report: BenchReport = serde_json::from_reader(child.stdout.take()?).ok()?;
    status.success().then(|| report.timings.first().map(|timing| timing.spread.median))?
}

impl Race {
    fn hold(rivals: &[&AdapterSummary], run: impl Fn(&AdapterSummary) -> Option<f64>) -> Self {
        let entry = |adapter: &&AdapterSummary| Entry { device: device(adapter), seconds: run(adapter) };
        Self { schema: SCHEMA.into(), date: today(), entries: rivals.iter().map(entry).collect() }
    }

    /// A file that is missing or damaged is no race.
    fn load(path: &Path) -> Option<Self> {
        let race: Race = serde_json::from_slice(&read_unmarked(path).ok()?).ok()?;
        (race.schema == SCHEMA).then_some(race)
    }

    /// One that cannot be kept, or that nobody has won, is held again the next time.
    fn keep(&self) {
        if let (Some(path), Some(_), Ok(text)) = (file(), self.winner(), serde_json::to_vec_pretty(self)) {
            let _ = path.parent().map(std::fs::create_dir_all);
            let _ = write_atomic(&path, &text);
        }
    }

    /// Position of the fastest.
    fn winner(&self) -> Option<usize> {
        let done = self.entries.iter().enumerate().filter_map(|(at, entry)| Some((at, entry.seconds?)));
        done.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
    }

    /// Why the winner is used.
    pub fn why(&self) -> String {
        let time = |entry: &Entry| match entry.seconds {
            Some(seconds) => format!("{}: {:.3} ms", entry.device, 1e3 * seconds),
            None => format!("{}: failed", entry.device),
        };
        let times: Vec<String> = self.entries.iter().map(time).collect();
        format!(
            "the fastest in a race of {} on {}, {CASE}: {}; --race holds it again",
            plural(self.entries.len(), "device"),
            self.date,
            times.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str) -> AdapterSummary {
        serde_json::from_value(serde_json::json!({
            "index": index, "name": name, "backend": "vulkan", "kind": "discrete gpu", "software": false,
            "driver": "radv", "driver_info": "", "vendor": 1, "device": index, "pci_bus": "",
        }))
        .expect("an adapter")
    }

    #[test]
    fn the_fastest_wins_and_one_that_fails_does_not() {
        let found = [adapter(0, "a"), adapter(1, "b"), adapter(2, "c")];
        let times = |adapter: &AdapterSummary| [None, Some(0.5), Some(0.25)][adapter.index];
        let race = Race::hold(&found.iter().collect::<Vec<_>>(), times);
        assert_eq!(race.winner(), Some(2));
        let why = race.why();
        assert!(
            why.contains("3 devices")
                && why.contains("a · vulkan · radv: failed")
                && why.contains("500.000 ms")
        );
        assert_eq!(Race::hold(&[&found[0]], |_| None).winner(), None);
    }
}
