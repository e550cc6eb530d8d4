//! Conformance of an adapter and driver: every variant of every case against the float64 reference.
//!
//! Functions that take a [`Gpu`] return the device's errors.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use super::{Device, Progress};
use crate::gpu::{Gpu, GpuError};
use crate::kernels::registry::{Cases, Registry, Tier};
use crate::kernels::{Outcome, Verifiable, check, gradient, variants};

/// A variant that did not run, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
pub struct CheckReport {
    /// `dapo-wgpu/check/1`
    pub schema: &'static str,
    /// Where it ran.
    pub device: Device,
    /// Which set of cases.
    pub tier: Tier,
    /// Seed of the inputs.
    pub seed: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Whether every run passed.
    pub passed: bool,
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

/// Checks these cases. Wrong results are listed in the report, not returned as errors.
pub fn run(
    gpu: &Gpu,
    cases: &[Box<dyn Verifiable>],
    tier: Tier,
    seed: u64,
    progress: &mut Progress<'_>,
) -> Result<CheckReport, GpuError> {
    let started = Instant::now();
    let mut outcomes = Vec::new();
    let mut kernels: Vec<KernelReport> = Vec::new();
    let mut reasons: BTreeMap<(usize, &'static str, String), usize> = BTreeMap::new();
    for (done, case) in cases.iter().enumerate() {
        progress(done, cases.len(), &case.label());
        let at = kernels.iter().position(|k| k.kernel == case.kernel()).unwrap_or_else(|| {
            kernels.push(KernelReport {
                kernel: case.kernel().to_owned(),
                cases: 0,
                runs: 0,
                worst: 0.0,
                gradients: 0,
                special_values: (0, 0),
                failed: Vec::new(),
                not_run: Vec::new(),
            });
            kernels.len() - 1
        });
        for variant in variants(gpu, case.as_ref()) {
            if let Err(unmet) = variant.plan {
                *reasons.entry((at, variant.name, unmet.to_string())).or_default() += 1;
            }
        }
        let kernel = &mut kernels[at];
        kernel.cases += 1;
        for outcome in check(gpu, case.as_ref(), seed)? {
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
            outcomes.push(outcome);
        }
    }
    for ((at, variant, reason), cases) in reasons {
        kernels[at].not_run.push(NotRun { variant, reason, cases });
    }
    Ok(CheckReport {
        schema: "dapo-wgpu/check/1",
        device: Device::of(gpu),
        tier,
        seed,
        seconds: started.elapsed().as_secs_f64(),
        passed: !outcomes.is_empty() && outcomes.iter().all(Outcome::passed),
        kernels,
        outcomes,
    })
}

impl CheckReport {
    /// As text: two lines on the device, one line per kernel, failed runs, variants not run, and the outcome.
    pub fn text(&self) -> String {
        let mut lines = vec![self.device.adapter.line(), self.device.summary()];
        for kernel in &self.kernels {
            let status = if kernel.failed.is_empty() { "ok   " } else { "WRONG" };
            let gradients = match kernel.gradients {
                0 => String::new(),
                n => format!("; {n} gradients by differences"),
            };
            lines.push(format!(
                "{status} {:19} {:3} cases {:4} runs   largest error {:.3} of its bound{gradients}",
                kernel.kernel, kernel.cases, kernel.runs, kernel.worst
            ));
            for outcome in &kernel.failed {
                let Outcome { case, variant, inputs, failures, .. } = outcome;
                lines.push(format!(
                    "        --case '{case}' [{variant}, {inputs:?} inputs]: {}",
                    failures.join("; ")
                ));
            }
            for NotRun { variant, reason, cases } in &kernel.not_run {
                lines.push(format!("        {variant} not run for {cases} of them: {reason}"));
            }
        }
        let (kept, lost) =
            self.kernels.iter().fold((0, 0), |s, k| (s.0 + k.special_values.0, s.1 + k.special_values.1));
        lines.push(format!(
            "NaN and infinity propagated as IEEE 754 requires in {kept} of {} runs (WGSL allows a device to differ)",
            kept + lost
        ));
        lines.extend(self.device.note_lines());
        let runs = self.outcomes.len();
        let failed: usize = self.kernels.iter().map(|k| k.failed.len()).sum();
        lines.push(match (failed, runs) {
            (_, 0) => "NOTHING RAN".to_owned(),
            (0, _) => format!("PASSED: {runs} runs in {:.1} s", self.seconds),
            _ => format!("FAILED: {failed} of {runs} runs are wrong ({:.1} s)", self.seconds),
        });
        lines.join("\n") + "\n"
    }
}
