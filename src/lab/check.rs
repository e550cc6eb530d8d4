//! Conformance of an adapter and driver: every variant of every case against the float64 reference.
//!
//! Functions that take a [`Gpu`] return the device's errors.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Device, Origin, Progress};
use crate::gpu::clock::Instant;
use crate::gpu::{Gpu, GpuError};
use crate::kernels::registry::{Cases, Registry, Tier};
use crate::kernels::{Outcome, Verifiable, check, gradient, variants};
use crate::words::{noun_of, plural};

/// Variants that a line on those that did not run names.
const NAMED: usize = 6;

/// A variant that did not run, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NotRun {
    /// The variant.
    pub variant: &'static str,
    /// Why it cannot run.
    pub reason: String,
    /// Number of cases.
    pub cases: usize,
}

/// The results of one kernel.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KernelReport {
    /// The family.
    pub kernel: String,
    /// Cases that were run.
    pub cases: usize,
    /// Number of runs: cases × variants × kinds of inputs.
    pub runs: usize,
    /// Largest |error| / bound of all elements of all runs.
    pub worst: f64,
    /// Cases whose reference was compared with finite differences of the forward pass.
    pub gradients: usize,
    /// Runs in which NaN and infinity propagated as IEEE 754 requires, and runs in which they did not
    /// (which WGSL allows).
    pub special_values: (usize, usize),
    /// Runs with errors.
    pub failed: Vec<Outcome>,
    /// Variants that did not run.
    pub not_run: Vec<NotRun>,
}

/// The result of a conformance run, to attach to a bug report.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CheckReport {
    /// `dapo-wgpu/check/1`
    pub schema: &'static str,
    /// Where it ran.
    pub device: Device,
    /// The program, system and driver, and the command that repeats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Which set of cases.
    pub tier: Tier,
    /// Seed of the inputs.
    pub seed: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Whether all cases were run, and every run passed.
    pub passed: bool,
    /// Whether the run was stopped before its last case.
    pub partial: bool,
    /// Cases that were run.
    pub cases: usize,
    /// Cases that were asked for.
    pub cases_asked: usize,
    /// By kernel.
    pub kernels: Vec<KernelReport>,
    /// Every run.
    pub outcomes: Vec<Outcome>,
}

/// The cases that `requested` names: the label of a case, a part of labels (all that contain it), or the label of a
/// new case. All cases when nothing is requested.
///
/// # Errors
/// A message when a request matches nothing.
pub fn select(registry: &Registry, all: Cases, requested: &[String]) -> Result<Cases, String> {
    if requested.is_empty() {
        return Ok(all);
    }
    let labels: Vec<String> = all.iter().map(|c| c.label()).collect();
    let mut chosen = vec![false; all.len()];
    let mut built = Cases::new();
    for text in requested {
        let text = text.trim();
        if let Some(at) = labels.iter().position(|label| label == text) {
            chosen[at] = true;
            continue;
        }
        if let Ok(case) = registry.parse(text, &[]) {
            built.push(case);
            continue;
        }
        let containing: Vec<usize> = (0..all.len()).filter(|&i| labels[i].contains(text)).collect();
        if containing.is_empty() {
            let reason = registry.parse(text, &[]).err().map_or_else(String::new, |e| e.reason);
            return Err(format!("no case contains '{text}', and it cannot be read as one: {reason}"));
        }
        containing.into_iter().for_each(|i| chosen[i] = true);
    }
    let kept = all.into_iter().zip(chosen).filter_map(|(case, keep)| keep.then_some(case));
    Ok(kept.chain(built).collect())
}

/// A conformance run, case by case.
pub struct Checking<'a> {
    gpu: &'a Gpu,
    cases: &'a [Box<dyn Verifiable>],
    tier: Tier,
    seed: u64,
    origin: Option<Origin>,
    started: Instant,
    done: usize,
    outcomes: Vec<Outcome>,
    kernels: Vec<KernelReport>,
    /// Cases by kernel, variant and why it cannot run.
    reasons: BTreeMap<(usize, &'static str, String), usize>,
}

impl<'a> Checking<'a> {
    /// A run of these cases, at its start.
    pub fn new(gpu: &'a Gpu, cases: &'a [Box<dyn Verifiable>], tier: Tier, seed: u64) -> Self {
        Self {
            gpu,
            cases,
            tier,
            seed,
            origin: None,
            started: Instant::now(),
            done: 0,
            outcomes: Vec::new(),
            kernels: Vec::new(),
            reasons: BTreeMap::new(),
        }
    }

    /// Says in the report where it comes from.
    pub fn with_origin(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    /// Cases that were run.
    pub fn done(&self) -> usize {
        self.done
    }

    /// What was found of each kernel so far; [`Checking::report`] adds what did not run.
    pub fn kernels(&self) -> &[KernelReport] {
        &self.kernels
    }

    /// The next case, if there is one.
    pub fn upcoming(&self) -> Option<&'a dyn Verifiable> {
        self.cases.get(self.done).map(AsRef::as_ref)
    }

    /// Runs the next case, if there is one. Wrong results are listed in the report, not returned as errors.
    pub fn step(&mut self) -> Result<(), GpuError> {
        let Some(case) = self.upcoming() else { return Ok(()) };
        let outcomes = check(self.gpu, case, self.seed)?;
        let at = self.kernels.iter().position(|k| k.kernel == case.kernel()).unwrap_or_else(|| {
            self.kernels.push(KernelReport {
                kernel: case.kernel().to_owned(),
                cases: 0,
                runs: 0,
                worst: 0.0,
                gradients: 0,
                special_values: (0, 0),
                failed: Vec::new(),
                not_run: Vec::new(),
            });
            self.kernels.len() - 1
        });
        for variant in variants(self.gpu, case) {
            if let Err(unmet) = variant.plan {
                *self.reasons.entry((at, variant.name, unmet.to_string())).or_default() += 1;
            }
        }
        let kernel = &mut self.kernels[at];
        kernel.cases += 1;
        for outcome in outcomes {
            kernel.runs += 1;
            if outcome.variant == gradient::NAME {
                kernel.gradients += 1;
            } else {
                kernel.worst = kernel.worst.max(outcome.worst);
            }
            match outcome.special_values_kept {
                Some(true) => kernel.special_values.0 += 1,
                Some(false) => kernel.special_values.1 += 1,
                None => {}
            }
            if !outcome.passed() {
                kernel.failed.push(outcome.clone());
            }
            self.outcomes.push(outcome);
        }
        self.done += 1;
        Ok(())
    }

    /// What was found so far.
    pub fn report(&self) -> CheckReport {
        let mut kernels = self.kernels.clone();
        for ((at, variant, reason), &cases) in &self.reasons {
            kernels[*at].not_run.push(NotRun { variant, reason: reason.clone(), cases });
        }
        let partial = self.done < self.cases.len();
        CheckReport {
            schema: "dapo-wgpu/check/1",
            device: Device::of(self.gpu),
            origin: self.origin.clone(),
            tier: self.tier,
            seed: self.seed,
            seconds: self.started.elapsed().as_secs_f64(),
            passed: !partial && !self.outcomes.is_empty() && self.outcomes.iter().all(Outcome::passed),
            partial,
            cases: self.done,
            cases_asked: self.cases.len(),
            kernels,
            outcomes: self.outcomes.clone(),
        }
    }
}

/// Checks these cases. Wrong results are listed in the report, not returned as errors.
pub fn run(
    gpu: &Gpu,
    cases: &[Box<dyn Verifiable>],
    tier: Tier,
    seed: u64,
    progress: &mut Progress<'_>,
) -> Result<CheckReport, GpuError> {
    let mut checking = Checking::new(gpu, cases, tier, seed);
    while let Some(case) = checking.upcoming() {
        if progress(checking.done(), cases.len(), &case.label()).is_break() {
            break;
        }
        checking.step()?;
    }
    Ok(checking.report())
}

impl CheckReport {
    /// As text: two lines on the device, one line per kernel, failed runs, variants not run, and the outcome.
    pub fn text(&self) -> String {
        let mut lines = vec![self.device.adapter.line(), self.device.summary()];
        for kernel in &self.kernels {
            let status = if kernel.failed.is_empty() { "ok   " } else { "WRONG" };
            let gradients = match kernel.gradients {
                0 => String::new(),
                n => format!("; {} by differences", plural(n, "gradient")),
            };
            lines.push(format!(
                "{status} {:19} {:3} {:5} {:4} {:4}   largest error {:.3} of its bound{gradients}",
                kernel.kernel,
                kernel.cases,
                noun_of(kernel.cases, "case"),
                kernel.runs,
                noun_of(kernel.runs, "run"),
                kernel.worst
            ));
            for outcome in &kernel.failed {
                let Outcome { case, variant, inputs, failures, .. } = outcome;
                lines.push(format!(
                    "        --case '{case}' [{variant}, {inputs:?} inputs]: {}",
                    failures.join("; ")
                ));
            }
        }
        let (kept, lost) =
            self.kernels.iter().fold((0, 0), |s, k| (s.0 + k.special_values.0, s.1 + k.special_values.1));
        let differing: Vec<String> = (self.kernels.iter().filter(|kernel| kernel.special_values.1 > 0))
            .map(|kernel| format!("{} ({})", kernel.kernel, plural(kernel.special_values.1, "run")))
            .collect();
        lines.push(format!(
            "NaN and infinity propagated as IEEE 754 requires in {kept} of {}{}",
            plural(kept + lost, "run"),
            match differing.is_empty() {
                true => String::new(),
                false => format!("; not in {}, which WGSL allows", differing.join(", ")),
            }
        ));
        lines.extend(self.not_run_lines());
        lines.extend(self.device.note_lines());
        let runs = self.outcomes.len();
        let failed: usize = self.kernels.iter().map(|k| k.failed.len()).sum();
        let counted = plural(runs, "run");
        lines.push(match (failed, runs) {
            (_, 0) => "NOTHING RAN".to_owned(),
            (0, _) if self.partial => format!("none of {counted} is wrong ({:.1} s)", self.seconds),
            (0, _) => format!("PASSED: {counted} in {:.1} s", self.seconds),
            _ => format!("FAILED: {failed} of {counted} wrong ({:.1} s)", self.seconds),
        });
        if self.partial {
            lines.push(format!(
                "PARTIAL: stopped after {} of {}",
                self.cases,
                plural(self.cases_asked, "case")
            ));
        }
        if let Some(origin) = &self.origin {
            lines.push("For a report of a bug:".to_owned());
            lines.extend(origin.lines().into_iter().map(|line| format!("  {line}")));
        }
        lines.join("\n") + "\n"
    }

    /// Variants that did not run, a line for each reason.
    fn not_run_lines(&self) -> Vec<String> {
        let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for kernel in &self.kernels {
            for NotRun { variant, reason, .. } in &kernel.not_run {
                reasons.entry(reason).or_default().push(format!("{} {variant}", kernel.kernel));
            }
        }
        let line = |(reason, mut names): (&str, Vec<String>)| {
            names.dedup();
            let rest = names.len().saturating_sub(NAMED);
            names.truncate(NAMED);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!("not run: {reason}: {}{more}", names.join(", "))
        };
        reasons.into_iter().map(line).collect()
    }
}
