//! Many inputs through one reader: what is wrong with each, how long the slowest takes, how much memory the largest.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::meter;
use super::mutate::input;
use super::targets::{Desk, Target};

/// No input may take longer.
pub const LONGEST: Duration = Duration::from_secs(2);
/// No input may take more memory, in bytes.
pub const MOST: usize = 1 << 30;
/// An input that takes longer than this hangs: it ends the program.
const HANGS: Duration = Duration::from_secs(60);

/// What came of many inputs.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many they were.
    pub inputs: u64,
    /// Those that panicked, took too long or too much memory, by their numbers.
    pub faults: Vec<(u64, String)>,
    /// How many were valid.
    pub valid: u64,
    /// Panics of decoders that became errors of their files.
    pub contained: u64,
    /// The longest time and the number of its input.
    pub slowest: (Duration, u64),
    /// The most memory in bytes and the number of its input.
    pub largest: (usize, u64),
}

/// Panics so far, and the words of the last one.
static PANICS: Mutex<(u64, String)> = Mutex::new((0, String::new()));
/// The number of the input that is read, and when that began, in milliseconds of [`clock`].
static CURRENT: (AtomicU64, AtomicU64) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));

fn clock() -> u64 {
    static BEGAN: Mutex<Option<Instant>> = Mutex::new(None);
    let mut began = BEGAN.lock().expect("no panic here");
    began.get_or_insert_with(Instant::now).elapsed().as_millis() as u64
}

/// Counts panics instead of printing them, and ends the program where an input hangs.
pub fn prepare() {
    std::panic::set_hook(Box::new(|info| {
        let mut panics = PANICS.lock().expect("no panic here");
        *panics = (panics.0 + 1, info.to_string());
    }));
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let (number, began) = (CURRENT.0.load(Ordering::Relaxed), CURRENT.1.load(Ordering::Relaxed));
            if clock().saturating_sub(began) > HANGS.as_millis() as u64 {
                eprintln!("input {number} hangs");
                std::process::abort();
            }
        }
    });
}

/// Panics while reading, and either whether the input was valid or the panic that came through.
fn read(target: &Target, bytes: &[u8], desk: &Desk) -> (u64, Result<bool, String>) {
    let before = PANICS.lock().expect("no panic here").0;
    let read = catch_unwind(AssertUnwindSafe(|| (target.read)(bytes, desk)));
    let panics = PANICS.lock().expect("no panic here");
    (panics.0 - before, read.map_err(|_| panics.1.clone()))
}

/// Reads the inputs of these numbers.
pub fn run(target: &Target, numbers: std::ops::Range<u64>) -> Outcome {
    let seeds = (target.seeds)();
    read_all(target, numbers.map(|number| (number, input(target, &seeds, number))))
}

/// Reads inputs with their numbers.
pub fn read_all(target: &Target, inputs: impl Iterator<Item = (u64, Vec<u8>)>) -> Outcome {
    let desk = Desk::new();
    let mut outcome = Outcome::default();
    for (number, bytes) in inputs {
        CURRENT.0.store(number, Ordering::Relaxed);
        CURRENT.1.store(clock(), Ordering::Relaxed);
        let (before, began) = (meter::begin(), Instant::now());
        let (panics, result) = read(target, &bytes, &desk);
        let (mut time, memory) = (began.elapsed(), meter::peak().saturating_sub(before));
        if time > LONGEST {
            // Other programs take their share of a machine: the second time counts if it is shorter.
            let began = Instant::now();
            let _ = read(target, &bytes, &desk);
            time = time.min(began.elapsed());
        }
        CURRENT.1.store(u64::MAX, Ordering::Relaxed);
        outcome.inputs += 1;
        outcome.contained += panics.saturating_sub(u64::from(result.is_err()));
        outcome.valid += u64::from(result == Ok(true));
        outcome.slowest = outcome.slowest.max((time, number));
        outcome.largest = outcome.largest.max((memory, number));
        let slow = (time > LONGEST).then(|| format!("took {time:?}"));
        let large = (memory > MOST).then(|| format!("took {memory} bytes"));
        outcome.faults.extend([result.err(), slow, large].into_iter().flatten().map(|what| (number, what)));
    }
    outcome
}

impl Outcome {
    /// The heading of [`row`](Self::row).
    pub const HEADING: &str = "| reader | inputs | valid | panics, too slow, too large | contained panics | slowest ms | peak MB |\n\
         |---|---:|---:|---:|---:|---:|---:|";

    /// A line of a table.
    pub fn row(&self, name: &str) -> String {
        let Self { inputs, valid, contained, .. } = self;
        let faults = self.faults.len();
        let (time, memory) = (self.slowest.0.as_secs_f64() * 1e3, self.largest.0 as f64 / 1e6);
        format!("| {name} | {inputs} | {valid} | {faults} | {contained} | {time:.1} | {memory:.1} |")
    }
}
