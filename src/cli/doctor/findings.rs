//! What `doctor` finds.

use serde::Serialize;
use serde_json::Value;

use super::child::Step;
use crate::cli::Failure;
use crate::cli::say::say;
use crate::gpu::LoaderFacts;
use crate::kernels::registry::{Registry, Tier};
use crate::lab::Origin;
use crate::words::plural;

/// Switches that a failure is tried with, the least costly first.
const SWITCHES: [&str; 5] = [
    "DAPO_NO_COOPERATIVE_MATRIX",
    "DAPO_NO_TEXELS",
    "DAPO_NO_IMMEDIATES",
    "DAPO_NO_F16",
    "DAPO_NO_SUBGROUPS",
];
/// Beginnings of the names of variables that drivers, the loader, wgpu and this program read.
const VARIABLES: [&str; 14] = [
    "DAPO_",
    "VK_",
    "WGPU_",
    "MESA_",
    "LIBGL_",
    "RADV_",
    "ANV_",
    "INTEL_DEBUG",
    "LP_",
    "NODEVICE_",
    "DRI_",
    "CUDA_VISIBLE",
    "__NV",
    "__GL",
];
/// Cases of each kernel that the quick check runs.
const CASES: usize = 2;
/// Products that the quick benchmark times.
const BENCHED: &str = "matmul f32 m=512 n=512 k=512";

/// A case that is wrong, and what mends it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WrongCase {
    /// The case.
    pub case: String,
    /// What is wrong, or how the process ended.
    pub reason: String,
    /// The switch with which it is right; absent where none helps.
    pub mended_by: Option<String>,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Findings {
    /// Program and system.
    pub origin: Origin,
    /// Total and available memory of the machine in MiB, where the system tells.
    pub memory_mib: Option<(u64, u64)>,
    /// Variables that drivers and this program read.
    pub variables: Vec<(String, String)>,
    /// The Vulkan loader and the drivers' manifests.
    pub loader: LoaderFacts,
    /// What `devices --json` printed.
    pub devices: Option<Value>,
    /// What the quick check printed.
    pub check: Option<Value>,
    /// Cases that are wrong.
    pub wrong: Vec<WrongCase>,
    /// What the quick benchmark printed.
    pub bench: Option<Value>,
    /// Each step.
    pub steps: Vec<Step>,
}

/// What is printed and written.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// `dapo-wgpu/doctor/1`
    pub schema: &'static str,
    /// What to do, the most important first.
    pub advice: Vec<String>,
    /// What it follows from.
    #[serde(flatten)]
    pub found: Findings,
}

impl Findings {
    /// Whether a device is there and everything that was tried on it is right.
    pub fn is_healthy(&self) -> bool {
        self.devices.is_some()
            && self.check.is_some()
            && self.wrong.is_empty()
            && self.loader.problems().is_empty()
    }

    /// The adapter that is used.
    pub fn adapter(&self) -> Option<&Value> {
        self.devices.as_ref().map(|devices| &devices["chosen"]["adapter"])
    }

    /// Whether it is a software device.
    pub fn is_software(&self) -> bool {
        self.adapter().is_some_and(|adapter| adapter["software"] == true)
    }

    /// GFLOP/s of the benchmark.
    pub fn rate(&self) -> Option<f64> {
        let row = &self.bench.as_ref()?["timings"][0];
        row["gflops"].as_f64()
    }
}

/// Looks at everything.
///
/// # Errors
/// None of the machine's faults: those are what is looked for.
pub fn gather(adapter: &str, registry: &Registry, date: &str) -> Result<Findings, Failure> {
    let mut found = Findings {
        origin: Origin::without_device(date.to_owned(), "dapo-wgpu doctor".to_owned()),
        memory_mib: memory(),
        variables: variables(),
        loader: LoaderFacts::gather(),
        devices: None,
        check: None,
        wrong: Vec::new(),
        bench: None,
        steps: Vec::new(),
    };
    let of_adapter = ["--adapter", adapter];
    let run = |found: &mut Findings, what: &str, words: &[&str], variables: &[(&str, &str)]| {
        say!("{what} …");
        let step = Step::run(&[words, &of_adapter].concat(), variables);
        found.steps.push(step.clone());
        step
    };
    let devices = run(&mut found, "adapters and drivers", &["devices", "--json"], &[]);
    found.devices = devices.json().filter(|_| devices.ended_with(0));
    if found.devices.is_none() {
        return Ok(found);
    }
    let cases = cases(registry);
    let words: Vec<&str> = cases.iter().flat_map(|case| ["--case", case]).collect();
    let what = format!("{} of all kernels against float64", plural(cases.len(), "case"));
    let checked = run(&mut found, &what, &[&["check", "--json"], &words[..]].concat(), &[]);
    found.check = checked.json();
    for (case, reason) in wrong_cases(&checked, &cases, &mut found, &run) {
        let mended_by = mend(&case, &mut found, &run);
        found.wrong.push(WrongCase { case, reason, mended_by });
    }
    let words = ["bench", "--json", "--repeat", "3", "--case", BENCHED];
    let bench = run(&mut found, "a product of matrices against the clock", &words, &[]);
    found.bench = bench.json();
    Ok(found)
}

/// Runs a step: what is said, words, variables.
type Run<'a> = dyn Fn(&mut Findings, &str, &[&str], &[(&str, &str)]) -> Step + 'a;

/// The cases that are wrong, and why. Where the process did not come to its end, each case is tried alone.
fn wrong_cases(
    checked: &Step,
    cases: &[String],
    found: &mut Findings,
    run: &Run<'_>,
) -> Vec<(String, String)> {
    if let Some(report) = checked.json() {
        let kernels = report["kernels"].as_array().cloned().unwrap_or_default();
        let failed =
            kernels.iter().flat_map(|kernel| kernel["failed"].as_array().cloned().unwrap_or_default());
        let mut wrong: Vec<(String, String)> = Vec::new();
        for outcome in failed {
            let case = outcome["case"].as_str().unwrap_or_default().to_owned();
            let faults = outcome["faults"].as_array().cloned().unwrap_or_default();
            let fault = faults.first().and_then(Value::as_str).unwrap_or_default();
            let reason = format!("[{}] {fault}", outcome["variant"].as_str().unwrap_or_default());
            if !wrong.iter().any(|(known, _)| *known == case) {
                wrong.push((case, reason));
            }
        }
        return wrong;
    }
    let alone = |case: &String| {
        let step = run(found, &format!("{case} alone"), &["check", "--json", "--case", case], &[]);
        (!step.ended_with(0)).then(|| (case.clone(), step.reason()))
    };
    cases.iter().filter_map(alone).collect()
}

/// The first switch with which a case is right.
fn mend(case: &str, found: &mut Findings, run: &Run<'_>) -> Option<String> {
    let passes = |found: &mut Findings, words: &[&str], variables: &[(&str, &str)], name: &str| {
        let words = [&["check", "--json", "--case", case], words].concat();
        run(found, &format!("{case} with {name}"), &words, variables).ended_with(0)
    };
    let switch = SWITCHES.iter().find(|switch| passes(found, &[], &[(switch, "1")], switch));
    switch
        .map(|switch| format!("{switch}=1"))
        .or_else(|| passes(found, &["--checked"], &[], "--checked").then(|| "--checked".to_owned()))
}

/// The first small cases of each kernel.
fn cases(registry: &Registry) -> Vec<String> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for case in registry.conformance(Tier::Small) {
        let kernel = case.kernel();
        if labels.iter().filter(|(known, _)| known == kernel).count() < CASES {
            labels.push((kernel.to_owned(), case.label()));
        }
    }
    labels.into_iter().map(|(_, label)| label).collect()
}

fn variables() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| VARIABLES.iter().any(|begin| name.starts_with(begin)))
        .collect();
    found.sort();
    found
}

/// Total and available memory in MiB, as Linux tells.
fn memory() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    };
    Some((kib("MemTotal:")? / 1024, kib("MemAvailable:")? / 1024))
}

impl Report {
    /// # Errors
    /// None that JSON has.
    pub fn json(&self) -> Result<String, Failure> {
        Ok(serde_json::to_string_pretty(self).map_err(|e| Failure::new(e.to_string()))? + "\n")
    }

    /// For people: what to do, then what was found.
    pub fn text(&self) -> String {
        let found = &self.found;
        let mut lines: Vec<String> = self.advice.clone();
        lines.push(String::new());
        let adapters =
            found.devices.iter().flat_map(|d| d["adapters"].as_array().cloned().unwrap_or_default());
        for adapter in adapters.map(|report| report["adapter"].clone()) {
            let text = |key: &str| adapter[key].as_str().unwrap_or_default().to_owned();
            let used = found.adapter().is_some_and(|chosen| chosen["index"] == adapter["index"]);
            let mark = if used { "*" } else { " " };
            lines.push(format!(
                "{mark} adapter  {} · {} · {} · {} {}",
                text("name"),
                text("backend"),
                text("kind"),
                text("driver"),
                text("driver_info")
            ));
        }
        lines.extend(found.loader.drivers.iter().map(|driver| {
            let state =
                driver.problem.clone().unwrap_or_else(|| format!("{} is there", driver.shared_object));
            format!("  driver   {}: {state}", driver.file.display())
        }));
        if let Some(report) = &found.check {
            let runs = report["outcomes"].as_array().map_or(0, Vec::len);
            lines.push(format!(
                "  check    {} wrong of {}",
                plural(found.wrong.len(), "case"),
                plural(runs, "run")
            ));
        }
        for WrongCase { case, reason, mended_by } in &found.wrong {
            let mended =
                mended_by.as_ref().map_or("no switch mends it".to_owned(), |by| format!("right with {by}"));
            lines.push(format!("           --case '{case}' {reason}; {mended}"));
        }
        lines.extend(found.rate().map(|rate| format!("  speed    {rate:.1} GFLOP/s in {BENCHED}")));
        lines.extend(
            found.memory_mib.map(|(total, free)| format!("  memory   {free} of {total} MiB available")),
        );
        lines.extend(found.variables.iter().map(|(name, value)| format!("  variable {name}={value}")));
        lines.extend(found.origin.lines().into_iter().map(|line| format!("  {line}")));
        lines.join("\n") + "\n"
    }
}
