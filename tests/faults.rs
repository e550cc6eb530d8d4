//! Faults at every point of a small run: the n-th write fails or is the last thing that the process does, the n-th
//! allocation on the device fails, the device is lost at the n-th submit. Afterwards nothing is half-written, the message
//! is clear, and the same command goes on to the bytes of a run without a fault.
//!
//! `cargo test` takes some n of each; `make faults` takes all.

mod common;

#[path = "faults/commands.rs"]
mod commands;
#[path = "faults/download.rs"]
mod download;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use commands::{COMMANDS, Verb};

/// Whether every n is to be tried.
fn all() -> bool {
    std::env::var("DAPO_FAULTS").is_ok_and(|text| text == "all")
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The disk is full from a write on.
    Full,
    /// One write fails.
    Write,
    /// The process is killed at a write.
    Kill,
    /// The device has no memory for an allocation.
    Memory,
    /// The device is lost at a submit.
    Loss,
}

const FAULTS: [Fault; 5] = [Fault::Full, Fault::Write, Fault::Kill, Fault::Memory, Fault::Loss];

impl Fault {
    /// The variable that asks for it, and its value.
    fn variable(self, n: usize) -> (&'static str, String) {
        match self {
            Self::Full => ("DAPO_FAIL_WRITE_AT", format!("{n}+")),
            Self::Write => ("DAPO_FAIL_WRITE_AT", n.to_string()),
            Self::Kill => ("DAPO_KILL_AT_WRITE", n.to_string()),
            Self::Memory => ("DAPO_FAIL_ALLOC_AT", n.to_string()),
            Self::Loss => ("DAPO_LOSE_DEVICE_AT", n.to_string()),
        }
    }

    /// Which n are tried after one that was reached.
    fn next(self, n: usize) -> usize {
        match (all(), self) {
            (true, _) => n + 1,
            (false, Self::Memory | Self::Loss) => 60 * n + 5,
            (false, _) => 30 * n + 1,
        }
    }

    /// The words of which a message has one.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Full | Self::Write => &["the disk is full", "asked for it"],
            Self::Kill => &[],
            Self::Memory => &["out of memory"],
            Self::Loss => &["the device was lost"],
        }
    }

    /// Whether a run has met it, and whether it ended as it should.
    fn met(self, what: &str, output: &Output) -> bool {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{what}: {stderr}");
        let code = output.status.code();
        if self == Self::Kill {
            return code.is_none();
        }
        let said = self.words().iter().any(|word| stderr.contains(word));
        match code {
            Some(0) => said, // gone on with another device, or without what could not be kept
            Some(1) => {
                assert!(said && stderr.contains("error:"), "{what}: an unclear message: {stderr}");
                true
            }
            _ => panic!("{what}: exit code {code:?}: {stderr}"),
        }
    }
}

/// A run in its folder.
struct Run<'a> {
    verb: &'a Verb,
    place: PathBuf,
}

impl Run<'_> {
    fn command(&self, fault: Option<(Fault, usize)>) -> Command {
        let mut command = common::program();
        command.current_dir(&self.place).args((self.verb.words)(&self.place));
        if let Some((fault, n)) = fault {
            let (name, value) = fault.variable(n);
            command.env(name, value);
        }
        command
    }

    fn clear(&self) {
        let _ = std::fs::remove_dir_all(self.place.join("out"));
        std::fs::create_dir(self.place.join("out")).expect("a folder");
        (self.verb.before)(&self.place);
    }

    /// What a finished run has left.
    fn outcome(&self) -> Vec<(String, Vec<u8>)> {
        (self.verb.outcome)(&self.place.join("out"))
    }
}

/// Tries a command with one fault after the other.
fn survives(name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let verb = COMMANDS.iter().find(|verb| verb.name == name).expect("a command");
    (verb.setup)(folder.path());
    let run = Run { verb, place: folder.path().to_owned() };
    run.clear();
    let ran: common::Run = common::finish(&mut run.command(None)).succeeds();
    let whole = run.outcome();
    assert!(!whole.is_empty(), "{ran:?}");
    let mut tried = 0;
    let is_tried = |fault: &Fault| match fault {
        // A disk that stays full shows the same, but for what is tried afterwards; `tests/cli` loses devices.
        Fault::Memory | Fault::Loss => verb.device && all(),
        Fault::Write => all(),
        Fault::Full | Fault::Kill => true,
    };
    for fault in FAULTS.into_iter().filter(is_tried) {
        let mut n = 1;
        loop {
            run.clear();
            let what = format!("{name}, {fault:?} {n}");
            let output = run.command(Some((fault, n))).output().expect("it starts");
            let met = fault.met(&what, &output);
            common::assert_whole(&run.place.join("out"));
            let again = common::finish(&mut run.command(None));
            let finished = again.code == Some(0) || (output.status.success() && (verb.is_finished)(&again));
            assert!(finished, "{what}, again: {again:#?}\nafter {}", String::from_utf8_lossy(&output.stderr));
            assert_same(&what, &whole, &run.outcome());
            if !met {
                break;
            }
            tried += 1;
            n = fault.next(n);
        }
    }
    println!("{name}: {tried} faults");
    assert!(tried >= if all() { 10 } else { 2 }, "{name} met {tried} faults only");
}

#[track_caller]
fn assert_same(what: &str, whole: &[(String, Vec<u8>)], found: &[(String, Vec<u8>)]) {
    let names = |files: &[(String, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(found), names(whole), "{what}");
    for ((name, a), (_, b)) in whole.iter().zip(found) {
        assert!(a == b, "{what}: {name} is not that of a run without a fault");
    }
}

#[test]
fn detect_survives_faults() {
    survives("detect");
}

#[test]
fn eval_survives_faults() {
    survives("eval");
}

#[test]
fn watch_survives_faults() {
    survives("watch");
}

#[test]
fn calibrate_survives_faults() {
    survives("calibrate");
}

#[test]
#[ignore = "it uses the embedded model: run by `make faults`"]
fn teach_survives_faults() {
    survives("teach");
}

#[test]
fn train_survives_faults() {
    survives("train");
}

#[test]
fn synth_survives_faults() {
    survives("synth");
}

#[test]
fn fetch_survives_faults() {
    download::survives(|n, step| if all() { n + 1 } else { n + step });
}

/// A reader that waits for a network that does not answer: what reads ahead ends all the same.
#[test]
fn a_file_that_never_comes_keeps_no_program() {
    use dapo_wgpu::files::stop;
    use std::time::{Duration, Instant};
    let mut inputs = dapo_wgpu::data::read_ahead(0..5, 4, 2, |n: u32| {
        if n == 1 {
            std::thread::sleep(Duration::from_secs(3600));
        }
        n
    });
    assert_eq!(inputs.next(), Some(0));
    let started = Instant::now();
    let stopping = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(200));
        assert!(!stop::request());
    });
    assert_eq!(inputs.next(), None);
    drop(inputs);
    stopping.join().expect("it stops");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

/// Files below a folder with what they hold, after `text` has taken out of a file what differs between equal runs;
/// `None` leaves a file out.
fn contents(folder: &Path, text: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let names = common::files(folder);
    let read = |name: String| {
        let bytes = std::fs::read(folder.join(&name)).expect("a file");
        Some((name.clone(), text(&name, bytes)?))
    };
    names.into_iter().filter_map(read).collect()
}
