//! Clock and power of a GPU while it is timed, where its driver tells: the files of Linux' hwmon (AMD, Intel), or
//! `nvidia-smi`, which asks NVML. Two runs at different clocks are no two versions of a kernel.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::gpu::AdapterSummary;

/// Time between two readings.
const PAUSE: Duration = Duration::from_millis(500);
/// PCI's number for NVIDIA.
const NVIDIA: u32 = 0x10de;
/// Where Linux lists the devices of PCI.
const DEVICES: &str = "/sys/bus/pci/devices";

/// What a device said of itself at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// Clock of the cores in MHz.
    pub clock: Option<f64>,
    /// Watts.
    pub power: Option<f64>,
}

/// The least and the largest reading during a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Sensors {
    /// `hwmon` or `nvidia-smi`.
    pub source: String,
    /// Clock of the cores in MHz.
    pub clock: Option<(f64, f64)>,
    /// Watts.
    pub power: Option<(f64, f64)>,
}

impl Sensors {
    fn of(source: &str, readings: &[Reading]) -> Option<Self> {
        let range = |what: fn(&Reading) -> Option<f64>| {
            let values = || readings.iter().filter_map(what);
            Some((values().reduce(f64::min)?, values().reduce(f64::max)?))
        };
        let (clock, power) = (range(|r| r.clock), range(|r| r.power));
        (clock.is_some() || power.is_some()).then(|| Self { source: source.to_owned(), clock, power })
    }

    /// `clock 1980 to 2010 MHz, power 310 to 345 W (nvidia-smi)`.
    pub fn line(&self) -> String {
        let range = |name: &str, unit: &str, range: Option<(f64, f64)>| {
            range.map(|(low, high)| format!("{name} {low:.0} to {high:.0} {unit}"))
        };
        let words = [range("clock", "MHz", self.clock), range("power", "W", self.power)];
        format!("{} ({})", words.into_iter().flatten().collect::<Vec<_>>().join(", "), self.source)
    }
}

/// Reads a device's sensors again and again until it is asked for the result.
#[derive(Debug)]
pub struct Watch {
    source: &'static str,
    stop: Sender<()>,
    thread: JoinHandle<Vec<Reading>>,
}

impl Watch {
    /// Begins, if this device has sensors that can be read.
    pub fn start(adapter: &AdapterSummary) -> Option<Self> {
        let bus = adapter.pci_bus.to_lowercase();
        if adapter.software || bus.is_empty() {
            return None;
        }
        let (source, read): (_, Box<dyn Fn() -> Option<Reading> + Send>) = match adapter.vendor {
            NVIDIA => ("nvidia-smi", Box::new(move || nvidia(&bus))),
            _ => ("hwmon", Box::new(move || hwmon(&Path::new(DEVICES).join(&bus)))),
        };
        read()?;
        let (stop, stopped) = channel();
        let watch = move || {
            let mut readings = Vec::new();
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                readings.extend(read());
            }
            readings
        };
        let thread = std::thread::Builder::new().name("sensors".to_owned()).spawn(watch).ok()?;
        Some(Self { source, stop, thread })
    }

    /// Ends: what was read, if anything was.
    pub fn end(self) -> Option<Sensors> {
        drop(self.stop);
        Sensors::of(self.source, &self.thread.join().ok()?)
    }
}

/// The hwmon folder of a PCI device: `freq1_input` in Hz, `power1_average` or `power1_input` in µW.
fn hwmon(device: &Path) -> Option<Reading> {
    let folder = std::fs::read_dir(device.join("hwmon")).ok()?.flatten().next()?.path();
    let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<f64>().ok();
    let power = number("power1_average").or_else(|| number("power1_input"));
    let reading =
        Reading { clock: number("freq1_input").map(|hz| hz * 1e-6), power: power.map(|uw| uw * 1e-6) };
    (reading != Reading::default()).then_some(reading)
}

fn nvidia(bus: &str) -> Option<Reading> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=clocks.sm,power.draw", "--format=csv,noheader,nounits", "--id", bus])
        .output()
        .ok()?;
    nvidia_line(&String::from_utf8_lossy(&output.stdout))
}

/// `1980, 312.45`; what a card does not tell is `[N/A]`.
fn nvidia_line(line: &str) -> Option<Reading> {
    let mut values = line.trim().split(',').map(|value| value.trim().parse::<f64>().ok());
    let reading = Reading { clock: values.next()?, power: values.next()? };
    (reading != Reading::default()).then_some(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_lines_are_read() {
        let device = tempfile::tempdir().unwrap();
        assert_eq!(hwmon(device.path()), None);
        let folder = device.path().join("hwmon/hwmon3");
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(hwmon(device.path()), None, "no sensor");
        std::fs::write(folder.join("freq1_input"), "2304000000\n").unwrap();
        assert_eq!(hwmon(device.path()), Some(Reading { clock: Some(2304.0), power: None }));
        std::fs::write(folder.join("power1_average"), "215000000\n").unwrap();
        assert_eq!(hwmon(device.path()), Some(Reading { clock: Some(2304.0), power: Some(215.0) }));

        assert_eq!(nvidia_line("1980, 312.45\n"), Some(Reading { clock: Some(1980.0), power: Some(312.45) }));
        assert_eq!(nvidia_line("[N/A], 40.0"), Some(Reading { clock: None, power: Some(40.0) }));
        for nothing in ["", "No devices were found", "[N/A], [N/A]"] {
            assert_eq!(nvidia_line(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_run_has_a_range() {
        let reading = |clock| Reading { clock: Some(clock), power: None };
        let sensors = Sensors::of("hwmon", &[reading(500.0), reading(2300.0), reading(2100.0)]).unwrap();
        assert_eq!(sensors.line(), "clock 500 to 2300 MHz (hwmon)");
        assert_eq!(Sensors::of("hwmon", &[Reading::default()]), None);
        assert_eq!(Sensors::of("hwmon", &[]), None);
    }
}
