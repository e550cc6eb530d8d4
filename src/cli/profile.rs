//! `profile` and `--profile`: where does the time of a command go?

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::Failure;
use super::options::{DeviceArgs, RunArgs};
use super::output::{own_command, print};
use super::say::say;
use crate::gpu::{Profile, Purpose};
use crate::lab::Device;
use crate::lab::profile::{ProfileReport, extents, giga_rate, timeline};
use crate::report::{Trace, TraceCounter, TraceSlice, TraceTrack, write_atomic};

/// Options of `profile`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write every launch with its scopes as a trace that opens in Perfetto (ui.perfetto.dev); may also stand among the
    /// options of the command
    #[arg(long, value_name = "FILE.json")]
    trace: Option<PathBuf>,
    /// Write the summary as JSON
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Print the summary as one line of JSON to standard output, after what the command prints,
    /// instead of tables to standard error
    #[arg(long)]
    json: bool,
    /// The command to profile, with its options: detect, embed, train, check, eval,
    /// calibrate, teach or watch
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl Args {
    /// The command, and the trace that was asked for: `--trace` may stand behind the command, which has no such option.
    ///
    /// # Errors
    /// A message for a `--trace` without a file, and for two of them.
    pub fn split(&self) -> Result<(Vec<OsString>, Option<PathBuf>), String> {
        let (mut command, mut trace) = (Vec::new(), self.trace.clone());
        let mut words = self.command.iter();
        while let Some(word) = words.next() {
            let file = match word.to_str().and_then(|text| text.strip_prefix("--trace")) {
                _ if word == "--" => {
                    command.push(word.clone());
                    command.extend(words.by_ref().cloned());
                    break;
                }
                Some("") => words.next().map(PathBuf::from),
                Some(text) if text.starts_with('=') => Some(PathBuf::from(&text[1..])),
                _ => {
                    command.push(word.clone());
                    continue;
                }
            };
            let is_name =
                |file: &PathBuf| !file.as_os_str().is_empty() && !file.to_string_lossy().starts_with("--");
            let file = file.filter(is_name).ok_or("--trace: expected the name of a file behind it")?;
            if trace.replace(file).is_some() {
                return Err("--trace was given twice".to_owned());
            }
        }
        Ok((command, trace))
    }

    /// Runs the command under a profile, and passes on its exit code.
    ///
    /// # Errors
    /// Those of the command, and files that cannot be written.
    pub fn around(
        &self,
        trace: Option<PathBuf>,
        options: &RunArgs,
        verb: impl FnOnce() -> Result<ExitCode, Failure>,
    ) -> Result<ExitCode, Failure> {
        if options.profile.is_some() {
            return Err(Failure::usage("--profile: this command is profiled already")
                .hint("leave --profile out; `dapo-wgpu profile COMMAND… --trace FILE` writes a trace"));
        }
        let outputs = Outputs { trace, out: self.out.clone(), json: self.json };
        outputs.around(&options.device, verb)
    }
}

/// Runs a command, under a profile if `--profile` asks for one.
///
/// # Errors
/// Those of the command, and a trace that cannot be written.
pub fn around(
    options: &RunArgs,
    verb: impl FnOnce() -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    match &options.profile {
        None => verb(),
        Some(trace) => Outputs { trace: trace.clone(), out: None, json: false }.around(&options.device, verb),
    }
}

/// Where a profile goes.
struct Outputs {
    trace: Option<PathBuf>,
    out: Option<PathBuf>,
    json: bool,
}

impl Outputs {
    fn around(
        &self,
        device: &DeviceArgs,
        verb: impl FnOnce() -> Result<ExitCode, Failure>,
    ) -> Result<ExitCode, Failure> {
        device.profile(self.trace.iter().chain(&self.out).cloned().collect());
        let code = verb()?;
        let (gpu, profile) = device
            .end_profile()?
            .ok_or_else(|| Failure::new("nothing to profile: the command ran nothing on a device"))?;
        let command = own_command();
        let report = ProfileReport::new(Device::of(&gpu), command, &profile);
        let json = |text: serde_json::Result<String>| text.map_err(|e| Failure::new(e.to_string()));
        if let Some(path) = &self.out {
            write_atomic(path, (json(serde_json::to_string_pretty(&report))? + "\n").as_bytes())?;
        }
        if let Some(path) = &self.trace {
            write_atomic(path, trace(&report, &profile).json().as_bytes())?;
        }
        match self.json {
            true => print(&(json(serde_json::to_string(&report))? + "\n"))?,
            false => {
                say!("");
                report.text().trim_end().lines().for_each(|line| say!("{line}"));
            }
        }
        Ok(code)
    }
}

/// The time line: launches in their scopes, submits with the host's time between them, and memory.
fn trace(report: &ProfileReport, profile: &Profile) -> Trace {
    let times = timeline(&profile.spans);
    let slice = |name: String, (start, end): (f64, f64), args: Value| TraceSlice {
        name,
        start,
        end,
        args: object(args),
    };
    let scopes = profile
        .scopes
        .iter()
        .zip(extents(profile, &times))
        .filter_map(|(scope, extent)| Some(slice(scope.label(), extent?, json!({}))));
    let launches = profile.spans.iter().zip(&times).map(|(span, &times)| {
        let args = json!({
            "case": span.label.case,
            "variant": span.label.variant,
            "grid": span.grid,
            "submit": span.submit,
            "flops": span.work.flops,
            "bytes": span.work.bytes,
            "GFLOP/s": giga_rate(span.work.flops, span.seconds),
            "GB/s": giga_rate(span.work.bytes, span.seconds),
        });
        slice(format!("{} {}", span.label.kernel, span.label.variant), times, args)
    });
    let mut counts = vec![0; profile.submits.len()];
    profile.spans.iter().for_each(|span| counts[span.submit] += 1);
    let mut host = Vec::new();
    let mut free = 0.0;
    for (number, (submit, count)) in profile.submits.iter().zip(counts).enumerate() {
        let end = submit.start + submit.seconds;
        host.push(slice("host".to_owned(), (free, submit.start), json!({})));
        host.push(slice(format!("submit {number}"), (submit.start, end), json!({ "launches": count })));
        free = end;
    }
    host.push(slice("host".to_owned(), (free, profile.wall), json!({})));
    let memory = profile.spans.iter().zip(&times).map(|(span, &(start, _))| {
        let bytes = Purpose::ALL.map(|purpose| (purpose.name().to_owned(), span.memory.of(purpose).into()));
        (start, Map::from_iter(bytes))
    });
    Trace {
        title: report.command.clone(),
        about: object(json!({
            "adapter": report.device.adapter.line(),
            "clock": report.summary.clock,
            "note": report.summary.note(),
            "version": report.device.version,
        })),
        tracks: vec![
            TraceTrack { name: "launches".to_owned(), slices: scopes.chain(launches).collect() },
            TraceTrack { name: "submits".to_owned(), slices: host },
        ],
        counters: vec![TraceCounter { name: "memory (bytes)".to_owned(), values: memory.collect() }],
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
