//! `devices`: adapters, what they can do, and which will be used.

use serde::Serialize;

use super::Failure;
use super::options::DeviceArgs;
use super::output::print;
use super::race;
use crate::gpu::capabilities::PathState;
use crate::gpu::{AdapterChoice, AdapterSummary, Capabilities, GpuError, adapter};
use crate::kernels::registry::failed_trials;

/// Options of `devices`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    device: DeviceArgs,
    /// Hold the race again that decides between several devices
    #[arg(long, conflicts_with = "adapter")]
    race: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    schema: &'static str,
    adapters: Vec<adapter::AdapterReport>,
    chosen: Chosen,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Chosen {
    adapter: AdapterSummary,
    capabilities: Capabilities,
    why: String,
    timestamps_tick: bool,
    notes: Vec<String>,
}

/// Lists adapters.
///
/// # Errors
/// No adapter, no such adapter, or one that refuses.
pub fn run(args: &Args) -> Result<(), Failure> {
    let adapters = adapter::list();
    if adapters.is_empty() {
        return Err(GpuError::NoAdapter.into());
    }
    if args.race {
        race::forget();
    }
    let gpu = args.device.open()?;
    let summaries: Vec<AdapterSummary> = adapters.iter().map(|found| found.adapter.clone()).collect();
    let race = race::remembered(&summaries);
    let others = adapters.len() - 1;
    let why = match (args.device.choice(), race) {
        (AdapterChoice::Auto, _) if others == 0 => "the only adapter".to_owned(),
        (AdapterChoice::Auto, Some(race)) => race.why(),
        (AdapterChoice::Auto, None) => {
            "the fastest kind: discrete before integrated before virtual before software, native APIs before OpenGL"
                .to_owned()
        }
        (AdapterChoice::Index(i), _) => format!("--adapter {i}"),
        (AdapterChoice::Name(name), _) => format!("--adapter {name}"),
    };
    let chosen = Chosen {
        adapter: gpu.adapter().clone(),
        capabilities: gpu.capabilities().clone(),
        why,
        timestamps_tick: gpu.timestamps_tick()?,
        notes: failed_trials(&gpu),
    };
    let report = Report { schema: "dapo-wgpu/devices/1", adapters, chosen };
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(|e| Failure::new(e.to_string()))?;
        print(&(text + "\n"))
    } else {
        print(&describe(&report))
    }
}

/// The report for people.
fn describe(report: &Report) -> String {
    let mut lines = Vec::new();
    for found in &report.adapters {
        let chosen = found.adapter.index == report.chosen.adapter.index;
        lines.push(format!("{} {}", if chosen { "*" } else { " " }, found.adapter.line()));
    }
    let Chosen { adapter, capabilities: caps, why, timestamps_tick, notes } = &report.chosen;
    lines.push(format!("\nWill be used: {} ({why})", adapter.name));
    if adapter.software {
        let note =
            "This is a software device: the CPU does the work. Results are right, speed is not a GPU's.";
        lines.push(note.to_owned());
    }
    for path in &caps.paths {
        let state = match path.state {
            PathState::Used => "used",
            PathState::Idle => "idle",
            PathState::Unavailable => "no",
            PathState::SwitchedOff => "off",
        };
        let switch = &path.switch;
        lines.push(format!("  {:18} {state:5} {} [{switch}=1 switches it off]", path.name, path.detail));
    }
    if caps.timestamps {
        let verdict = if *timestamps_tick {
            "they advance"
        } else {
            "broken: they do not advance; do not believe timings made with them"
        };
        lines.push(format!("  {:18} {verdict}", "timestamps tick"));
    }
    lines.extend(notes.iter().map(|note| format!("  note: {note}")));
    let cores = caps.cores.map_or_else(String::new, |cores| format!(", {cores} compute units"));
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    lines.push(format!(
        "  limits: binding {:.0} MiB, buffer {:.0} MiB, workgroup memory {} KiB, {} invocations, {} storage buffers{cores}",
        mib(caps.limits.storage_binding),
        mib(caps.limits.buffer),
        caps.limits.workgroup_memory / 1024,
        caps.limits.invocations,
        caps.limits.storage_buffers
    ));
    lines.join("\n") + "\n"
}
